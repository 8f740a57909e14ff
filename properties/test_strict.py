"""Every check of the harness on our own algorithm, which declares itself strict."""

from __future__ import annotations

import pytest
from resumeproof.checks import CHECKS
from resumeproof.core.exclusions import require_used
from resumeproof.core.scenario import Scenario
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict

from properties.combinations import EXCLUSIONS, OPTIONS, subjects


def test_declared_exclusions_are_all_of_them() -> None:
    """What the class says of itself reaches every subject built on it, and nothing is added."""
    assert len(EXCLUSIONS) == 4
    assert all(subject.own_exclusions == EXCLUSIONS for subject in subjects().values())


@pytest.mark.parametrize("combination", OPTIONS)
@pytest.mark.parametrize("save_at", [16, 40])
def test_every_check_holds_on_every_combination(combination: str, save_at: int) -> None:
    """All checks, in this process and in another, with every exclusion of our own used."""
    subject = subjects()[f"CartPole-v1: {combination}"]
    assert subject.strict
    record = run(subject, Scenario(length=64, save_at=save_at, seed=1), tuple(CHECKS))
    assert (record.verdict, record.error, record.findings) == (Verdict.EXACT, "", ())
    assert not record.vacuous
    require_used(EXCLUSIONS, [e for e in EXCLUSIONS if e.pattern in record.used])
