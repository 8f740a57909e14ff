"""A part of one's own is one class and one line: saved, loaded, exchanged, and found by mutants."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from resumeproof.algo import DistributionalPPO, LogUniform, Population, part
from resumeproof.algo.checkpoint import MismatchedCheckpoint, UnsupportedValue
from resumeproof.algo.pbt.member import RefusedExchange
from resumeproof.core.scenario import Scenario
from resumeproof.mutation.campaign import mutate
from resumeproof.mutation.mutant import KILLED
from resumeproof.subjects.sb3 import sb3

from tests.algo.runs import SaveAt, different, snapshot
from tests.algo.small import make_env

SMALL: dict[str, Any] = {"n_steps": 16, "batch_size": 16, "policy_kwargs": {"net_arch": [4]}}


class Familiarity:
    """Counts updates and averages how large they were: a state that no one else knows."""

    def __init__(self) -> None:
        self.count, self.average = 0, torch.zeros(2)

    def observe(self, value: float) -> None:
        """Takes one more value into the average."""
        self.count += 1
        self.average.lerp_(torch.tensor([value, -value]), 0.5)

    def state_dict(self) -> dict[str, Any]:
        """Returns the whole state."""
        return {"count": self.count, "average": self.average.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes what `state_dict` returned; a count that is missing raises."""
        self.count = state["count"]
        self.average.copy_(state["average"])


class Curious(DistributionalPPO):
    """An algorithm whose learning rate depends on a component of its own."""

    checkpoint_attributes: ClassVar[Any] = {"familiarity": part()}  # the one line

    def _setup_model(self) -> None:
        super()._setup_model()
        self.familiarity: Familiarity | None = Familiarity()

    def train(self) -> None:
        """One update, and what it does to the component and by it."""
        super().train()
        assert self.familiarity is not None
        self.familiarity.observe(float(self.rollout_buffer.returns.mean()))
        self.ent_coef = 1e-3 * float(self.familiarity.average.abs().sum())


def make(seed: int = 3) -> Curious:
    """A small one."""
    return Curious("MlpPolicy", make_env("Pendulum-v1"), seed=seed, device="cpu", **SMALL)


def test_run_with_a_part_of_ones_own_resumes_exactly(tmp_path: Path) -> None:
    """Saved in mid-rollout and loaded, the run ends as the one that never stopped."""
    whole = make().learn(96, callback=SaveAt(40, tmp_path / "run.zip"))
    resumed = Curious.load(tmp_path / "run.zip", env=make_env("Pendulum-v1"), device="cpu")
    resumed.learn(resumed.remaining_timesteps, reset_num_timesteps=False)
    assert different(snapshot(whole), snapshot(resumed)) == []
    assert whole.familiarity is not None
    assert whole.familiarity.count == 6


def test_part_of_ones_own_is_a_learned_parameter() -> None:
    """`get_parameters` has a copy of it, `set_parameters` takes it or changes nothing."""
    donor, other = make().learn(32), make(4)
    states = donor.get_parameters()
    other.set_parameters(states)
    assert donor.familiarity is not None
    assert other.familiarity is not None
    assert torch.equal(donor.familiarity.average, other.familiarity.average)
    donor.familiarity.observe(5.0)
    assert states["familiarity"]["count"] == other.familiarity.count == 2
    before = snapshot(other)
    with pytest.raises(KeyError, match="count"):
        other.set_parameters({**states, "familiarity": {"average": torch.ones(2)}})
    assert different(before, snapshot(other)) == []


def test_population_exchanges_a_part_of_ones_own() -> None:
    """The loser has the donor's, shares nothing with it, and refuses what does not fit."""
    explore = {"learning_rate": LogUniform(1e-4, 1e-2)}
    population = Population(make, size=2, interval=32, explore=explore)
    for _ in zip(range(2), population.intervals(96), strict=False):
        pass
    loser, donor = (member.model for member in population.members)
    population.exploit(*population.members)
    assert isinstance(loser, Curious)
    assert isinstance(donor, Curious)
    assert loser.familiarity is not None
    assert donor.familiarity is not None
    assert torch.equal(loser.familiarity.average, donor.familiarity.average)
    donor.familiarity.observe(7.0)
    assert not torch.equal(loser.familiarity.average, donor.familiarity.average)
    loser.familiarity = None
    with pytest.raises(RefusedExchange, match="'familiarity' of member 1"):
        population.exploit(*population.members)


def test_part_that_is_off_does_not_fit_one_that_is_on(tmp_path: Path) -> None:
    """Its name and both sides are in the message."""
    model = make()
    model.familiarity = None
    model.save(tmp_path / "run")
    with pytest.raises(MismatchedCheckpoint, match="familiarity is on in the model and off in the"):
        Curious.load(tmp_path / "run", device="cpu")


def test_without_its_line_the_part_is_refused_where_one_insists(tmp_path: Path) -> None:
    """The message has the line to write."""

    class Unclaimed(Curious):
        checkpoint_attributes: ClassVar[Any] = {}

        def _setup_model(self) -> None:
            super()._setup_model()
            self.other = Familiarity()

    model = Unclaimed("MlpPolicy", make_env(), device="cpu", **SMALL)
    with pytest.raises(UnsupportedValue, match=r"Unclaimed.other is claimed by no part.*part\(\)"):
        model.save(tmp_path / "run", exact=True)


def test_mutants_of_the_part_are_tried_and_killed() -> None:
    """What a checkpoint could lose of it is broken on purpose, without a word about it."""
    subject = sb3(Curious, env="Pendulum-v1", strict=True, max_episode_steps=13, **SMALL)
    matrix = mutate(subject, Scenario(length=48, save_at=40), stride=7)
    own = [o for o in matrix.outcomes if "familiarity" in str(o.mutant.keypath)]
    assert {o.result for o in own if o.check} == {KILLED}
    assert matrix.survivors() == ()
