"""Claim: a quantile critic with 200 quantiles costs at most 3x one with 32.

The target of every quantile is a scalar return, so no tensor of batch x N x N exists anywhere. One
whole update (`train()`) and the critic alone (forward, loss, backward), in turns on one thread;
medians of per-round ratios of process CPU time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.networks.critics import make_critic

BATCH, LATENT, ROUNDS = 128, 64, 15


def seconds(act: Callable[[], Any], repeats: int) -> float:
    """Process CPU seconds of some calls."""
    start = time.process_time()
    for _ in range(repeats):
        act()
    return time.process_time() - start


def critic_step(n_quantiles: int) -> Callable[[], None]:
    """Forward, loss and backward of twin critics on one minibatch."""
    critic = make_critic("quantile", LATENT, 2, {"n_quantiles": n_quantiles})
    latent, targets = torch.randn(BATCH, LATENT), torch.randn(BATCH)

    def step() -> None:
        critic.zero_grad()
        critic.loss(critic(latent), targets).backward()  # type: ignore[no-untyped-call]

    return step


def update(n_quantiles: int) -> Callable[[], None]:
    """One whole update of the algorithm on a full rollout."""
    model = DistributionalPPO(
        "MlpPolicy", "CartPole-v1", n_steps=512, batch_size=BATCH, n_epochs=4, device="cpu",
        critic_kwargs={"n_quantiles": n_quantiles},
    )  # fmt: skip
    model.learn(512)
    return model.train


def main() -> None:
    """Prints the two ratios."""
    torch.set_num_threads(1)
    print("N = 200 relative to N = 32 (goal: at most 3x)")
    for name, make, repeats in (("critic alone", critic_step, 20), ("whole update", update, 1)):
        large, small = make(200), make(32)
        seconds(large, repeats), seconds(small, repeats)
        ratios = [seconds(large, repeats) / seconds(small, repeats) for _ in range(ROUNDS)]
        print(f"{name:14} {statistics.median(ratios):.2f}x")


if __name__ == "__main__":
    main()
