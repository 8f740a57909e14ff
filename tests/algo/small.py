"""Small models and environments for the tests of the algorithm."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from resumeproof.algo import DistributionalPPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize


def make_env(env_id: str = "CartPole-v1", n_envs: int = 1, normalize: bool = False) -> VecEnv:
    """Short episodes, so that resets and time limits happen in every run."""

    def make() -> gym.Env[Any, Any]:
        return Monitor(gym.make(env_id, max_episode_steps=13))

    env: VecEnv = DummyVecEnv([make] * n_envs)
    return VecNormalize(env) if normalize else env


def make_model(env: VecEnv | None = None, **options: Any) -> DistributionalPPO:
    """A small model with every optional component switched on."""
    arguments: dict[str, Any] = {
        "n_steps": 16,
        "batch_size": 16,
        "n_epochs": 2,
        "seed": 3,
        "device": "cpu",
        "policy_kwargs": {"net_arch": [8]},
        "critic_kwargs": {"n_quantiles": 5},
        "vgs_kwargs": {"warmup_steps": 2},
        "kl_penalty": True,
        "normalize_returns": True,
    }
    return DistributionalPPO("MlpPolicy", env or make_env(), **{**arguments, **options})
