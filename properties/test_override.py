"""What a caller passes at a load wins; all else is the file's."""

from __future__ import annotations

from resumeproof.fuzzing.strategies import law_holds
from resumeproof.subjects.protocol import Subject


def test_override(ckpt_subject: Subject) -> None:
    """The explicit value is in force wherever it reaches, and nowhere else."""
    law_holds("override", ckpt_subject)
