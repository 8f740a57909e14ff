"""Claim: on 30 of 30 environments a trained model is saved, loaded, predicts and trains on.

Each is trained with a save in mid-rollout, loaded without an environment to predict, and loaded
into a new one to train to its end. "exact" says that this end has the very weights of the run that
never stopped; "inexact" that the file told what it lacks, which the last column repeats.

usage: python benchmarks/environments.py [--write]    (--write puts the table into the page)

Some need `pip install "gymnasium[mujoco]" minigrid box2d pygame ale-py opencv-python-headless`.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.checkpoint import verify
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

PAGE = Path(__file__).parents[1] / "docs" / "algorithm.md"
BEGIN, END = "<!-- environments -->", "<!-- end -->"
SMALL: dict[str, Any] = {"n_steps": 32, "batch_size": 32, "n_epochs": 1, "device": "cpu", "seed": 0}
TOTAL, SAVE_AT = 96, 75


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One row: how the environment is made, and the policy for its observations."""

    name: str
    options: dict[str, Any]
    wrap: Callable[[Any], Any] = lambda env: env
    policy: str = "MlpPolicy"

    def make(self) -> DummyVecEnv:
        """A new one."""
        return DummyVecEnv([partial(self._make)])

    def _make(self) -> Any:
        return Monitor(self.wrap(gym.make(self.name, **self.options)))


def named(name: str, **options: Any) -> Environment:
    """One that needs nothing else."""
    return Environment(name=name, options=options)


def flat(env: Any) -> Any:
    """The observations of minigrid as one array."""
    return import_module("minigrid.wrappers").FlatObsWrapper(env)


MUJOCO = (
    *("Ant", "HalfCheetah", "Hopper", "Humanoid", "HumanoidStandup", "InvertedDoublePendulum"),
    *("InvertedPendulum", "Pusher", "Reacher", "Swimmer", "Walker2d"),
)
TAXI = "Taxi-v4" if "Taxi-v4" in gym.registry else "Taxi-v3"
ENVIRONMENTS = (
    named("CartPole-v1"),
    named("Acrobot-v1"),
    named("MountainCar-v0"),
    named("MountainCarContinuous-v0"),
    named("Pendulum-v1"),
    Environment(
        name="Blackjack-v1",
        options={},
        wrap=gym.wrappers.FlattenObservation,  # SB3 knows no tuples
    ),
    named("FrozenLake-v1"),
    named("CliffWalking-v1"),
    named(TAXI),
    named("LunarLander-v3"),
    named("LunarLander-v3", continuous=True),
    named("BipedalWalker-v3"),
    Environment(name="CarRacing-v3", options={}, policy="CnnPolicy"),
    named("ALE/Pong-v5", obs_type="ram"),
    named("ALE/Pong-v5", obs_type="ram", repeat_action_probability=0.0),
    *(named(f"{body}-v5") for body in MUJOCO),
    *(
        Environment(name=f"MiniGrid-{task}-v0", options={}, wrap=flat)
        for task in ("Empty-5x5", "DoorKey-5x5", "Dynamic-Obstacles-6x6", "KeyCorridorS3R1")
    ),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was seen of one environment."""

    name: str
    steps: tuple[str, ...]
    resumed: str
    lacks: tuple[str, ...]


class SaveAt(BaseCallback):
    """Saves in mid-rollout."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def _on_step(self) -> bool:
        if self.num_timesteps == SAVE_AT:
            self.model.save(self.path)
        return True


def try_one(environment: Environment, folder: Path) -> Row:
    """Trains, saves, loads, predicts and trains on; an error ends the run of the benchmark."""
    path = folder / "run.zip"
    model = DistributionalPPO(environment.policy, environment.make(), **SMALL)
    model.learn(TOTAL, SaveAt(path))
    missing = verify(path).get("missing", [])
    alone = DistributionalPPO.load(path, device="cpu")
    alone.predict(environment.make().reset(), deterministic=True)
    loaded = DistributionalPPO.load(path, env=environment.make(), device="cpu")
    loaded.learn(loaded.remaining_timesteps, reset_num_timesteps=False)
    pairs = zip(model.policy.parameters(), loaded.policy.parameters(), strict=True)
    same = all(torch.equal(mine, other) for mine, other in pairs)
    if not (same or missing):
        raise AssertionError(f"{environment.name} said exact and was not")
    options = "".join(f", {key}={value}" for key, value in environment.options.items())
    return Row(
        name=environment.name + options,
        steps=("trained", "saved", "loaded", "predicted"),
        resumed="inexact" if missing else "exact",
        lacks=tuple(line.split(" ", 1)[0].rpartition(".")[2] for line in missing),
    )


def rows() -> list[Row]:
    """Every environment that is installed here; the others are named."""
    for library in ("ale_py", "minigrid"):
        try:
            gym.register_envs(import_module(library))
        except ModuleNotFoundError:
            print(f"not installed: {library}")
    found = []
    for environment in ENVIRONMENTS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                found.append(try_one(environment, Path(folder)))
            except gym.error.Error as error:
                print(f"not here: {environment.name} ({type(error).__name__})")
    return found


def table(found: list[Row]) -> str:
    """As Markdown."""
    lines = [
        f"| environment ({len(found)} of {len(ENVIRONMENTS)} tried) | done | resumed | lacks |"
    ]
    lines += ["|---|---|---|---|"]
    for row in found:
        lacks = ", ".join(f"`{item}`" for item in row.lacks)
        lines.append(f"| {row.name} | {', '.join(row.steps)} | {row.resumed} | {lacks} |")
    return "\n".join(lines)


def main() -> None:
    """Prints the table, or writes it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # what is told there is in the table
    text = table(rows())
    print(text)
    if arguments.write:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        after = rest.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
