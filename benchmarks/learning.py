"""Claim: by default DistributionalPPO learns at least as fast as the best of SB3's rows.

On each environment every row trains with every seed on an equal budget: SB3's PPO with defaults,
the same with normalised rewards, ours, and ours with one part exchanged or off. The area under the
curve is the mean over the training of the mean return of the last ten episodes; the final return is
of 20 greedy episodes in an environment of its own. Intervals are bootstrapped over the seeds.

usage: python -m benchmarks.learning [--seeds N] [--steps N] [--rows "A;B"] [--out FOLDER]

LunarLander needs Box2D: `pip install box2d pygame`. The whole takes hours, so `make bench` leaves
it out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from resumeproof.algo import DistributionalPPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from benchmarks.learning_curves import as_row, as_svg, on_grid, verdict

OURS = "DistributionalPPO"
STOCK = ("SB3 PPO", "SB3 PPO + VecNormalize(norm_obs=False)")
# what of ours is exchanged or off in each row; the first is the default
VARIANTS: dict[str, dict[str, Any]] = {
    OURS: {},
    "ours, all": {"components": "all"},
    "ours, one critic": {"twin_critics": False},
    "ours, twin mean": {"twin": "mean"},
    "ours, scalar critic": {"critic": "scalar"},
    "ours, categorical critic": {"critic": "categorical"},
    "ours, Adam": {"optimizer": "adam"},
    "ours, no VGS": {"vgs": False},
    "ours, no normaliser": {"normalize_returns": False},
    "ours, KL penalty": {"kl_penalty": True},
}
# environment -> environment steps of training
BUDGETS = {
    "CartPole-v1": 100_000,
    "Acrobot-v1": 100_000,
    "Pendulum-v1": 200_000,
    "MountainCarContinuous-v0": 100_000,
    "LunarLander-v3": 300_000,
}


@dataclass(frozen=True, kw_only=True)
class Task:
    """One training."""

    environment: str
    row: str
    seed: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of it: area under the curve, final return, and the curve."""

    environment: str
    row: str
    seed: int
    area: float
    final: float
    curve: tuple[float, ...]


class Episodes(BaseCallback):
    """Notes the return of every episode, as the environment gave it, and when it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, float]] = []

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "episode" in info:
                self.seen.append((self.num_timesteps, float(info["episode"]["r"])))
        return True


def make_env(environment: str) -> Any:
    """One that is watched from inside, before any reward is normalised."""
    return Monitor(gym.make(environment))


def make_model(task: Task) -> Any:
    """The algorithm of a row."""
    env: VecEnv = DummyVecEnv([partial(make_env, task.environment)])
    common: dict[str, Any] = {"seed": task.seed, "device": "cpu"}
    if task.row not in STOCK:
        return DistributionalPPO("MlpPolicy", env, **common, **VARIANTS[task.row])
    if task.row == STOCK[1]:
        env = VecNormalize(env, norm_obs=False)
    return PPO("MlpPolicy", env, **common)


def train(task: Task) -> Result:
    """Trains one seed of one row on one environment."""
    torch.set_num_threads(1)
    model, episodes = make_model(task), Episodes()
    model.learn(task.steps, episodes)
    env = make_env(task.environment)
    env.reset(seed=10_000 + task.seed)
    final, _ = evaluate_policy(model, env, n_eval_episodes=20, deterministic=True)
    curve = on_grid(episodes.seen or [(task.steps, float(np.mean(final)))], task.steps)
    return Result(
        environment=task.environment,
        row=task.row,
        seed=task.seed,
        area=float(curve.mean()),
        final=float(np.mean(final)),
        curve=tuple(curve.tolist()),
    )


def is_here(environment: str) -> bool:
    """Whether the environment can be made on this machine; one that cannot is named."""
    try:
        gym.make(environment).close()
    except gym.error.Error as error:
        print(f"not here: {environment} ({type(error).__name__})")
        return False
    return True


def report(environment: str, steps: int, results: Sequence[Result], out: Path | None) -> None:
    """Prints the table of one environment; writes its curves where asked."""
    rows = list(dict.fromkeys(result.row for result in results))

    def of(row: str, read: Callable[[Result], Any]) -> list[Any]:
        return [read(result) for result in results if result.row == row]

    print(f"\n{environment}, {steps:,} steps: interquartile mean [95 % interval over the seeds]\n")
    print("| row | area under the curve | final return | seeds |\n|---|---|---|---|")
    for row in rows:
        print(as_row(row, of(row, lambda r: r.area), of(row, lambda r: r.final)))
    stock = [row for row in STOCK if row in rows]
    if OURS in rows and stock:
        print("\n" + verdict({r: of(r, lambda x: x.area) for r in rows}, OURS, stock))
    if out is not None:
        curves = {row: of(row, lambda r: np.array(r.curve)) for row in rows}
        picture = as_svg(environment, curves, steps)
        (out / f"learning-{environment}.svg").write_text(picture, encoding="utf-8")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--steps", type=int, default=None, help="override every budget")
    parser.add_argument("--environments", default=",".join(BUDGETS), help="separated by commas")
    parser.add_argument(
        "--rows", default=";".join((*STOCK, *VARIANTS)), help="separated by semicolons"
    )
    parser.add_argument("--out", type=Path, default=None, help="for curves and results")
    return parser.parse_args()


def main() -> None:
    """Trains every row on every environment with every seed and prints the tables."""
    asked = parse()
    rows = [row.strip() for row in asked.rows.split(";")]
    environments = [name for name in asked.environments.split(",") if is_here(name)]
    tasks = [
        Task(environment=name, row=row, seed=seed, steps=asked.steps or BUDGETS[name])
        for name in environments
        for seed in range(asked.seeds)
        for row in rows
    ]
    with multiprocessing.get_context("spawn").Pool(asked.jobs) as pool:
        results = pool.map(train, tasks, chunksize=1)
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{json.dumps(asdict(result))}\n" for result in results)
        (asked.out / "learning.jsonl").write_text(lines, encoding="utf-8")
    for name in environments:
        own = [result for result in results if result.environment == name]
        report(name, asked.steps or BUDGETS[name], own, asked.out)


if __name__ == "__main__":
    main()
