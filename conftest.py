"""Glue for our own tests: bits depend on threads and algorithms, so both are fixed here."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import torch

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
