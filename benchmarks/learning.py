"""Claim: with default settings DistributionalPPO learns what SB3's PPO learns, on equal budgets.

usage: python benchmarks/learning.py [--seeds N] [--jobs N] [--steps N]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
from typing import Any

import gymnasium as gym
import torch
from resumeproof.algo import DistributionalPPO
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

ALGORITHMS = {"DistributionalPPO": DistributionalPPO, "SB3 PPO": PPO}
# environment -> environment steps of training
BUDGETS = {"CartPole-v1": 100_000, "Pendulum-v1": 200_000}


def train(task: tuple[str, str, int, int]) -> tuple[str, str, int, float]:
    """Trains one seed and returns the mean return of 20 greedy episodes."""
    environment, name, seed, steps = task
    torch.set_num_threads(1)
    model: Any = ALGORITHMS[name]("MlpPolicy", environment, seed=seed, device="cpu")
    model.learn(steps)
    env = Monitor(gym.make(environment))
    env.reset(seed=10_000 + seed)
    returns, _ = evaluate_policy(model, env, n_eval_episodes=20, deterministic=True)
    return environment, name, seed, float(returns)


def main() -> None:
    """Trains every algorithm on every environment with every seed and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--steps", type=int, default=None, help="override both budgets")
    arguments = parser.parse_args()
    tasks = [
        (environment, name, seed, arguments.steps or budget)
        for environment, budget in BUDGETS.items()
        for seed in range(arguments.seeds)
        for name in ALGORITHMS
    ]
    with multiprocessing.get_context("spawn").Pool(arguments.jobs) as pool:
        results = pool.map(train, tasks, chunksize=1)
    print("| environment, steps | algorithm | median return | every seed |")
    print("|---|---|---|---|")
    for environment, budget in BUDGETS.items():
        for name in ALGORITHMS:
            found = [r for e, n, _, r in results if (e, n) == (environment, name)]
            seeds = " ".join(f"{value:.0f}" for value in sorted(found))
            steps = f"{arguments.steps or budget:,}"
            median = statistics.median(found)
            print(f"| {environment}, {steps} | {name} | {median:.0f} | {seeds} |")


if __name__ == "__main__":
    main()
