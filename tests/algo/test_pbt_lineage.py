"""Where weights come from, and members of an interval that train in other processes."""

from __future__ import annotations

import itertools
import json
import math
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from resumeproof.algo import CheckpointError, Population
from resumeproof.algo.pbt.lineage import Stretch
from resumeproof.algo.pbt.member import Member
from stable_baselines3.common.callbacks import BaseCallback

from tests.algo.populations import equally_good, make, make_population, snapshot_of
from tests.algo.runs import different


def first_best(model: Any) -> float:
    """Members rank by their learning rate, so that the one that moves is known."""
    return -float(model.learning_rate)


def pairs_of(left: Population, right: Population) -> list[list[str]]:
    """Where the members of two populations differ."""
    pairs = zip(left.members, right.members, strict=True)
    return [different(snapshot_of(one), snapshot_of(other)) for one, other in pairs]


def test_schedule_follows_the_weights_through_a_copy() -> None:
    """What the donor trained before the copy is part of it, with the donor's values."""
    population = make_population(fitness=first_best).learn(96)
    (loser,) = {m.index for m in population.members if m.history[0]["copied_from"] is not None}
    donor = population.members[1 - loser]
    mine = population.schedule_of(population.members[loser])
    assert mine[0] == Stretch(
        member=donor.index, start=0, end=32,
        hyperparameters=donor.history[0]["hyperparameters"],
    )  # fmt: skip
    assert (mine[0].start, mine[-1].end) == (0, 96)
    for before, after in itertools.pairwise(mine):
        assert before.end == after.start
    assert mine[-1].hyperparameters == population.members[mine[-1].member].hyperparameters


def test_replay_of_a_member_that_copied_nobody_is_that_member() -> None:
    """To the bit: weights, moments, environment and streams."""
    population = make_population(selection="tournament", fitness=equally_good).learn(96)
    member = population.members[1]
    again = population.replay(population.schedule_of(member))
    assert different(snapshot_of(member), snapshot_of(again)) == []
    other = population.replay(population.schedule_of(member), seed=5)
    assert "model.policy.action_net.weight" in different(snapshot_of(member), snapshot_of(other))


def test_replay_lives_through_every_stretch_of_a_schedule() -> None:
    """The same bits as a model that is given the same values at the same steps."""
    schedule = (
        Stretch(member=0, start=0, end=32, hyperparameters={"learning_rate": 1e-3}),
        Stretch(member=1, start=32, end=64, hyperparameters={"learning_rate": 5e-3}),
    )
    population = make_population()
    member = population.replay(schedule)
    assert (member.model.num_timesteps, member.model.learning_rate) == (64, 5e-3)
    assert member.seed == population.members[0].seed
    assert different(snapshot_of(member), snapshot_of(population.replay(schedule))) == []
    constant = population.replay((schedule[0], schedule[0].__class__(
        member=1, start=32, end=64, hyperparameters={"learning_rate": 1e-3}
    )))  # fmt: skip
    assert "model.policy.action_net.weight" in different(snapshot_of(member), snapshot_of(constant))


def test_history_is_a_table_of_json_lines_and_a_picture(tmp_path: Path) -> None:
    """A row for each round and member; no score is null; a copy is an arrow."""
    population = make_population(fitness=first_best).learn(64)
    population.members[0].history[1]["score"] = math.nan
    population.write_history(tmp_path / "history.jsonl")
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [(row["round"], row["member"]) for row in rows] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert rows[2]["score"] is None
    assert rows[0]["hyperparameters"] == population.members[0].history[0]["hyperparameters"]
    copies = sum(row["copied_from"] is not None for row in rows)
    picture = ElementTree.fromstring(population.lineage())
    arrows = [line for line in picture.iter() if "marker-end" in line.attrib]
    assert len(arrows) == copies == 1


def test_copy_is_worth_what_its_donor_is_worth() -> None:
    """Its window is the donor's: the same weights have the same score right after the exchange."""
    population = make_population().learn(64)
    loser, donor = population.members
    population.exploit(loser, donor)
    returns = [[episode["r"] for episode in m.model.ep_info_buffer] for m in (loser, donor)]
    assert returns[0] == returns[1] != []
    assert loser.model.ep_info_buffer is not donor.model.ep_info_buffer
    assert loser.measure(population.settings.fitness) == donor.measure(population.settings.fitness)


def in_processes(function: Callable[[Any], Any], tasks: Any) -> Any:
    """The map of a pool of new interpreters."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(function, tasks))


def test_members_that_train_in_other_processes_are_the_same_to_the_bit() -> None:
    """Two intervals and an exchange between them; the streams of the caller stay."""
    expected = make_population(fitness=first_best).learn(64)
    found = make_population(fitness=first_best).learn(64, map=in_processes)
    assert pairs_of(expected, found) == [[], []]
    assert found.history == expected.history


def test_intervals_elsewhere_can_be_saved_between_members_and_go_on_here(tmp_path: Path) -> None:
    """Whichever way each of the intervals was trained."""
    expected = make_population().learn(96)
    population = make_population()
    for _ in zip(range(3), population.intervals(96, map=map), strict=False):
        population.save(tmp_path / "population", exact=True)
    loaded = Population.load(tmp_path / "population", make).learn(96)
    assert pairs_of(expected, loaded) == [[], []]


class StopAt(BaseCallback):
    """Asks to stop in mid-rollout."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def _on_step(self) -> bool:
        return not (self.index == 1 and self.num_timesteps == 40)


def stop(member: Member) -> BaseCallback:
    """The second member stops."""
    return StopAt(member.index)


def test_callback_that_asks_to_stop_elsewhere_ends_the_call() -> None:
    """The member is where it stopped, and a further call goes on to the same end."""
    population = make_population()
    population.learn(96, stop, map=map)
    assert [m.model.num_timesteps for m in population.members] == [64, 40]
    assert population.turn == 1
    # a learn() that was ended counts its rollouts anew, wherever it was
    counted = ["model._loop.iteration"]
    assert pairs_of(population.learn(96, map=map), make_population().learn(96)) == [[], counted]


def test_member_that_cannot_be_saved_exactly_does_not_travel() -> None:
    """It would not be the same elsewhere; nothing has trained then."""
    population = make_population()
    population.members[1].model.plot = object()  # type: ignore[attr-defined]
    with pytest.raises(CheckpointError, match="plot is claimed by no part"):
        population.learn(64, map=map)
    assert [m.model.num_timesteps for m in population.members] == [0, 0]
