"""Question: on equal budgets of environment steps, is PBT better than search without exchange?

Four ways to spend the same number of environment steps, for each seed:

- PBT: `size` members, exploited and explored every `interval` steps;
- random search: the very same members with the same first hyper-parameters, nobody copies anybody;
- default, one: one model with the default hyper-parameters that gets the whole budget;
- default, size: `size` models with the default hyper-parameters.

Of several models the one with the best score in training is taken; every result is the mean return
of 20 greedy episodes in an environment that no training saw.

usage: python benchmarks/pbt.py [--seeds N] [--steps N] [--size N] [--environment ID] [--minutes M]
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import gymnasium as gym
import torch
from resumeproof.algo import DistributionalPPO, LogUniform, Population, Uniform
from resumeproof.algo.pbt.settings import mean_episode_return
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

ROLLOUT = 512
EXPLORE = {
    "learning_rate": LogUniform(1e-5, 1e-2),
    "ent_coef": LogUniform(1e-5, 1e-1),
    "clip_range": Uniform(0.05, 0.4),
}


def make(environment: str, seed: int) -> DistributionalPPO:
    """The model of every arm; rollouts are short, so that small budgets hold many updates."""
    return DistributionalPPO(
        "MlpPolicy", environment, n_steps=ROLLOUT, batch_size=64, seed=seed, device="cpu"
    )


def evaluate(model: Any, environment: str, seed: int) -> float:
    """Mean return of 20 greedy episodes."""
    env = Monitor(gym.make(environment))
    env.reset(seed=10_000 + seed)
    returns, _ = evaluate_policy(model, env, n_eval_episodes=20, deterministic=True)
    return float(returns)


def search(environment: str, seed: int, size: int, steps: int, interval: int) -> DistributionalPPO:
    """The best member of a population; without an exchange where the interval is the budget."""
    population = Population(
        lambda own: make(environment, own),
        size=size, seed=seed, interval=interval, explore=EXPLORE,
    )  # fmt: skip
    return population.learn(steps // size).best.model


def default(environment: str, seed: int, size: int, steps: int) -> DistributionalPPO:
    """The best of some models with the default hyper-parameters."""
    models = []
    for number in range(size):
        models.append(make(environment, 1000 * seed + number).learn(steps // size))
    return max(models, key=mean_episode_return)


def run(environment: str, seed: int, size: int, steps: int) -> dict[str, float]:
    """The result of every arm for one seed."""
    own = steps // size
    models = {
        "PBT": search(environment, seed, size, steps, interval=own // 8),
        "random search": search(environment, seed, size, steps, interval=own),
        "default, one": default(environment, seed, 1, steps),
        f"default, {size}": default(environment, seed, size, steps),
    }
    return {name: evaluate(model, environment, seed) for name, model in models.items()}


def main() -> None:
    """Trains every arm with every seed that fits into the time and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", default="CartPole-v1")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--size", type=int, default=4)
    parser.add_argument("--steps", type=int, default=32_768, help="of all members together")
    parser.add_argument("--minutes", type=float, default=6.0, help="no seed begins later")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    start, results = time.monotonic(), []
    for seed in range(arguments.seeds):
        if time.monotonic() - start < 60 * arguments.minutes:
            results.append(run(arguments.environment, seed, arguments.size, arguments.steps))
    print(f"{arguments.environment}, {arguments.steps:,} steps for each arm and seed")
    print("| arm | median return | every seed | PBT is better or equal |")
    print("|---|---|---|---|")
    for arm in results[0]:
        found = [result[arm] for result in results]
        wins = sum(result["PBT"] >= result[arm] for result in results)
        seeds = " ".join(f"{value:.0f}" for value in found)
        print(f"| {arm} | {statistics.median(found):.0f} | {seeds} | {wins} of {len(results)} |")
    medians = {arm: statistics.median(result[arm] for result in results) for arm in results[0]}
    ratio = medians["PBT"] / medians["random search"]
    # a return may be negative, as in Pendulum, where a ratio says nothing about which is better
    better = "better" if medians["PBT"] > medians["random search"] else "not better"
    print(f"PBT is {better} than random search here: ratio of medians {ratio:.2f}")
    print(f"{time.monotonic() - start:.0f} s, {len(results)} of {arguments.seeds} seeds")


if __name__ == "__main__":
    main()
