"""Saving is looking: it changes nothing and draws nothing."""

from __future__ import annotations

from harness.strategies import law_holds
from harness.subjects import Subject


def test_purity(ckpt_subject: Subject) -> None:
    """Neither the state nor the future of a run that is saved differs."""
    law_holds("purity", ckpt_subject)
