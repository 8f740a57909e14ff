"""The arms of a trial: what each does, that each runs once, and what trials share."""

import random

import pytest
from resumeproof.core.errors import HarnessError, InvalidScenario
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.loop import loop
from resumeproof.trial.runs import Shared
from resumeproof.trial.trial import Trial


class Counter:
    """A run that counts steps and sums random numbers."""

    built = 0

    def __init__(self):
        Counter.built += 1
        self.steps, self.total = 0, 0.0

    def step(self):
        """One step."""
        self.steps += 1
        self.total += random.random()

    def save(self):
        """The state, as a dict."""
        return {"steps": self.steps, "total": self.total, "stream": random.getstate()}

    def load(self, state):
        """Takes a state over."""
        self.steps, self.total = state["steps"], state["total"]
        random.setstate(state["stream"])


SUBJECT = loop(make=Counter, step=Counter.step, save=Counter.save, load=Counter.load)
SCENARIO = Scenario(length=8, save_at=3)


def test_arms_of_a_right_subject_agree_at_every_boundary():
    """Uninterrupted, repeated, in two calls, saving and resumed runs see the same states."""
    trial = Trial(SUBJECT, SCENARIO)
    reference = trial.uninterrupted.at
    assert set(reference) == set(trial.segmented.at) == {*range(1, 10)}
    for arm in (trial.repeat.at, trial.segmented.at, trial.saving[1], trial.resumed.at):
        assert set(arm) >= {4, 5, 6, 7, 8, 9}
        assert not used_difference(trial, reference, arm)


def used_difference(trial, expected, got):
    """What differs in all the run and the stream it draws from; it loses the other streams."""
    used = ("run", "streams.python")
    return [
        str(mismatch)
        for step, snapshot in got.items()
        for mismatch in trial.compare(expected[step], snapshot).mismatches
        if str(mismatch.keypath).startswith(used)
    ]


def test_an_arm_runs_once():
    """Asking again returns what was seen, without another build."""
    trial = Trial(SUBJECT, SCENARIO)
    assert trial.uninterrupted is trial.uninterrupted
    before = Counter.built
    _ = trial.uninterrupted, trial.repeat
    assert Counter.built == before + 1


def test_trials_of_one_build_share_the_uninterrupted_and_the_saving_run():
    """Save points that differ only in the step cost no further reference."""
    scenarios = [Scenario(length=8, save_at=step) for step in (0, 3, 5)]
    shared = Shared(scenarios)
    trials = [Trial(SUBJECT, scenario, shared) for scenario in scenarios]
    before = Counter.built
    courses = {id(trial.uninterrupted) for trial in trials}
    assert len(courses) == 1
    assert [trial.saving[0].step for trial in trials] == [0, 3, 5]
    assert Counter.built == before + 2


def test_global_streams_are_left_as_found():
    """No arm moves a stream of the program around it."""
    state = random.getstate()
    trial = Trial(SUBJECT, SCENARIO)
    _ = trial.uninterrupted, trial.saving, trial.resumed, trial.segmented
    assert random.getstate() == state


def test_streams_are_poisoned_before_a_load():
    """A subject that does not save its stream comes back with another one."""
    lazy = loop(
        make=Counter,
        step=Counter.step,
        save=lambda run: {"steps": run.steps, "total": run.total},
        load=lambda run, state: vars(run).update(state),
    )
    trial = Trial(lazy, SCENARIO)
    load = trial.resumed.loads[0]
    changed = {str(m.keypath) for m in trial.compare(load.saved, load.loaded).mismatches}
    assert "streams.python" in changed
    assert not any(path.startswith("run") for path in changed)


def test_cycles_save_and_load_again():
    """Every cycle is a save and a load of its own, at its own step."""
    trial = Trial(SUBJECT, Scenario(length=8, save_at=2, cycles=3, gap=2))
    assert [load.step for load in trial.resumed.loads] == [2, 4, 6]
    assert not used_difference(trial, trial.uninterrupted.at, trial.resumed.at)


def test_a_save_point_inside_a_call_is_refused_where_saves_lie_between_calls():
    """The message shows the step and where the subject can be saved."""

    class Between:
        name, exclusions, between_calls = "between", (), True

        def boundaries(self, scenario):
            return (4, 8)

    with pytest.raises(InvalidScenario, match=r"save point 3: between .* one of \[0, 4, 8\]"):
        Trial(Between(), SCENARIO)


def test_a_train_that_does_not_visit_is_an_error_that_says_so():
    """The promise that was broken is in the message."""

    class Deaf:
        name, exclusions = "deaf", ()

        def build(self, scenario):
            return [0]

        def train(self, live, *, until, visits):
            live[0] = until

        def roots(self, live):
            return {"live": live}

        def boundaries(self, scenario):
            return ()

    with pytest.raises(HarnessError, match=r"deaf did not pass step 3 .* to call visits\[t\]"):
        _ = Trial(Deaf(), SCENARIO).saving
