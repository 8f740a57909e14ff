"""Nothing that training moved is as in a fresh build after a load."""

from __future__ import annotations

from resumeproof.fuzzing.strategies import law_holds
from resumeproof.subjects.protocol import Subject


def test_completeness(ckpt_subject: Subject) -> None:
    """No leaf is forgotten, whether or not the short future shows it."""
    law_holds("completeness", ckpt_subject)
