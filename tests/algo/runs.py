"""What the tests of exact resume share: runs, and the instrument as their oracle.

The oracle reads the live object graph and knows nothing of what a checkpoint holds: a part that
`save` forgets cannot be forgotten here.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.maths.schedules import Linear
from resumeproof.state.capture import capture
from resumeproof.state.compare import compare
from resumeproof.state.snapshot import Snapshot
from resumeproof.subjects.sb3 import sb3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

# the wall clock, the logger, and what the class itself declares, each with its reason
EXCLUSIONS = sb3(DistributionalPPO, env="CartPole-v1").exclusions

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cartpole": ({}, {}),
    "cartpole-4": ({"n_envs": 4}, {}),
    "pendulum": ({"env_id": "Pendulum-v1"}, {}),
    "pendulum-4-normalized": ({"env_id": "Pendulum-v1", "n_envs": 4, "normalize": True}, {}),
    "cartpole-normalized": ({"normalize": True}, {}),
    "schedules": ({}, {"learning_rate": lambda p: 1e-3 * p, "clip_range": Linear(0.3, 0.1, 1.0)}),
    "categorical-clipped": (
        {},
        {"critic": "categorical", "critic_kwargs": {"n_atoms": 7}, "clip_range_vf": 0.2},
    ),
    "scalar-adam": (
        {},
        {
            "critic": "scalar",
            "critic_kwargs": None,
            "optimizer": "adam",
            "twin_critics": False,
            "vgs": False,
            "vgs_kwargs": None,
        },
    ),
    "upgd-gsde": (
        {"env_id": "Pendulum-v1"},
        {"optimizer": "upgd", "learning_rate": 0.1, "use_sde": True, "sde_sample_freq": 4},
    ),
}


class SaveAt(BaseCallback):
    """Saves the run when it has done a given number of environment steps."""

    def __init__(self, timesteps: int, path: Path) -> None:
        super().__init__()
        self.at, self.path = timesteps, path

    def _on_step(self) -> bool:
        if self.num_timesteps == self.at:
            self.model.save(self.path)
        return True


def snapshot(model: Any) -> Snapshot:
    """Everything that the model reaches, and the global random streams, as bits."""
    return capture(model, name="model", streams=True, exclusions=EXCLUSIONS)


def touched(env: VecEnv) -> Snapshot:
    """Everything a failed load could have moved: the environment and the global streams."""
    return capture(env, name="env", streams=True, exclusions=EXCLUSIONS)


def different(left: Snapshot, right: Snapshot) -> list[str]:
    """The KeyPaths at which two snapshots differ."""
    found = compare(left, right, EXCLUSIONS).mismatches
    return [str(mismatch.keypath) for mismatch in found]


def poison() -> None:
    """Leaves no global stream where a lucky resume could find it."""
    random.seed(91)
    np.random.seed(92)
    torch.manual_seed(93)


def resume(path: Path, env: VecEnv, total: int, callback: Any = None, **code: Any) -> Any:
    """Poisons every stream, loads into a used environment, and finishes the run."""
    poison()
    env.reset()
    env.step(np.array([env.action_space.sample() for _ in range(env.num_envs)]))
    model = DistributionalPPO.load(path, env=env, device="cpu", **code)
    rest = total - model.num_timesteps
    return model.learn(rest, callback=callback, reset_num_timesteps=False)
