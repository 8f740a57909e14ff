"""Every algorithm of Stable-Baselines3 and sb3-contrib, small, with what its users add to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import sb3_contrib
import stable_baselines3 as sb3
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecFrameStack, VecNormalize

CARTPOLE, PENDULUM = "CartPole-v1", "Pendulum-v1"
NET: dict[str, Any] = {"net_arch": [8]}
ON: dict[str, Any] = {"n_steps": 16, "batch_size": 16, "policy_kwargs": NET}
OFF: dict[str, Any] = {
    "learning_starts": 20,
    "batch_size": 8,
    "buffer_size": 60,
    "train_freq": 4,
    "policy_kwargs": NET,
}
HER: dict[str, Any] = {
    **OFF,
    "replay_buffer_class": HerReplayBuffer,
    "replay_buffer_kwargs": {"n_sampled_goal": 2},
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One algorithm with its environment and arguments."""

    cls: type[Any]
    env: Callable[[], VecEnv]
    policy: str = "MlpPolicy"
    options: dict[str, Any] = field(default_factory=dict)

    def make(self) -> Any:
        """A new model."""
        options = {k: dict(v) if isinstance(v, dict) else v for k, v in self.options.items()}
        return self.cls(self.policy, self.env(), seed=1, device="cpu", **options)


def short(env_id: str, n_envs: int = 1, normalize: bool = False, stack: bool = False) -> Any:
    """What makes environments with episodes that end within a rollout."""

    def one() -> gym.Env[Any, Any]:
        return Monitor(gym.make(env_id, max_episode_steps=13))

    def make() -> VecEnv:
        env: VecEnv = DummyVecEnv([one] * n_envs)
        env = VecFrameStack(env, 2) if stack else env
        return VecNormalize(env) if normalize else env

    return make


def flipping(continuous: bool) -> Callable[[], VecEnv]:
    """Bits to flip, for hindsight."""
    return lambda: DummyVecEnv(
        [lambda: BitFlippingEnv(n_bits=4, continuous=continuous, max_steps=4)]
    )


class Masking(gym.Wrapper[Any, Any, Any, Any]):
    """Forbids to push right at every third step."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.steps = 0

    def step(self, action: Any) -> Any:
        """Counts."""
        self.steps += 1
        return self.env.step(action)

    def action_masks(self) -> Any:
        """What may be done now."""
        return np.array([True, self.steps % 3 != 0])


def masked() -> VecEnv:
    """Actions of which some are forbidden."""
    return DummyVecEnv([lambda: Masking(Monitor(gym.make(CARTPOLE, max_episode_steps=13)))])


def normal() -> NormalActionNoise:
    """Noise without a memory."""
    return NormalActionNoise(np.zeros(1), 0.1 * np.ones(1))


def drifting() -> OrnsteinUhlenbeckActionNoise:
    """Noise with one."""
    return OrnsteinUhlenbeckActionNoise(np.zeros(1), 0.1 * np.ones(1))


def case(cls: type[Any], env: Any, options: dict[str, Any], policy: str = "MlpPolicy") -> Case:
    """One row."""
    return Case(cls=cls, env=env, policy=policy, options=options)


QUANTILES = {**OFF, "policy_kwargs": {**NET, "n_quantiles": 5}}
LSTM = {**ON, "n_steps": 8, "n_epochs": 2, "policy_kwargs": {**NET, "lstm_hidden_size": 8}}
SDE = {"use_sde": True, "sde_sample_freq": 4}
CASES: dict[str, Case] = {
    "PPO": case(sb3.PPO, short(CARTPOLE), {**ON, "n_epochs": 2}),
    "PPO-gSDE": case(sb3.PPO, short(PENDULUM, 2, normalize=True), {**ON, "n_steps": 8, **SDE}),
    "PPO-stacked": case(sb3.PPO, short(CARTPOLE, 4, stack=True), {**ON, "n_steps": 8}),
    "A2C": case(sb3.A2C, short(CARTPOLE, 2), {"n_steps": 5, "policy_kwargs": NET}),
    "DQN": case(sb3.DQN, short(CARTPOLE), {**OFF, "target_update_interval": 30}),
    "DQN-4": case(sb3.DQN, short(CARTPOLE, 4), {**OFF, "target_update_interval": 30}),
    "SAC": case(sb3.SAC, short(PENDULUM, normalize=True), OFF),
    "SAC-episodes": case(
        sb3.SAC, short(PENDULUM), {**OFF, "use_sde": True, "train_freq": (1, "episode")}
    ),
    "SAC-memory": case(
        sb3.SAC,
        short(PENDULUM),
        {
            **OFF,
            "ent_coef": 0.1,
            "optimize_memory_usage": True,
            "replay_buffer_kwargs": {"handle_timeout_termination": False},
        },
    ),
    "TD3": case(sb3.TD3, short(PENDULUM), {**OFF, "action_noise": normal()}),
    "DDPG": case(sb3.DDPG, short(PENDULUM, 2), {**OFF, "action_noise": drifting()}),
    "DQN-HER": case(sb3.DQN, flipping(False), HER, "MultiInputPolicy"),
    "SAC-HER": case(sb3.SAC, flipping(True), HER, "MultiInputPolicy"),
    "RecurrentPPO": case(sb3_contrib.RecurrentPPO, short(CARTPOLE, 2), LSTM, "MlpLstmPolicy"),
    "MaskablePPO": case(sb3_contrib.MaskablePPO, masked, {**ON, "n_epochs": 2}),
    "TRPO": case(sb3_contrib.TRPO, short(CARTPOLE), ON),
    "ARS": case(sb3_contrib.ARS, short(CARTPOLE), {"n_delta": 2, "n_top": 1}, "LinearPolicy"),
    "QRDQN": case(sb3_contrib.QRDQN, short(CARTPOLE), QUANTILES),
    "TQC": case(sb3_contrib.TQC, short(PENDULUM), QUANTILES),
    "CrossQ": case(sb3_contrib.CrossQ, short(PENDULUM), OFF),
}
