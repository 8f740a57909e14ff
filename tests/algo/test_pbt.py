"""Population based training: who trains, with whose streams, and what is exchanged.

Contract:
- a member that copied nobody is, bit for bit, a model of its seed that trained alone;
- an exchange is everything learned or nothing, and the loser keeps its own run;
- whatever a population cannot do is refused before it does anything.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.maths.schedules import Linear
from resumeproof.algo.pbt.hyperparameters import put_all
from resumeproof.algo.pbt.member import Member
from resumeproof.algo.run_state.streams import preserved_streams, save_streams
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback

from tests.algo.populations import equally_good, make, make_population, snapshot_of, trained
from tests.algo.runs import different, poison, snapshot
from tests.algo.small import make_env, make_model


def make_rich(seed: int) -> DistributionalPPO:
    """Two normalised environments and a schedule that depends on the whole budget."""
    env = make_env("Pendulum-v1", n_envs=2, normalize=True)
    return make_model(env, seed=seed, clip_range=Linear(0.3, 0.1, 1.0))


def make_noisy(seed: int) -> DistributionalPPO:
    """Exploration noise that outlives rollouts, and noise of the optimizer."""
    env = make_env("Pendulum-v1")
    return make_model(
        env, seed=seed, use_sde=True, sde_sample_freq=5, optimizer="upgd", learning_rate=0.1
    )


@pytest.mark.parametrize("make", [make, make_rich, make_noisy])
@pytest.mark.parametrize("interval", [1, 16, 40])
def test_member_that_copied_nobody_is_a_model_that_trained_alone(make: Any, interval: int) -> None:
    """Also where the interval is no multiple of a rollout, nor the budget one of the interval."""
    population = make_population(
        make, size=3, interval=interval, selection="tournament", fitness=equally_good
    )
    population.learn(104)
    for member in population.members:
        random.seed(member.seed)
        np.random.seed(member.seed)
        torch.manual_seed(member.seed)
        alone = make(member.seed)
        put_all(alone, member.hyperparameters)
        alone.learn(104)
        assert different(snapshot(alone), snapshot_of(member)) == []


class Counting(BaseCallback):
    """Notes every call of every hook."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def _on_training_start(self) -> None:
        self.seen.append("training start")

    def _on_rollout_start(self) -> None:
        self.seen.append("rollout start")

    def _on_step(self) -> bool:
        self.seen.append(self.num_timesteps)
        return True

    def _on_rollout_end(self) -> None:
        self.seen.append("rollout end")

    def _on_training_end(self) -> None:
        self.seen.append("training end")


def test_callbacks_of_a_member_see_one_learn() -> None:
    """No boundary of an interval shows: neither in the hooks nor in evaluations."""
    counting: dict[int, Counting] = {}
    evaluations: dict[int, EvalCallback] = {}

    def callbacks(member: Member) -> list[BaseCallback]:
        env = make_env("Pendulum-v1")
        env.seed(member.seed)
        counting[member.seed] = Counting()
        evaluations[member.seed] = EvalCallback(env, eval_freq=24, n_eval_episodes=1, verbose=0)
        return [counting[member.seed], evaluations[member.seed]]

    population = make_population(selection="tournament", fitness=equally_good)
    population.learn(80, callbacks)
    for member in population.members:
        with preserved_streams():
            alone = make(member.seed)
            put_all(alone, member.hyperparameters)
            seen, evaluation = counting[member.seed].seen, evaluations[member.seed]
            alone.learn(80, callbacks(member))
        assert counting[member.seed].seen == seen
        assert seen.count("training start") == seen.count("training end") == 1
        assert evaluations[member.seed].last_mean_reward == evaluation.last_mean_reward


def test_members_do_not_move_each_others_streams_nor_the_callers() -> None:
    """One that draws from every global stream at every step changes nobody else."""

    class Drawing(BaseCallback):
        def _on_step(self) -> bool:
            random.random(), np.random.rand(), torch.rand(1)
            return True

    options: dict[str, Any] = {"size": 3, "selection": "tournament", "fitness": equally_good}
    quiet = make_population(**options).learn(64)
    poison()
    before = save_streams()
    loud = make_population(**options)
    loud.learn(64, lambda member: Drawing() if member.index == 1 else None)
    assert str(save_streams()) == str(before)
    pairs = zip(quiet.members, loud.members, strict=True)
    changed = [different(snapshot_of(mine), snapshot_of(same)) for mine, same in pairs]
    assert changed[0] == changed[2] == []
    assert any(place.startswith("streams.") for place in changed[1])


def test_population_is_decided_by_its_seed() -> None:
    """Whatever the global streams are; another seed gives another one."""
    first = make_population().learn(96)
    poison()
    second, third = make_population().learn(96), make_population(seed=1).learn(96)
    for mine, same, other in zip(first.members, second.members, third.members, strict=True):
        assert different(snapshot_of(mine), snapshot_of(same)) == []
        assert mine.history == same.history
        assert mine.seed != other.seed


