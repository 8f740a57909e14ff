"""What is loaded has memory of its own."""

from __future__ import annotations

from resumeproof.fuzzing.strategies import law_holds
from resumeproof.subjects.protocol import Subject


def test_isolation(ckpt_subject: Subject) -> None:
    """Neither the saved run nor a state still held shares what training moves."""
    law_holds("isolation", ckpt_subject)
