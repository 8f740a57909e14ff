"""The story of bug 10 on a system like the one it happened to, as its gate would have seen it."""

from __future__ import annotations

import pytest
from resumeproof import Record, Scenario, Verdict
from resumeproof.verdicts.runner import run

from regressions.story.gate import subject
from regressions.story.scaler import NUMBERS
from regressions.story.trader import COMMITS, Trader, markets

SCENARIO = Scenario(length=128, save_at=64)


def judged(commit: str) -> Record:
    """What the gate says of one commit."""
    return run(subject(commit), SCENARIO, ("purity", "roundtrip", "resume", "completeness"))


@pytest.mark.parametrize("commit", ["good", "mended"])
def test_gate_is_green_where_nothing_new_is_lost(commit: str) -> None:
    """Environment, streams and journal come back otherwise, and are expected to."""
    record = judged(commit)
    assert record.verdict is Verdict.EXACT
    assert {"model.journal", "model.env", "model._last_obs"} <= {e.pattern for e in record.expected}


@pytest.mark.parametrize("commit", ["bad", "returned"])
def test_gate_is_red_with_exactly_the_new_loss(commit: str) -> None:
    """Both losses of the scaler's state are found, and nothing else is named."""
    record = judged(commit)
    assert record.verdict is Verdict.DIFFERS
    assert record.attribution is not None
    assert record.attribution.groups == ("model.scaler",)
    lost = {str(mismatch.keypath) for mismatch in record.attribution.lost}
    assert ("model.scaler.step_count" in lost) == (commit == "bad")
    assert any(path.startswith("model.scaler.means[") for path in lost)


def test_four_numbers_saw_nothing(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The test that the system had: of the two bad commits it passes on the second."""
    same = {}
    for commit, kind in COMMITS.items():
        model: Trader = kind("MlpPolicy", markets(), seed=0)
        model.learn(64)
        model.save(tmp_path / commit)
        again = kind.load(tmp_path / commit)
        same[commit] = all(getattr(again.scaler, n) == getattr(model.scaler, n) for n in NUMBERS)
    assert same == {"good": True, "bad": False, "returned": True, "mended": True}
