"""What is saved right after a load is what was loaded."""

from __future__ import annotations

from resumeproof.fuzzing.strategies import law_holds
from resumeproof.subjects.protocol import Subject


def test_idempotence(ckpt_subject: Subject) -> None:
    """Both files hold the same, entry by entry."""
    law_holds("idempotence", ckpt_subject)
