"""Question: on a stream that changes, does UPGD keep learning where Adam slows down?

CartPole whose inputs are permuted, with other signs, and whose physics shift every few thousand
steps: what UPGD was made for (Elsayed & Mahmood 2024, section 4, permutes inputs of a classifier).
Each optimizer trains the same PPO on the same sequence of tasks with a learning rate of its own:
UPGD takes the best of four (0.03 to 1) on another sequence, one seed of three tasks; the others one
that was not searched for. The number is the mean return of the episodes that end in a task, over
the first and over the second half of the tasks, with an interval over the seeds. "early gate" is
the authors' own.

usage: python -m benchmarks.shifting [--seeds N] [--tasks N] [--results FILE] [--report]

A line of FILE a training, as soon as it ends; what is there is not trained again.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from resumeproof.algo import DistributionalPPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from benchmarks.learning_curves import interval

N_ENVS, N_STEPS, PERIOD = 8, 64, 8192
ADAPTIVE: dict[str, Any] = {"optimizer": "adaptive_upgd", "learning_rate": 1e-3}
UPGD: dict[str, Any] = {"optimizer": "upgd", "learning_rate": 0.3}
EARLY: dict[str, Any] = {"optimizer_kwargs": {"early_gate": True}}
ROWS: dict[str, dict[str, Any]] = {
    "Adam": {"optimizer": "adam", "learning_rate": 1e-3},
    "AdaptiveUPGD": ADAPTIVE,
    "AdaptiveUPGD, early gate": ADAPTIVE | EARLY,
    "UPGD": UPGD,
    "UPGD, early gate": UPGD | EARLY,
}
RESULTS = Path(__file__).with_suffix(".jsonl")


class Shifting(gym.Wrapper[Any, Any, Any, Any]):
    """CartPole whose observations and physics are others after every `PERIOD` steps of the run."""

    def __init__(self, env: gym.Env[Any, Any], seed: int) -> None:
        super().__init__(env)
        self.seed, self.steps = seed, 0
        self._begin_task()

    def _begin_task(self) -> None:
        task = self.steps // (PERIOD // N_ENVS)
        generator = np.random.default_rng([self.seed, task])
        self.order = generator.permutation(4)
        self.signs = generator.choice([-1.0, 1.0], size=4).astype(np.float32)
        physics: Any = self.unwrapped
        physics.gravity = generator.uniform(5.0, 20.0)
        physics.length = generator.uniform(0.25, 1.0)
        physics.force_mag = generator.uniform(5.0, 15.0)
        physics.polemass_length = physics.masspole * physics.length

    def _seen(self, observation: Any) -> Any:
        return observation[self.order] * self.signs

    def reset(self, **options: Any) -> Any:
        """As the task shows it."""
        observation, info = self.env.reset(**options)
        return self._seen(observation), info

    def step(self, action: Any) -> Any:
        """One step; the task changes in the midst of an episode."""
        self.steps += 1
        if self.steps % (PERIOD // N_ENVS) == 0:
            self._begin_task()
        observation, *rest = self.env.step(action)
        return (self._seen(observation), *rest)


class ByTask(BaseCallback):
    """The returns of the episodes that end in each task."""

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.returns: list[list[float]] = [[] for _ in range(tasks)]

    def _on_step(self) -> bool:
        task = min((self.num_timesteps - 1) // PERIOD, len(self.returns) - 1)
        for info in self.locals["infos"]:
            if "episode" in info:
                self.returns[task].append(float(info["episode"]["r"]))
        return True


def make_env(seed: int) -> Any:
    """One of the environments of a run; all of a run have the same tasks."""
    return Monitor(Shifting(gym.make("CartPole-v1"), seed))


def train(row: str, seed: int, tasks: int) -> list[float]:
    """The mean return of the episodes that end in each task."""
    env = DummyVecEnv([partial(make_env, seed)] * N_ENVS)
    settings = {"n_steps": N_STEPS, "batch_size": 128, "n_epochs": 4, "seed": seed}
    model = DistributionalPPO("MlpPolicy", env, device="cpu", **settings, **ROWS[row])
    watch = ByTask(tasks)
    model.learn(tasks * PERIOD, watch)
    return [round(float(np.mean(returns)), 2) for returns in watch.returns]


def report(results: list[dict[str, Any]]) -> None:
    """Prints the table of what is there."""
    print("| optimizer | first half of the tasks | second half | seeds |\n|---|---|---|---|")
    for row in dict.fromkeys(result["row"] for result in results):
        returns = np.array([r["returns"] for r in results if r["row"] == row])
        half = returns.shape[1] // 2
        shown = []
        for part in (returns[:, :half], returns[:, half:]):
            middle, low, high = interval(part.mean(axis=1).tolist())
            shown.append(f"{middle:.0f} [{low:.0f}, {high:.0f}]")
        print(f"| {row} | {shown[0]} | {shown[1]} | {len(returns)} |")


def main() -> None:
    """Trains what is not there yet, or prints the table of what is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=12)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--report", action="store_true", help="only print what is there")
    asked = parser.parse_args()
    lines = asked.results.read_text(encoding="utf-8") if asked.results.exists() else ""
    results = [json.loads(line) for line in lines.splitlines()]
    torch.set_num_threads(1)
    there = {(result["row"], result["seed"], len(result["returns"])) for result in results}
    for seed in range(0 if asked.report else asked.seeds):
        for row in ROWS:
            if (row, seed, asked.tasks) in there:
                continue
            result = {"row": row, "seed": seed, "returns": train(row, seed, asked.tasks)}
            with asked.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
            results.append(result)
    report(results)


if __name__ == "__main__":
    main()
