"""Whole populations, in every leaf that the harness finds: exchange, isolation, resume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from resumeproof.algo import Choice, LogUniform, Population, Uniform
from resumeproof.algo.pbt.member import Member
from resumeproof.algo.pbt.selection import SELECTIONS
from resumeproof.algo.pbt.settings import OPTIMIZERS
from resumeproof.core.randomness import poison
from resumeproof.state.capture import capture, capture_roots, capture_streams
from resumeproof.state.compare import compare
from resumeproof.state.snapshot import Snapshot
from resumeproof.subjects.sb3 import WALL_CLOCK
from stable_baselines3.common.callbacks import BaseCallback

from properties.combinations import EXCLUSIONS
from properties.populations import OF_MEMBERS, common, learned, make, make_used, picture

EXPLORE = {
    "learning_rate": LogUniform(1e-4, 1e-2),
    "ent_coef": Uniform(0.0, 0.02),
    "n_epochs": Choice((1, 2, 3)),
    "vgs_kwargs.floor": Uniform(0.01, 1.0),
}
TOTAL, INTERVAL = 80, 32  # three rounds of 32, 32 and 16 steps, in rollouts of 16
# of the first member and of the second: at hooks without a step, in mid-rollout and at its end,
# at the boundary of an interval, and in mid-rollout after an exchange
INSIDE = {
    0: ((0, "training_start"), (5, "step"), (48, "step"), (64, "rollout_start")),
    1: ((0, "rollout_start"), (23, "step"), (32, "rollout_end"), (70, "step")),
}


def make_population(size: int = 3, **settings: Any) -> Population:
    """A small population that exchanges after 32 and 64 steps."""
    options = {"explore": EXPLORE, "interval": INTERVAL, "seed": 5, **settings}
    return Population(make, size=size, **options)


class CallAt(BaseCallback):
    """Calls a function of no arguments at one environment step, from one of the hooks."""

    def __init__(self, at: int, act: Callable[[], None], hook: str = "step") -> None:
        super().__init__()
        self.at, self.act, self.hook = at, act, hook

    def _call(self, hook: str) -> None:
        # the counter that the callback itself keeps is not set before the first step
        if self.model.num_timesteps == self.at and self.hook == hook:
            self.act()

    def _on_training_start(self) -> None:
        self._call("training_start")

    def _on_rollout_start(self) -> None:
        self._call("rollout_start")

    def _on_step(self) -> bool:
        self._call("step")
        return True

    def _on_rollout_end(self) -> None:
        self._call("rollout_end")


def run_saving(population: Population, folder: Path) -> list[Path]:
    """Trains to the end; saves before, between all members, and inside members at odd steps."""
    files: list[Path] = []

    def save(name: str) -> None:
        files.append(folder / f"{name}.zip")
        population.save(files[-1])

    def callback(member: Member) -> list[BaseCallback]:
        points = INSIDE.get(member.index, ())
        return [
            CallAt(at, lambda at=at, hook=hook: save(f"{hook}-{member.index}-{at}"), hook)
            for at, hook in points
        ]

    save("before")
    for member in population.intervals(TOTAL, callback):
        save(f"after-{member.model.num_timesteps}-{member.index}")
    return files


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("size", [2, 3])
def test_population_resumed_from_anywhere_equals_the_one_that_never_stopped(
    size: int, selection: str, optimizer: str, tmp_path: Path
) -> None:
    """Saved before, between and inside the intervals, through one more load, in every leaf."""
    settings: dict[str, Any] = {"selection": selection, "optimizer": optimizer}
    whole = make_population(size, **settings).learn(TOTAL)
    assert any(entry["copied_from"] is not None for m in whole.members for entry in m.history)
    expected = picture(whole)
    saving = make_population(size, **settings)
    files = run_saving(saving, tmp_path)
    assert compare(expected, picture(saving)).mismatches == ()
    assert len(files) == 1 + 3 * size + 8
    for number, file in enumerate(files):
        poison(number)
        before = capture_streams()
        resumed = Population.load(file, make_used)
        if number % 2:
            resumed.save(tmp_path / "again")
            resumed = Population.load(tmp_path / "again", make_used)
        resumed.learn(TOTAL)
        assert compare(expected, picture(resumed)).mismatches == (), file.name
        assert compare(before, capture_streams()).mismatches == (), "the caller's streams moved"


def test_load_gives_back_every_leaf(tmp_path: Path) -> None:
    """The population right after a load equals the one that was saved, exchanges in it."""
    population = make_population()
    for member in population.intervals(TOTAL):
        population.save(tmp_path / "population")
        loaded = Population.load(tmp_path / "population", make_used)
        diff = compare(picture(population), picture(loaded), OF_MEMBERS)
        assert diff.mismatches == (), member


def test_explored_hyperparameters_outlast_three_cycles_and_are_used(tmp_path: Path) -> None:
    """After exploit and explore, training goes on with what was chosen, and no donor's value."""
    population = make_population()
    loser, donor = population.members[0], population.members[2]
    population.exploit(loser, donor)
    population.explore(loser)
    chosen = dict(loser.hyperparameters)
    assert chosen.keys() == EXPLORE.keys()
    assert any(chosen[name] != donor.hyperparameters[name] for name in chosen)
    for cycle in range(3):
        population.save(tmp_path / f"{cycle}.zip")
        population = Population.load(tmp_path / f"{cycle}.zip", make_used)
        next(population.intervals(TOTAL))  # trains the first member, which is the loser
        member = population.members[0]
        assert member.hyperparameters == chosen
        rates = {group["lr"] for group in member.model.policy.optimizer.param_groups}
        assert rates == {chosen["learning_rate"]}
        assert (member.model.ent_coef, member.model.n_epochs) == (
            chosen["ent_coef"],
            chosen["n_epochs"],
        )
        assert member.model.vgs is not None
        assert member.model.vgs.floor == chosen["vgs_kwargs.floor"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_exploit_gives_every_learned_leaf_and_shares_none(optimizer: str) -> None:
    """Loser equals donor bit for bit in what is exchanged, and no storage is common to them."""
    population = make_population(optimizer=optimizer)
    for _ in zip(range(3), population.intervals(TOTAL), strict=False):
        pass
    loser, donor = population.members[0], population.members[2]
    before = common(loser.model, donor.model)
    population.exploit(loser, donor)
    expected, got = capture(learned(donor)), capture(learned(loser))
    different = {str(m.keypath) for m in compare(expected, got).mismatches}
    if optimizer == "copy":
        assert different == set()
    else:
        assert different
        assert all(path.startswith("['policy.optimizer']") for path in different), different
        assert len(loser.model.policy.optimizer.state) == 0
    assert common(learned(loser), learned(donor)) == set()
    assert common(loser.model, donor.model) == before


def test_training_one_member_moves_no_leaf_of_another() -> None:
    """After an exchange too, only the member that trains changes; the others not in one bit."""
    population = make_population()
    pictures: list[Snapshot] = []
    rounds = 0
    for member in population.intervals(TOTAL):
        others = [other for other in population.members if other is not member]
        if pictures and population.round == rounds and population.turn > 1:
            for other in others:
                assert compare(pictures[other.index], _alone(other)).mismatches == (), other
            assert compare(pictures[member.index], _alone(member)).mismatches
        rounds = population.round
        pictures = [_alone(each) for each in population.members]


def _alone(member: Member) -> Snapshot:
    exclusions = (*WALL_CLOCK, *EXCLUSIONS)
    return capture_roots({"model": member.model, "streams": member.streams}, exclusions)
