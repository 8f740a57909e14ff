"""Saving is looking: it changes nothing and draws nothing."""

from __future__ import annotations

from resumeproof.fuzzing.strategies import law_holds
from resumeproof.subjects.protocol import Subject


def test_purity(ckpt_subject: Subject) -> None:
    """Neither the state nor the future of a run that is saved differs."""
    law_holds("purity", ckpt_subject)
