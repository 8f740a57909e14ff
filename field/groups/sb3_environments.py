"""SB3's PPO in environments of every kind: images, Dicts, several at once, Box2D, others' own."""

import gymnasium as gym
import highway_env
import minigrid
import stable_baselines3 as sb3
from minigrid.wrappers import FlatObsWrapper
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import FakeImageEnv, SimpleMultiObsEnv
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

from ..row import Row

REGISTERS = (highway_env, minigrid)
SMALL = {"n_steps": 16, "batch_size": 16}
MLP = {"policy_kwargs": {"net_arch": [8]}, **SMALL}


def images():
    return DummyVecEnv([lambda: FakeImageEnv(screen_height=36, screen_width=36)])


def dicts():
    return DummyVecEnv([lambda: SimpleMultiObsEnv(random_start=False)])


def several():
    return make_vec_env("CartPole-v1", n_envs=2, seed=0)


def normalized():
    return VecNormalize(make_vec_env("Pendulum-v1", n_envs=2, seed=0))


def stacked():
    return VecFrameStack(make_vec_env("CartPole-v1", seed=0), n_stack=3)


def in_processes():
    return VecMonitor(SubprocVecEnv([lambda: gym.make("CartPole-v1")] * 2, start_method="fork"))


def grid():
    return DummyVecEnv([lambda: FlatObsWrapper(gym.make("MiniGrid-Empty-5x5-v0"))])


def of_box2d(name, env):
    mended = row_of(name, env, MLP, "Box2D", excluded=("**.this",))
    return row_of(name, env, MLP, "Box2D", mended=mended)


def row_of(name, env, options, package="stable-baselines3", mended=None, excluded=()):
    return Row(
        name=name,
        package=package,
        way="sb3",
        make=sb3.PPO,
        options={"env": env, **options},
        steps=6,
        excluded=excluded,
        mended=mended,
    )


def rows():
    return [
        row_of("images", images, {"policy": "CnnPolicy", **SMALL}),
        row_of("Dict observations", dicts, {"policy": "MultiInputPolicy", **MLP}),
        row_of("two environments", several, MLP),
        row_of("VecNormalize", normalized, MLP),
        row_of("VecFrameStack", stacked, MLP),
        row_of("SubprocVecEnv", in_processes, MLP, mended=row_of("in one process", several, MLP)),
        of_box2d("Box2D LunarLander", "LunarLander-v3"),
        of_box2d("Box2D BipedalWalker", "BipedalWalker-v3"),
        row_of("minigrid", grid, MLP, "minigrid"),
        row_of("highway-env", "highway-fast-v0", MLP, "highway-env"),
    ]
