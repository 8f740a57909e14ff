"""Another interpreter, with other hashes in another folder, resumes the run just as well."""

from __future__ import annotations

from resumeproof.fuzzing.strategies import law_holds
from resumeproof.subjects.protocol import Subject


def test_fresh_process(ckpt_subject: Subject) -> None:
    """The laws of a load hold there too."""
    law_holds("fresh_process", ckpt_subject)
