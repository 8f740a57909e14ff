"""Glue for our own tests: bits depend on threads and algorithms, so both are fixed here."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import torch

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def pytest_ckpt_subjects(config: Any) -> list[Any]:
    """Our own subjects, for the checks in properties/."""
    from properties import components, space

    return [
        space.OURS,
        components.ADAPTIVE_UPGD,
        components.UPGD_ALONE,
        components.VGS,
        components.KL_PENALTY,
        components.NORMALIZER,
    ]
