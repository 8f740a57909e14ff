"""Claim: by default DistributionalPPO learns at least as fast as the best of SB3's rows.

On each environment every row trains with every seed on an equal budget and, but for what the row
names, with equal settings: those of SB3's PPO, in eight environments. Three rows are SB3's, then
come ours and ours with one part exchanged or off. The area under the curve is the mean over the
training of the mean return of the last ten episodes; the final return is of 20 greedy episodes in
environments of their own. Intervals are bootstrapped over the seeds.

usage: python -m benchmarks.learning [--seeds N] [--rows "A;B"] [--results FILE] [--report FOLDER]

Each training is a line of FILE as soon as it ends, and what is there is not trained again: the
whole takes more than an hour of one core, so `make bench` leaves it out. `--report` trains nothing;
it prints the tables, and writes the curves, of what is there. LunarLander needs Box2D:
`pip install box2d pygame`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from resumeproof.algo import DistributionalPPO
from sb3_contrib import TRPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from benchmarks.learning_curves import on_grid
from benchmarks.learning_tables import OURS, STOCK, Result, read_results, write_report

N_ENVS, N_STEPS = 8, 256
# what of ours is exchanged or off in each row; the first is the default
VARIANTS: dict[str, dict[str, Any]] = {
    OURS: {},
    "ours, one critic": {"twin_critics": False},
    "ours, twin mean": {"twin": "mean"},
    "ours, scalar critic": {"critic": "scalar"},
    "ours, Adam": {"optimizer": "adam"},
    "ours, no VGS": {"vgs": False},
    "ours, no normaliser": {"normalize_returns": False},
    "ours, all": {"components": "all"},
}
# environment -> environment steps of training
BUDGETS = {
    "CartPole-v1": 30_000,
    "Acrobot-v1": 30_000,
    "Pendulum-v1": 60_000,
    "MountainCarContinuous-v0": 16_000,
    "LunarLander-v3": 60_000,
}
RESULTS = Path(__file__).with_suffix(".jsonl")


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


def make_envs(environment: str, n_envs: int = N_ENVS) -> VecEnv:
    """Some of them."""
    return DummyVecEnv([partial(make_env, environment)] * n_envs)


def make_model(environment: str, row: str, seed: int) -> Any:
    """The algorithm of a row."""
    env = make_envs(environment)
    common: dict[str, Any] = {"n_steps": N_STEPS, "seed": seed, "device": "cpu"}
    if row in VARIANTS:
        return DistributionalPPO("MlpPolicy", env, **common, **VARIANTS[row])
    if row == STOCK[1]:
        env = VecNormalize(env, norm_obs=False)
    return (TRPO if row == STOCK[2] else PPO)("MlpPolicy", env, **common)


def train(environment: str, row: str, seed: int, steps: int) -> Result:
    """Trains one seed of one row on one environment."""
    start = time.process_time()
    model, episodes = make_model(environment, row, seed), Episodes()
    model.learn(steps, episodes)
    seconds = time.process_time() - start
    envs = make_envs(environment, 10)
    envs.seed(10_000 + 100 * seed)
    final, _ = evaluate_policy(model, envs, n_eval_episodes=20, deterministic=True)
    curve = on_grid(episodes.seen or [(steps, float(np.mean(final)))], steps)
    return Result(
        environment=environment,
        row=row,
        seed=seed,
        steps=steps,
        area=float(curve.mean()),
        final=float(np.mean(final)),
        seconds=round(seconds, 1),
        curve=tuple(float(f"{value:.4g}") for value in curve),
    )


def is_here(environment: str) -> bool:
    """Whether the environment can be made on this machine; one that cannot is named."""
    try:
        gym.make(environment).close()
    except gym.error.Error as error:
        print(f"not here: {environment} ({type(error).__name__})")
        return False
    return True


def tasks(asked: argparse.Namespace) -> Iterator[tuple[str, str, int, int]]:
    """Every training that was asked for, seed by seed, so that what is done is a fair table."""
    rows = [row.strip() for row in asked.rows.split(";")]
    for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
        for name in filter(is_here, asked.environments.split(",")):
            for row in rows:
                yield name, row, seed, asked.steps or BUDGETS[name]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=None, help="override every budget")
    parser.add_argument("--environments", default=",".join(BUDGETS), help="separated by commas")
    parser.add_argument(
        "--rows", default=";".join((*STOCK, *VARIANTS)), help="separated by semicolons"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="a line a training")
    parser.add_argument("--report", type=Path, default=None, help="only write, into this folder")
    return parser.parse_args()


def main() -> None:
    """Trains what is not there yet, or writes the tables and curves of what is."""
    asked = parse()
    results = read_results(asked.results)
    if asked.report is not None:
        write_report(results, asked.report)
        return
    torch.set_num_threads(1)
    there = {(r.environment, r.row, r.seed, r.steps) for r in results}
    for task in tasks(asked):
        if task not in there:
            result = train(*task)
            with asked.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
            print(*task, f"area {result.area:.1f}, final {result.final:.1f}", flush=True)


if __name__ == "__main__":
    main()
