"""Mutants: what a checkpoint can lose, broken on purpose, and whether the checks see it."""

import copy
import dataclasses

import pytest
import resumeproof.mutation.campaign as campaign
import torch
from resumeproof.core.errors import HarnessError
from resumeproof.core.scenario import Scenario
from resumeproof.mutation.campaign import mutate
from resumeproof.mutation.mutant import (
    CONTAINED,
    HEALED,
    KILLED,
    LOST_ANYWAY,
    NEVER_READ,
    UNCHANGED,
)
from resumeproof.state.mismatch import Diff
from resumeproof.subjects.loop import loop
from resumeproof.subjects.sb3 import sb3
from resumeproof.trial.finding import Finding
from stable_baselines3 import PPO

SCENARIO = Scenario(length=9, save_at=6)


class Run:
    """A small run whose checkpoint is whole: an optimizer, a stream, a list and an alias."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.1)
        self.losses = []
        self.scratch = 0.0

    def step(self):
        """One update; the scratch value is overwritten before it is read."""
        loss = self.net(torch.randn(4, 3)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.scratch = loss.item()
        self.losses = [*self.losses[-2:], self.scratch]

    def save(self, path):
        """All of it: weights, gradients, moments, losses, stream."""
        grads = [p.grad for p in self.net.parameters()]
        state = [self.net.state_dict(), grads, self.optimizer.state_dict()]
        state += [self.losses, self.scratch, torch.get_rng_state()]
        torch.save(copy.deepcopy(state), path)

    def load(self, path):
        """All of it."""
        net, grads, optimizer, self.losses, self.scratch, stream = torch.load(path)
        self.net.load_state_dict(net)
        for parameter, grad in zip(self.net.parameters(), grads, strict=True):
            parameter.grad = grad
        self.optimizer.load_state_dict(optimizer)
        torch.set_rng_state(stream)


def subject():
    """The run, under test."""
    return loop(make=Run, step=Run.step, save=Run.save, load=Run.load)


@pytest.fixture(scope="module")
def matrix():
    """All mutants of the run, under two checks."""
    return mutate(subject(), SCENARIO, ("roundtrip", "resume"))


def outcome_of(matrix, operator, tail):
    """The outcomes under `roundtrip` of one operator at KeyPaths that end so."""
    return [
        o
        for o in matrix.outcomes
        if o.mutant.operator == operator
        and o.check == "roundtrip"
        and (str(o.mutant.keypath).endswith(tail) or str(o.mutant.other).endswith(tail))
    ]


def test_roundtrip_kills_every_mutant_of_a_whole_checkpoint(matrix):
    """Every loss that changed anything shows, and there are many."""
    assert matrix.survivors("roundtrip") == ()
    assert matrix.count(KILLED, "roundtrip") > 200


@pytest.mark.parametrize(
    ("kind", "tail"),
    [
        ("fresh", ".exp_avg"),
        ("every element one ulp", ".exp_avg_sq"),
        ("one ulp", ".exp_avg_sq"),
        ("through bf16", ".exp_avg"),
        ("swapped", ".exp_avg"),
        ("stale", ".exp_avg"),
        ("layout", ".exp_avg"),
        ("dtype", ".step"),
        ("container", ".losses"),
        ("half stream", "streams.torch"),
        ("stream shifted", "streams.torch"),
        ("off by one", ".step"),
    ],
)
def test_the_blind_spots_of_the_field_are_killed_by_name(matrix, kind, tail):
    """Each is tried at the place that other tests miss, killed, and the place is named."""
    found = outcome_of(matrix, kind, tail)
    if not found:  # the optimizer counts in a float
        found = outcome_of(matrix, "one ulp", tail)
    assert found
    assert all(o.result == KILLED and o.named for o in found)


def test_resume_does_not_see_what_is_set_anew_and_says_so(matrix):
    """The scratch value matters to no future: a survivor of `resume`, with its reason."""
    hidden = [o for o in matrix.survivors("resume") if str(o.mutant.keypath).endswith(".scratch")]
    assert hidden
    assert {o.reason for o in hidden} == {HEALED}


class Idle:
    """Has a number that is overwritten before it is read, and an order that nobody asks for."""

    def __init__(self):
        self.steps, self.scratch, self.table = 0, 0.0, {"a": 1.0}

    def step(self):
        """One more."""
        self.steps += 1
        self.scratch = float(self.steps)
        self.table = {"b": self.scratch, "a": self.table["a"] + 1.0}

    def save(self):
        """All of it."""
        return copy.deepcopy(vars(self))

    def load(self, state):
        """All of it."""
        vars(self).update(copy.deepcopy(state))


def test_what_resume_lets_pass_is_contained_healed_or_never_read():
    """What is written anew before anything reads it is told from what stays as it was broken."""
    idle = loop(make=Idle, step=Idle.step, save=Idle.save, load=Idle.load)
    found = mutate(idle, SCENARIO, ("resume",))
    fates = {str(o.mutant.keypath): o.reason for o in found.survivors()}
    assert fates["run.scratch"] == HEALED
    assert {*fates.values()} <= {CONTAINED, HEALED, NEVER_READ}


def test_what_a_library_loses_by_itself_is_no_mutant_that_lives():
    """Stock PPO brings no environment back: that is lost anyway, and all else is killed."""
    kind = sb3(PPO, env="CartPole-v1", n_steps=16, batch_size=16, policy_kwargs={"net_arch": [8]})
    found = mutate(kind, Scenario(length=48, save_at=32), ("roundtrip",), stride=25)
    assert found.survivors() == ()
    assert found.count(LOST_ANYWAY) > 0
    assert found.count(KILLED) > 10


def test_an_edit_that_changes_nothing_is_no_mutant(matrix):
    """What would stay as it is counts neither as killed nor as survived."""
    assert matrix.count(UNCHANGED) > 0
    assert all(o.check == "" for o in matrix.outcomes if o.result == UNCHANGED)


def test_an_unknown_check_is_refused():
    """With the names there are."""
    with pytest.raises(HarnessError, match=r"got 'roundtripp': choose from "):
        mutate(subject(), SCENARIO, ("roundtripp",))


def without(*kinds):
    """`roundtrip` that is blind to these kinds of differences."""
    original = campaign.CHECKS["roundtrip"]

    def weak(trial):
        found = original(trial)
        seen = tuple(m for m in found.diff.mismatches if m.kind.value not in kinds)
        return Finding(step=found.step, diff=Diff(mismatches=seen))

    return dataclasses.replace(original, run=weak)


@pytest.mark.parametrize(
    ("blind", "kind"), [("LAYOUT", "layout"), ("VALUE", "one ulp"), ("TYPE", "container")]
)
def test_a_weakened_comparison_lets_mutants_survive(monkeypatch, blind, kind):
    """The campaign bites: a comparison that ignores one thing has survivors of that kind."""
    checks = {**campaign.CHECKS, "roundtrip": without(blind)}
    monkeypatch.setattr(campaign, "CHECKS", checks)
    found = mutate(subject(), SCENARIO, stride=4).survivors()
    assert kind in {o.mutant.operator for o in found}
