"""The gate's runner finds every part of a checkpoint that does not come back, and names it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.saving import registry as parts
from resumeproof.core.scenario import Scenario
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record, Verdict

from properties.combinations import subjects

EVERY = parts.parts_of(DistributionalPPO)
NAME = "CartPole-v1: quantile twin, all on, value clipping"
# in the middle of the third rollout, with a time limit and resets before it
SCENARIO = Scenario(length=80, save_at=42, options={"n_envs": 2, "normalize": True})
# parts without an attribute of their own, or whose state lies elsewhere too
ELSEWHERE = {
    "policy.optimizer": ("model.policy.optimizer",),
    "streams": ("streams.",),
}
# a part whose state another one holds too: both are switched off
TOGETHER = {"spaces": ("spaces", "environment")}  # the environment's spaces are the model's
IDLE = {"declared": "DistributionalPPO itself declares nothing"}


class Sampling:
    """A subject that has drawn an action from its space: nothing else moves that stream."""

    def __init__(self, subject: Any) -> None:
        self.subject = subject

    def __getattr__(self, name: str) -> Any:
        return getattr(self.subject, name)

    def build(self, scenario: Scenario) -> Any:
        """As the subject does, and one draw."""
        model = self.subject.build(scenario)
        model.action_space.sample()
        return model


def forgotten(monkeypatch: pytest.MonkeyPatch, name: str) -> Record:
    """A scenario of our algorithm whose load leaves one part alone."""

    def prepare(_model: Any, _state: Any) -> Any:
        return lambda: None

    changed = tuple(
        dataclasses.replace(part, prepare=prepare)
        if part.name in TOGETHER.get(name, (name,))
        else part
        for part in EVERY
    )
    monkeypatch.setattr(parts, "parts_of", lambda _cls: changed)
    return run(Sampling(subjects()[NAME]), SCENARIO)


def test_the_scenario_is_exact_as_shipped() -> None:
    """What is found below is the fault that was planted."""
    record = run(Sampling(subjects()[NAME]), SCENARIO)
    assert record.verdict is Verdict.EXACT
    assert not record.vacuous


@pytest.mark.parametrize("name", [p.name for p in EVERY if p.name not in IDLE])
def test_a_part_that_is_not_restored_is_found_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The verdict is no EXACT, and a KeyPath under the part is in the findings."""
    attributes = next(part.attributes for part in EVERY if part.name == name)
    expected = ELSEWHERE.get(name) or tuple(f"model.{attribute}" for attribute in attributes)
    record = forgotten(monkeypatch, name)
    assert record.verdict in (Verdict.DIFFERS, Verdict.ERROR, Verdict.LOST_WORK)
    paths = [str(m.keypath) for finding in record.findings for m in finding.diff.mismatches]
    assert any(path.startswith(expected) for path in paths), record.error or paths[:20]


def test_idle_parts_hold_nothing() -> None:
    """A part is left out above only while there is nothing in it to lose."""
    model = subjects()[NAME].build(SCENARIO)
    for name in IDLE:
        assert not next(part for part in EVERY if part.name == name).save(model)
