"""A resumed run cannot be told apart from the one that never stopped."""

from __future__ import annotations

from resumeproof.fuzzing.strategies import law_holds
from resumeproof.subjects.protocol import Subject


def test_resume(ckpt_subject: Subject) -> None:
    """At every boundary after the save both runs are the same."""
    law_holds("resume", ckpt_subject)
