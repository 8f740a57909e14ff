"""The search for causes: owners first, few runs, and what was not tried is said."""

import pytest
from resumeproof.causes.attribution import Attribution, owner_of
from resumeproof.causes.resuming import Resuming
from resumeproof.causes.search import attribute
from resumeproof.core.pace import Deadline
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.loop import loop
from resumeproof.trial.trial import Trial

SCENARIO = Scenario(length=24, save_at=4)


class Part:
    """Two numbers: one is read at every step, the other from step 20 on."""

    def __init__(self):
        self.soon, self.late, self.spare = 1.0, 1.0, 0


class Run:
    """Three parts, a table of many numbers, and a total that reads them."""

    def __init__(self):
        self.first, self.second, self.idle = Part(), Part(), Part()
        self.table = [0.5] * 50
        self.total, self.steps = 0.0, 0

    def step(self):
        """One step."""
        self.steps += 1
        for part in (self.first, self.second, self.idle):
            part.soon, part.late, part.spare = part.soon + 1, part.late + 1, 3
        self.table = [number + 1 for number in self.table]
        self.total += self.first.soon + sum(self.table)
        if self.steps > 20:
            self.total += self.second.late


def trial_of(*lost):
    """A trial of a run whose checkpoint loses some attributes, each with all below it."""

    def save(run):
        return {name: vars(run)[name] for name in vars(run) if name not in lost}

    def load(run, state):
        vars(run).update(state)

    subject = loop(make=Run, step=Run.step, save=save, load=load)
    return Trial(subject, SCENARIO)


def paths(mismatches):
    """Where they are."""
    return sorted(str(mismatch.keypath) for mismatch in mismatches)


def test_what_is_needed_late_is_found_beside_what_is_needed_at_once():
    """Short runs show the first; the run to the end shows that it is not all."""
    found = attribute(trial_of("first", "second", "idle"))
    assert found.complete
    assert found.minimal
    assert paths(found.causes) == ["run.first.soon", "run.second.late"]


@pytest.mark.parametrize("lost", [("first",), ("second",), ("first", "second", "idle", "table")])
def test_no_owner_can_be_left_out(lost):
    """With the causes put back nothing spreads; without those of any one owner something does."""
    trial = trial_of(*lost)
    found = attribute(trial)
    resuming = Resuming(trial, 0, lambda number, most: None)
    causal = [site for site in resuming.candidates if site.leaf in found.causes]
    assert resuming.agrees(causal)
    for owner in {owner_of(site.leaf) for site in causal}:
        assert not resuming.agrees([site for site in causal if owner_of(site.leaf) != owner])
    assert found.untried_owners == ()


def test_leaves_that_were_not_tried_are_named_and_stay_among_the_causes():
    """Fifty numbers of one owner are all needed: more than are tried where nobody gives time."""
    found = attribute(trial_of("table", "idle"))
    assert {owner_of(cause) for cause in found.causes} == {"run.table"}
    assert len(found.causes) == 50
    assert not found.minimal
    assert 0 < len(found.untried) < 50
    assert set(found.untried) <= set(paths(found.causes))
    assert Attribution.from_plain(found.to_plain()) == found


def test_given_time_every_leaf_is_tried():
    """A limit of time takes the place of the one of runs."""
    found = attribute(trial_of("table", "idle"), deadline=Deadline(600))
    assert found.minimal
    assert found.untried == ()
    assert len(found.causes) == 50


def test_without_time_all_that_was_lost_is_named_and_no_owner_was_tried():
    """The best set so far is all of it, and suffices."""
    found = attribute(trial_of("first", "idle"), deadline=Deadline(1e-9))
    assert found.complete
    assert not found.minimal
    assert found.causes == found.candidates
    assert {"run.first", "run.idle"} <= set(found.untried_owners)


def test_no_set_is_tried_twice():
    """Nor is one of which a larger one has spread."""
    numbers = []
    trial = trial_of("first", "second", "idle")
    found = attribute(trial, tell=lambda number, most: numbers.append(number))
    assert numbers == list(range(1, found.evaluations + 1))
    resuming = Resuming(trial, 0, lambda number, most: None)
    assert not resuming.agrees([])
    count = resuming.count
    assert not resuming.agrees([])
    assert resuming.agrees(resuming.candidates)
    assert resuming.agrees(resuming.candidates)
    assert resuming.count == count + 1
