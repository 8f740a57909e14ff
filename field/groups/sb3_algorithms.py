"""All algorithms of SB3 and of sb3-contrib, as they come."""

from functools import partial

import sb3_contrib as contrib
import stable_baselines3 as sb3
from sb3_contrib.common.envs import InvalidActionEnvDiscrete
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.her import HerReplayBuffer

from ..row import Row

SMALL = {"policy_kwargs": {"net_arch": [8]}}
ROLLOUT = {"n_steps": 16, "batch_size": 16, **SMALL}
RECURRENT = {
    **ROLLOUT,
    "policy": "MlpLstmPolicy",
    "policy_kwargs": {"net_arch": [8], "lstm_hidden_size": 8},
}
REPLAY = {"learning_starts": 10, "buffer_size": 200, "batch_size": 8, **SMALL}


def bits():
    return DummyVecEnv([partial(BitFlippingEnv, n_bits=4, continuous=False)])


def continuous_bits():
    return DummyVecEnv([partial(BitFlippingEnv, n_bits=4, continuous=True)])


def masked():
    return DummyVecEnv([partial(InvalidActionEnvDiscrete, dim=8, n_invalid_actions=3)])


def row_of(kind, env, options, also=""):
    package = "stable-baselines3" if kind.__module__.startswith("stable") else "sb3-contrib"
    return Row(
        name=f"{kind.__name__}{also}",
        package=package,
        way="sb3",
        make=kind,
        options={"env": env, **options},
        steps=8,
    )


def rows():
    hindsight = {"replay_buffer_class": HerReplayBuffer, "policy": "MultiInputPolicy", **REPLAY}
    return [
        row_of(sb3.PPO, "CartPole-v1", ROLLOUT),
        row_of(sb3.A2C, "CartPole-v1", {"n_steps": 8, **SMALL}),
        row_of(sb3.DQN, "CartPole-v1", REPLAY),
        row_of(sb3.SAC, "Pendulum-v1", REPLAY),
        row_of(sb3.TD3, "Pendulum-v1", REPLAY),
        row_of(sb3.DDPG, "Pendulum-v1", REPLAY),
        row_of(sb3.DQN, bits, hindsight, " and HER"),
        row_of(sb3.SAC, continuous_bits, hindsight, " and HER"),
        row_of(contrib.RecurrentPPO, "CartPole-v1", RECURRENT),
        row_of(contrib.MaskablePPO, masked, ROLLOUT),
        row_of(contrib.TRPO, "CartPole-v1", ROLLOUT),
        row_of(contrib.ARS, "CartPole-v1", {"n_delta": 2}),
        row_of(contrib.QRDQN, "CartPole-v1", REPLAY),
        row_of(contrib.TQC, "Pendulum-v1", REPLAY),
        row_of(contrib.CrossQ, "Pendulum-v1", REPLAY),
    ]
