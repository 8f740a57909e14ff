"""Environments in other processes, whose outermost wrapper speaks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import stable_baselines3 as sb3
import torch
from resumeproof.algo import ExactCheckpointCallback, Resumable, UnsavableEnvironment, resume
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecNormalize


class Drifting(gym.Wrapper[Any, Any, Any, Any]):
    """Draws from the global stream of its process, and counts."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.steps = 0

    def step(self, action: Any) -> Any:
        """A reward with noise that no generator of the environment's own has drawn."""
        import numpy as np

        self.steps += 1
        observation, reward, *rest = self.env.step(action)
        return observation, float(reward) + float(np.random.rand()), *rest


def one() -> Any:
    """An environment that ends often."""
    return Drifting(gym.make("CartPole-v1", max_episode_steps=13))


def vectorized(kind: type[VecEnv]) -> VecEnv:
    """Two of them, normalised."""
    make = make_vec_env(one, 2, vec_env_cls=kind, wrapper_class=Resumable)
    return VecNormalize(make)


def model(env: VecEnv) -> Any:
    """A small one."""
    options: dict[str, Any] = {"n_steps": 8, "policy_kwargs": {"net_arch": [8]}}
    return sb3.A2C("MlpPolicy", env, device="cpu", seed=1, **options)


@pytest.mark.parametrize("kind", [SubprocVecEnv, DummyVecEnv])
def test_run_in_workers_resumes_exactly(kind: type[VecEnv], tmp_path: Path) -> None:
    """Wrappers, statistics and the streams of the workers' processes included."""
    first, second = vectorized(kind), vectorized(kind)
    try:
        whole = model(first).learn(96, callback=ExactCheckpointCallback(8, str(tmp_path)))
        path = tmp_path / "rl_model_48_steps.zip"
        again = resume(path, second, device="cpu")
        callback = ExactCheckpointCallback(8, str(tmp_path / "again"))
        again.learn(48, callback=callback, reset_num_timesteps=False)
        pairs = zip(whole.policy.parameters(), again.policy.parameters(), strict=True)
        assert all(torch.equal(left, right) for left, right in pairs)
        assert first.get_attr("steps") == second.get_attr("steps") == [48, 48]
    finally:
        first.close()
        second.close()


def test_wrapper_that_is_not_the_outermost_does_not_speak_for_the_environment(
    tmp_path: Path,
) -> None:
    """What is outside of it could not be read."""
    env = SubprocVecEnv([lambda: Drifting(Resumable(one()))])
    try:
        with pytest.raises(UnsavableEnvironment, match="outermost wrapper"):
            model(env).learn(20, callback=ExactCheckpointCallback(8, str(tmp_path)))
    finally:
        env.close()
