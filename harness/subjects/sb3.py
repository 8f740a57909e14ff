"""Any Stable-Baselines3 algorithm as a subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import gymnasium as gym
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from harness.exclusions import Exclusion
from harness.scenario import Scenario
from harness.subjects import Visits

# options that build the environment; all others go to the algorithm
_OF_ENV = ("env", "n_envs", "max_episode_steps", "normalize")
_CLOCK = "wall clock: seconds since a start that differs from run to run"

WALL_CLOCK = (
    Exclusion(pattern="model.start_time", reason=_CLOCK),
    Exclusion(
        pattern="model._num_timesteps_at_start",
        reason="where the current learn() began, for frames per second only",
    ),
    Exclusion(pattern="**.t_start", reason=_CLOCK),
    Exclusion(pattern="**.episode_times", reason=_CLOCK),
    Exclusion(pattern="**['episode']['t']", reason=_CLOCK),
    Exclusion(pattern="model.ep_info_buffer[*]['t']", reason=_CLOCK),
)


def sb3(
    algorithm: type[BaseAlgorithm],
    *,
    env: str | Callable[[], VecEnv],
    exclusions: Sequence[Exclusion] = (),
    **options: Any,
) -> Sb3Subject:
    """A Stable-Baselines3 algorithm under test.

    Args:
        algorithm: the class.
        env: a registered environment's name, or a function that makes a vectorised environment.
        exclusions: what is not compared, on top of the wall-clock fields.
        **options: `n_envs`, `max_episode_steps` and `normalize` (VecNormalize) for a named
            environment; all others are the algorithm's own.
    """
    return Sb3Subject(
        algorithm=algorithm,
        options={"env": env, **options},
        exclusions=(*WALL_CLOCK, *exclusions),
    )


@final
@dataclass(frozen=True, kw_only=True)
class Sb3Subject:
    """See `sb3`; a scenario's options are laid over those given there."""

    algorithm: type[BaseAlgorithm]
    options: Mapping[str, Any]
    exclusions: Sequence[Exclusion] = field(default=WALL_CLOCK)

    @property
    def name(self) -> str:
        """`sb3:` and the algorithm's class."""
        return f"sb3:{self.algorithm.__name__}"

    def build(self, scenario: Scenario) -> BaseAlgorithm:
        """A fresh model on CPU in a fresh environment, seeded by the scenario."""
        options = {**self.options, **scenario.options}
        env = self._make_env(options)
        arguments: dict[str, Any] = {"policy": "MlpPolicy", "device": "cpu"}
        arguments |= {k: v for k, v in options.items() if k not in _OF_ENV}
        return self.algorithm(env=env, seed=scenario.seed, **arguments)

    def train(self, live: BaseAlgorithm, *, until: int, visits: Visits) -> None:
        """`learn()` up to `until` environment steps, visiting the run on the way."""
        callback = _Visitor(visits)
        fresh = live._total_timesteps == 0
        live.learn(until - live.num_timesteps, callback=callback, reset_num_timesteps=fresh)

    def save(self, live: BaseAlgorithm, target: Any) -> None:
        """`model.save`."""
        live.save(target)

    def load(self, source: Any, scenario: Scenario) -> BaseAlgorithm:
        """`load(path, env=env)` into an environment that has already been used otherwise."""
        env = self._make_env({**self.options, **scenario.options})
        env.seed(scenario.seed + 7919)
        env.reset()
        for _ in range(3):
            env.step(np.array([env.action_space.sample() for _ in range(env.num_envs)]))
        return self.algorithm.load(source, env=env, device="cpu")

    def roots(self, live: BaseAlgorithm) -> Mapping[str, Any]:
        """The model; its environment, policy, buffers and optimizer hang on it."""
        return {"model": live}

    def boundaries(self, scenario: Scenario) -> Sequence[int]:
        """Every rollout of an on-policy algorithm; every eighth of the run otherwise."""
        options = {**self.options, **scenario.options}
        per_step = options.get("n_envs", 1)
        every = options["n_steps"] if "n_steps" in options else max(scenario.length // 8, 1)
        return range(every * per_step, scenario.length + 1, every * per_step)

    def _make_env(self, options: Mapping[str, Any]) -> VecEnv:
        name = options["env"]
        if callable(name):
            made: VecEnv = name()
            return made

        def make() -> gym.Env[Any, Any]:
            return Monitor(gym.make(name, max_episode_steps=options.get("max_episode_steps")))

        env: VecEnv = DummyVecEnv([make] * options.get("n_envs", 1))
        return VecNormalize(env) if options.get("normalize") else env


@final
class _Visitor(BaseCallback):
    """Hands the live model to a function at given numbers of environment steps."""

    def __init__(self, visits: Visits) -> None:
        super().__init__()
        self.visits = visits

    def _on_step(self) -> bool:
        if self.num_timesteps in self.visits:
            self.visits[self.num_timesteps](self.model)
        return True