@pytest.mark.parametrize("size", [2, 3, 4])
def test_every_round_but_the_last_replaces_someone(size: int) -> None:
    """Populations of two to four exchange too; after the last round nobody would go on."""
    population = make_population(size=size).learn(96)
    assert population.round == 3
    donors = [[member.history[i]["copied_from"] for member in population.members] for i in range(3)]
    assert [sum(d is not None for d in round_) for round_ in donors] == [1, 1, 0]
    for place, round_ in enumerate(donors[:2]):
        for member, donor in zip(population.members, round_, strict=True):
            scores = [other.history[place]["score"] for other in population.members]
            if donor is not None:
                assert scores[member.index] == min(scores)
                assert scores[donor] == max(scores)
                after = member.history[place + 1]["hyperparameters"]
                assert after != member.history[place]["hyperparameters"]
    assert population.best.score == max(member.score or 0 for member in population.members)


def test_callback_that_asks_to_stop_ends_the_call_and_training_goes_on_later() -> None:
    """As with a model: the rollout is kept, and the run ends as one that never stopped."""

    class Stop(BaseCallback):
        stopped = False

        def _on_step(self) -> bool:
            if self.num_timesteps == 40:
                Stop.stopped = not Stop.stopped
            return self.num_timesteps != 40 or not Stop.stopped

    whole = make_population().learn(96)
    stopped = make_population().learn(96, lambda _: Stop())
    assert [member.model.num_timesteps for member in stopped.members] == [40, 32]
    stopped.learn(96)
    # a second learn() counts its rollouts anew, as Stable-Baselines3 does
    counted = {"model._loop.iteration"}
    for mine, same in zip(whole.members, stopped.members, strict=True):
        assert set(different(snapshot_of(mine), snapshot_of(same))) <= counted


def test_error_in_a_member_says_whose_it_is() -> None:
    """With the hyper-parameters it was trying."""

    class Fail(BaseCallback):
        def _on_step(self) -> bool:
            raise ArithmeticError("diverged")

    population = make_population()
    with pytest.raises(ArithmeticError) as caught:
        population.learn(96, lambda member: Fail() if member.index == 1 else None)
    assert caught.value.__notes__ == [
        f"raised by member 1 with {population.members[1].hyperparameters}"
    ]


def test_population_cannot_change_a_member_that_is_training() -> None:
    """Neither save it alone nor exchange it from its own callback."""

    class Meddle(BaseCallback):
        def _on_step(self) -> bool:
            member.save("never")
            return True

    population = make_population()
    member = population.members[0]
    with pytest.raises(RuntimeError, match="member 0 is training"):
        population.learn(96, lambda _: Meddle())


def test_fitness_draws_without_moving_anybody() -> None:
    """Random evaluations cost no member its place, nor the caller, and are decided by the seed."""

    def drawing(_model: Any) -> float:
        return random.random() + float(np.random.rand()) + float(torch.rand(1))

    silent = make_population(selection="tournament", fitness=equally_good)
    loud = make_population(selection="tournament", fitness=drawing)
    poison()
    before = str(save_streams())
    for population in (silent, loud):
        population.learn(32)  # one round: nobody copies
    assert str(save_streams()) == before
    for mine, same in zip(silent.members, loud.members, strict=True):
        assert different(snapshot_of(mine), snapshot_of(same)) == []
    random.random(), np.random.rand(), torch.rand(1)
    again = make_population(selection="tournament", fitness=drawing).learn(32)
    scores = [[member.score for member in population.members] for population in (loud, again)]
    assert scores[0] == scores[1]


def test_what_make_draws_is_decided_by_the_seed() -> None:
    """An environment with a random setting is the same one after a load, and in the next run."""
    drawn: list[float] = []

    def make_drawing(seed: int) -> DistributionalPPO:
        drawn.append(random.random() + float(np.random.rand()) + float(torch.rand(1)))
        return make(seed)

    make_population(make_drawing)
    poison()
    make_population(make_drawing)
    assert drawn[:2] == drawn[2:]
    assert drawn[0] != drawn[1]


def test_without_any_score_the_population_warns() -> None:
    """No episode ends within the interval: nobody can be compared."""
    with pytest.warns(UserWarning, match="scores of all 2 members are NaN"):
        make_population(interval=1, fitness=lambda _: float("nan")).learn(32)


def test_finished_population_goes_on_when_the_total_is_raised() -> None:
    """Members keep their counters; the same total again does nothing."""
    population = make_population().learn(32)
    population.learn(32)
    assert population.round == 1
    population.learn(64)
    assert [member.model.num_timesteps for member in population.members] == [64, 64]
    assert [entry["timesteps"] for entry in population.members[0].history] == [32, 64]


def test_total_in_the_middle_of_training_cannot_change() -> None:
    """The schedules of all members depend on it."""
    population = trained()
    with pytest.raises(ValueError, match=r"total_timesteps=64: .* in the middle of 96"):
        population.learn(64)


def test_member_saved_alone_resumes_as_it_goes_on_here(tmp_path: Path) -> None:
    """Its own streams are in the file, not those of whoever saves."""
    population = trained(selection="tournament", fitness=equally_good)
    population.members[1].save(tmp_path / "member")
    poison()
    env = make_env("Pendulum-v1")
    model = DistributionalPPO.load(tmp_path / "member", env=env, device="cpu")
    model.learn(model.remaining_timesteps, reset_num_timesteps=False)
    resumed = snapshot(model)
    population.learn(96)
    assert different(snapshot_of(population.members[1]), resumed) == []
