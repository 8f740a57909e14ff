"""Environments of a run: made, seeded, used, and with statistics put back where they sit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecEnvWrapper,
    VecNormalize,
)

from ...core.errors import InvalidSubject
from .files import STATISTICS, beside

OPTIONS = ("env", "n_envs", "max_episode_steps", "normalize")
"""Options that build the environment; all others go to the algorithm."""

IMPLIED = {"n_envs": 1, "max_episode_steps": None, "normalize": False}
"""Of a named environment, where nobody says otherwise."""


def make_environment(options: Mapping[str, Any]) -> VecEnv:
    """The environment that the options name or make.

    Raises:
        InvalidSubject: it runs in processes of its own, where nothing can be read.
    """
    made = options["env"]() if callable(options["env"]) else _named(options["env"], options)
    if isinstance(made, VecEnv):
        _require_readable(made)
    return made


def _named(name: str, options: Mapping[str, Any]) -> VecEnv:
    def make() -> gym.Env[Any, Any]:
        return Monitor(gym.make(name, max_episode_steps=options.get("max_episode_steps")))

    env: VecEnv = DummyVecEnv([make] * options.get("n_envs", 1))
    return VecNormalize(env) if options.get("normalize") else env


def _require_readable(env: VecEnv) -> None:
    if any(isinstance(level, SubprocVecEnv) for level in levels(env)):
        env.close()
        raise InvalidSubject(
            "expected environments that live in this process, got SubprocVecEnv, whose states lie "
            "in others where nothing can read them: write DummyVecEnv, which steps the same "
            "environments in the same order"
        )


def levels(env: VecEnv) -> Iterator[VecEnv]:
    """A vectorised environment and all that it wraps, from the outside in."""
    yield env
    while isinstance(env, VecEnvWrapper):
        env = env.venv
        yield env


def reseed_drawn(env: VecEnv, seed: int) -> None:
    """Seeds the observation spaces that have been sampled though nobody has seeded them.

    SB3's networks for images sample one to learn a shape: the sample is thrown away, and the
    stream stays behind with a seed of the operating system.
    """
    for level in levels(env):
        _reseed(level.observation_space, seed)
        for inner in getattr(level, "envs", ()) if isinstance(level, DummyVecEnv) else ():
            while isinstance(inner, gym.Wrapper):
                _reseed(inner.observation_space, seed)
                inner = inner.env
            _reseed(inner.observation_space, seed)


def _reseed(space: gym.Space[Any], seed: int) -> None:
    if isinstance(space, gym.spaces.Dict):
        for part in space.spaces.values():
            _reseed(part, seed)
    elif isinstance(space, gym.spaces.Tuple):
        for part in space.spaces:
            _reseed(part, seed)
    elif space._np_random is not None:
        space.seed(seed)


def use(env: VecEnv, seed: int) -> None:
    """Leaves an environment where no run of this seed has it."""
    env.seed(seed)
    env.action_space.seed(seed)
    env.reset()
    for _ in range(3):
        env.step(np.array([env.action_space.sample() for _ in range(env.num_envs)]))


def with_statistics(env: VecEnv, source: Any) -> VecEnv:
    """The environment with its `VecNormalize`, wherever it sits, as `VecNormalize.save` left it."""
    outer: VecEnvWrapper | None = None
    for level in levels(env):
        if isinstance(level, VecNormalize):
            restored = VecNormalize.load(str(beside(source, STATISTICS)), level.venv)
            if outer is None:
                return restored
            outer.venv = restored
            return env
        outer = level if isinstance(level, VecEnvWrapper) else None
    return env
