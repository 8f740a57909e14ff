"""After every save and load the live run is, leaf by leaf, the one that was saved."""

from __future__ import annotations

from resumeproof.fuzzing.strategies import law_holds
from resumeproof.subjects.protocol import Subject


def test_roundtrip(ckpt_subject: Subject) -> None:
    """After one to five cycles, through every medium, the state is the one that was saved."""
    law_holds("roundtrip", ckpt_subject)
