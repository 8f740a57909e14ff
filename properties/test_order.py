"""State belongs to names, never to positions."""

from __future__ import annotations

from resumeproof.fuzzing.strategies import law_holds
from resumeproof.subjects.protocol import Subject


def test_order(ckpt_subject: Subject) -> None:
    """With the parameters reversed a load is right or refuses."""
    law_holds("order", ckpt_subject)
