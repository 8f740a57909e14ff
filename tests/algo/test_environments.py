"""Every environment of the table that is installed here, and what drawing leaves behind in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from resumeproof.algo import DistributionalPPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from benchmarks.environments import BEGIN, END, ENVIRONMENTS, PAGE, Environment, try_one
from tests.algo.small import make_model

HERE = [row for row in ENVIRONMENTS if row.name.partition("-")[0] in {
    "CartPole", "Acrobot", "MountainCar", "MountainCarContinuous", "Pendulum", "Blackjack",
    "FrozenLake", "CliffWalking", "Taxi",
}]  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("row", HERE, ids=lambda row: row.name)
def test_environment_that_comes_with_gymnasium_resumes_exactly(
    row: Environment, tmp_path: Path
) -> None:
    """Trained, saved in mid-rollout, loaded, predicting, and the same weights at the end."""
    found = try_one(row, tmp_path)
    assert (found.resumed, found.lacks) == ("exact", ())


def test_table_in_the_page_has_every_environment() -> None:
    """As `python benchmarks/environments.py --write` wrote it, all of them tried."""
    table = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip().splitlines()
    names = [line.split("|")[1].strip().partition(",")[0] for line in table[2:]]
    assert [name.partition("-")[0] for name in names] == [
        row.name.partition("-")[0] for row in ENVIRONMENTS
    ]
    assert table[0].startswith(f"| environment ({len(names)} of {len(names)} tried)")


class Clock:
    """Looks like what pygame keeps, and is an object like any other."""


Clock.__module__ = "pygame.time"


class Drawing(gym.Wrapper[Any, Any, Any, Any]):
    """Draws at every step, with a clock that is made at the first."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.clock: Any = None

    def step(self, action: Any) -> Any:
        """One that needs the clock, or makes it."""
        if self.clock is None:
            self.clock = Clock()
        return self.env.step(action)


def test_environment_that_has_drawn_resumes_in_one_that_has_not(tmp_path: Path) -> None:
    """What is made again when it is missing is neither saved nor taken away."""

    def make() -> DummyVecEnv:
        return DummyVecEnv([lambda: Drawing(gym.make("Pendulum-v1"))])

    make_model(make()).learn(32).save(tmp_path / "run", exact=True)
    loaded = DistributionalPPO.load(tmp_path / "run", env=make(), device="cpu")
    loaded.learn(16, reset_num_timesteps=False)
    assert loaded.num_timesteps == 48


@pytest.mark.parametrize("logged", [True, False])
def test_log_of_monitor_is_that_of_the_environment_that_is_passed(
    logged: bool, tmp_path: Path
) -> None:
    """Whether the run wrote one and the resumed run does not, or the other way round."""

    def make(writes: bool) -> DummyVecEnv:
        file = str(tmp_path / "log") if writes else None
        return DummyVecEnv([lambda: Monitor(gym.make("CartPole-v1", max_episode_steps=9), file)])

    first, second = make(logged), make(not logged)
    make_model(first).learn(32).save(tmp_path / "run", exact=True)
    writer = second.envs[0].results_writer
    loaded = DistributionalPPO.load(tmp_path / "run", env=second, device="cpu")
    loaded.learn(16, reset_num_timesteps=False)
    assert second.envs[0].results_writer is writer
    for env in (first, second):
        env.close()
