"""Scenarios that failed once: each is run again under the check it broke, for ever after."""

from __future__ import annotations

from pathlib import Path

import pytest
from resumeproof.fuzzing.corpus import Stored, read
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict

STORED = list(read(Path(__file__).parent / "scenarios"))


@pytest.mark.parametrize("stored", STORED, ids=lambda stored: f"{stored.check}-{stored.path.stem}")
def test_scenario_that_failed_once_is_exact(stored: Stored) -> None:
    """The check that it broke holds in it, and so do the others that every gate checks."""
    subject = stored.case.subject()
    checks = dict.fromkeys((stored.check, "roundtrip", "resume"))
    record = run(subject, stored.case.scenario, tuple(checks))
    assert record.verdict is Verdict.EXACT, str(record.findings)
