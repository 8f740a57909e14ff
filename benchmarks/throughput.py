"""Claim: training with twin 32-quantile critics is at least as fast as SB3's scalar PPO.

Both train the same number of steps in turns, in one process on one thread; the result is the
median of the per-round ratios of process CPU time. Goal: at least 1.0x.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from resumeproof.algo import DistributionalPPO
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

SETTINGS: dict[str, Any] = {"n_steps": 128, "batch_size": 128, "n_epochs": 4, "ent_coef": 0.01}
ROUNDS, STEPS = 7, 4 * 128 * 4


def seconds(model: Any) -> float:
    """Process CPU seconds of one more stretch of training."""
    start = time.process_time()
    model.learn(STEPS, reset_num_timesteps=False)
    return time.process_time() - start


def compare(environment: str, **options: Any) -> tuple[float, float]:
    """(our frames per second relative to SB3's, our frames per CPU second)."""
    ours = DistributionalPPO(
        "MlpPolicy", make_vec_env(environment, 4), **SETTINGS, device="cpu", **options
    )
    theirs = PPO("MlpPolicy", make_vec_env(environment, 4), **SETTINGS, device="cpu")
    seconds(ours), seconds(theirs)
    rounds = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
    ratio = statistics.median(their / our for our, their in rounds)
    return ratio, STEPS / statistics.median(our for our, _ in rounds)


def main() -> None:
    """Prints one row for each environment and variant."""
    torch.set_num_threads(1)
    variants: dict[str, dict[str, Any]] = {
        "default: twin 32-quantile, AdaptiveUPGD, VGS": {},
        "all on: and KL penalty, value clipping": {"kl_penalty": True, "clip_range_vf": 0.2},
        "scalar single, Adam, no VGS": {
            "critic": "scalar",
            "twin_critics": False,
            "optimizer": "adam",
            "vgs": False,
            "normalize_returns": False,
        },
        "twin 200-quantile": {"critic_kwargs": {"n_quantiles": 200}},
    }
    print("frames per CPU second against SB3 PPO, 4 environments (goal for the default: 1.0x)")
    for environment in ("CartPole-v1", "Pendulum-v1"):
        for name, options in variants.items():
            ratio, rate = compare(environment, **options)
            print(f"{environment:12} {name:46} {ratio:5.2f}x  ({rate:6.0f} fps)")


if __name__ == "__main__":
    main()
