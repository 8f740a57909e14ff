"""The contract of one part: its state is read without a trace, is plain data, and comes back."""

from __future__ import annotations

from resumeproof.fuzzing.strategies import law_holds
from resumeproof.subjects.protocol import Subject


def test_component(ckpt_subject: Subject) -> None:
    """Reading the state moves nothing, it survives pickle, and loading it gives it back."""
    law_holds("component", ckpt_subject)
