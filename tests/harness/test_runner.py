"""Verdicts: each from a subject that deserves it."""

import itertools
import random

import pytest
from resumeproof.core.errors import HarnessError
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.loop import loop
from resumeproof.verdicts.runner import run, run_many
from resumeproof.verdicts.verdict import Verdict

SCENARIO = Scenario(length=10, save_at=6)
TICKS = itertools.count()


class Sum:
    """Adds random numbers, scaled by a rate that decays."""

    def __init__(self):
        self.total, self.rate, self.scratch = 0.0, 1.0, 0.0

    def step(self):
        """One step."""
        self.scratch = random.random()
        self.total += self.rate * self.scratch
        self.rate *= 0.5

    def save(self):
        """The state, as a dict."""
        return {**vars(self), "stream": random.getstate()}

    def load(self, state):
        """Takes a state over."""
        random.setstate(state["stream"])
        self.total, self.rate, self.scratch = state["total"], state["rate"], state["scratch"]


def subject(kind=Sum, **options):
    """A loop over a class like `Sum`."""
    return loop(make=kind, step=kind.step, save=kind.save, load=kind.load, **options)


class ForgetsRate(Sum):
    """Loads all but the rate."""

    def load(self, state):
        """Takes a state over."""
        random.setstate(state["stream"])
        self.total, self.scratch = state["total"], state["scratch"]


class ForgetsScratch(Sum):
    """Loads all but what nothing reads."""

    def load(self, state):
        """Takes a state over."""
        random.setstate(state["stream"])
        self.total, self.rate = state["total"], state["rate"]


class Restless(Sum):
    """Is never twice the same."""

    def step(self):
        """One step."""
        self.total += next(TICKS)


class Explodes(Sum):
    """Cannot be loaded."""

    def load(self, state):
        """Takes a state over."""
        raise ValueError("no such layer")


class Draws(Sum):
    """Draws a number while it saves."""

    def save(self):
        """The state, as a dict."""
        random.random()
        return super().save()


def test_a_right_subject_is_exact():
    """All arms agree, and it is not vacuous."""
    record = run(subject(), SCENARIO)
    assert (record.verdict, record.findings, record.vacuous) == (Verdict.EXACT, (), False)


def test_a_forgotten_leaf_differs_and_is_the_cause():
    """The leaf is named, and nothing else."""
    record = run(subject(ForgetsRate), SCENARIO)
    assert record.verdict is Verdict.DIFFERS
    assert [str(m.keypath) for m in record.attribution.causes] == ["run.rate"]
    assert {finding.check for finding in record.findings} == {"roundtrip", "resume"}


def test_a_lost_leaf_that_changes_nothing_is_no_failure_unless_strict():
    """The future decides; a strict subject is held to every leaf."""
    lenient, strict = (run(subject(ForgetsScratch, strict=s), SCENARIO) for s in (False, True))
    assert lenient.verdict is Verdict.EXACT
    assert "leaves differ after the load and change nothing" in lenient.notes[0]
    assert lenient.findings == ()
    assert lenient.attribution.lost == ()
    assert strict.verdict is Verdict.DIFFERS


def test_a_subject_that_does_not_repeat_itself_is_flaky():
    """Its checkpoint is not blamed."""
    assert run(subject(Restless), SCENARIO).verdict is Verdict.FLAKY


def test_an_older_state_is_lost_work():
    """What came back is whole, but of an earlier save."""
    scenario = Scenario(length=10, save_at=3, cycles=2, gap=4)
    kinds = {run(subject(SavesOld), scenario).verdict}
    assert kinds == {Verdict.LOST_WORK}


class SavesOld(Sum):
    """Always restores the first checkpoint it ever wrote."""

    first = None

    def save(self):
        """The state, as a dict."""
        state = super().save()
        if SavesOld.first is None or state["total"] < SavesOld.first["total"]:
            SavesOld.first = state
        return SavesOld.first


def test_an_exception_of_the_subject_is_an_error_verdict():
    """Its type and text are in the record, and the place in the code that raised."""
    record = run(subject(Explodes), SCENARIO)
    assert record.verdict is Verdict.ERROR
    assert record.error.startswith("roundtrip: ValueError: no such layer (in load, ")
    assert "test_runner.py:" in record.error


def test_a_save_that_draws_is_a_finding_of_purity():
    """The stream it moved is named."""
    record = run(subject(Draws), SCENARIO, ("purity",))
    assert [f.check for f in record.findings] == ["purity"]
    assert "streams.python" in str(record.findings[0].diff)


def test_nothing_moved_is_vacuous():
    """A save before any training can lose nothing that shows."""
    record = run(subject(), Scenario(length=4, save_at=0))
    assert record.verdict is Verdict.EXACT
    assert record.vacuous


def test_scenario_that_nobody_looked_at_is_not_called_vacuous():
    """A check that runs no arm of its own knows nothing of what moved."""
    record = run(subject(), SCENARIO, ("idempotence",))
    assert (record.moved, record.moved_later, record.vacuous) == (None, None, False)


def test_many_scenarios_give_one_record_each_as_one_by_one():
    """Sharing runs changes no verdict."""
    scenarios = [Scenario(length=10, save_at=step) for step in (0, 4, 9)]
    records = list(run_many(subject(ForgetsRate), scenarios))
    alone = [run(subject(ForgetsRate), scenario) for scenario in scenarios]
    assert [r.verdict for r in records] == [r.verdict for r in alone]
    assert [r.scenario for r in records] == scenarios


def test_a_check_that_does_not_apply_is_unsupported_with_its_reason():
    """It never passes in silence."""
    record = run(subject(), SCENARIO, ("override",))
    assert record.verdict is Verdict.UNSUPPORTED
    assert record.skipped[0].check == "override"
    assert "`overrides`" in record.skipped[0].reason


def test_an_unknown_check_is_refused():
    """The message lists those there are."""
    with pytest.raises(
        HarnessError, match=r"names of checks in checks=, got 'resme': choose from .*resume"
    ):
        run(subject(), SCENARIO, ("resme",))
