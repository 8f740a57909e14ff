"""Any Stable-Baselines3 algorithm as a subject."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import gymnasium as gym
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from ..core.errors import InvalidSubject, Unsupported
from ..core.exclusions import Exclusion, declared, require_exclusions
from ..core.scenario import Scenario
from .protocol import Visits

# options that build the environment; all others go to the algorithm
_OF_ENV = ("env", "n_envs", "max_episode_steps", "normalize")
_OF_NAMED_ENV = {"n_envs": 1, "max_episode_steps": None, "normalize": False}
# the steps of a short life before an off-policy algorithm learns; SB3 waits for 100 or more
_STARTS = 16
_CLOCK = "wall clock: seconds since a start that differs from run to run"

OUTPUT = Exclusion(
    pattern="model._logger", reason="output: learn() makes another one for every call"
)
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
# of RecordEpisodeStatistics, by its names from Gymnasium 0.29 on: an environment may be without it
OF_WRAPPERS = tuple(
    Exclusion(pattern=pattern, reason=_CLOCK)
    for pattern in ("**.episode_start_time", "**.episode_start_times", "**.time_queue")
)


def sb3(
    algorithm: type[BaseAlgorithm],
    *,
    env: str | Callable[[], VecEnv],
    exclusions: Sequence[Exclusion] = (),
    save_extras: bool | None = None,
    strict: bool = False,
    choices: Mapping[str, Sequence[Any]] | None = None,
    variants: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
    **options: Any,
) -> Sb3Subject:
    """A Stable-Baselines3 algorithm under test.

    What uses the `save` of SB3 is saved as its documentation says: between two calls of
    `learn()`, the replay buffer and `VecNormalize` to files of their own. A class of yours with
    a `save` of its own is saved at any step, by that alone.

    Args:
        algorithm: the class.
        env: a registered environment's name, or a function that makes a vectorised environment.
        exclusions: what is not compared, on top of the wall-clock fields and of what the class
            declares as `checkpoint_exclusions`, a mapping of KeyPath pattern -> reason.
        save_extras: whether to save replay buffer and `VecNormalize` to files of their own;
            otherwise decided by the class.
        strict: whether every difference fails, not only those that change the future.
        choices: values of options that generated lives draw from, the plainest first; small ones
            are offered for what is neither fixed nor named here.
        variants: further choices, of several options at once: what a life calls it -> name of
            each value -> options. Without a word the first is in force.
        **options: `n_envs`, `max_episode_steps` and `normalize` (VecNormalize) for a named
            environment; all others are the algorithm's own. Without a word `buffer_size` is the
            length of the life and `learning_starts` 16: a million steps would show no more.

    Raises:
        InvalidSubject: the algorithm is no class of SB3's or built on one.
    """
    if not (isinstance(algorithm, type) and issubclass(algorithm, BaseAlgorithm)):
        raise InvalidSubject(
            f"expected the class of an SB3 algorithm, got {algorithm!r} "
            f"({type(algorithm).__name__}): write sb3(PPO, env='CartPole-v1')"
        )
    stock = algorithm.save.__module__.partition(".")[0] in ("stable_baselines3", "sb3_contrib")
    extras = stock if save_extras is None else save_extras
    named = {axis: tuple(values) for axis, values in (variants or {}).items()}
    own = tuple(dict.fromkeys((*declared(algorithm), *require_exclusions(exclusions))))
    return Sb3Subject(
        algorithm=algorithm,
        options={"env": env, **options},
        choices={**_offered(algorithm, {"env": env, **options}), **(choices or {}), **named},
        variants=variants or {},
        exclusions=(*WALL_CLOCK, *OF_WRAPPERS, OUTPUT, *own),
        own_exclusions=own,
        save_extras=extras,
        between_calls=stock,
        strict=strict,
    )


@final
@dataclass(frozen=True, kw_only=True)
class Sb3Subject:
    """See `sb3`; a scenario's options are laid over those given there."""

    algorithm: type[BaseAlgorithm]
    options: Mapping[str, Any]
    exclusions: Sequence[Exclusion] = field(default=WALL_CLOCK)
    own_exclusions: Sequence[Exclusion] = ()
    save_extras: bool = False
    between_calls: bool = False
    strict: bool = False
    overrides: Mapping[str, Any] = field(default_factory=lambda: {"learning_rate": 0.00123})
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`sb3:` and the algorithm's class."""
        return f"sb3:{self.algorithm.__name__}"

    @property
    def implied(self) -> Mapping[str, Any]:
        """What is in force where a scenario's options say nothing."""
        first = {axis: next(iter(values)) for axis, values in self.variants.items()}
        return {**_OF_NAMED_ENV, **self.options, **first}

    @property
    def media(self) -> tuple[str, ...]:
        """Files of their own for what SB3 saves apart; `set_parameters` always."""
        return ("file", "parameters") if self.save_extras else ("file", "memory", "parameters")

    @property
    def natural_length(self) -> int | None:
        """Past the warm-up of an off-policy algorithm and as long again; None for others."""
        starts = self._option("learning_starts", Scenario(length=1, save_at=0))
        return None if starts is None else max(3 * _STARTS, 2 * int(starts))

    def fitted(self, scenario: Scenario) -> Mapping[str, Any]:
        """What the length of a life decides where nobody else has, instead of SB3's defaults."""
        known = inspect.signature(self.algorithm.__init__).parameters
        fitting = {"buffer_size": scenario.length, "learning_starts": _STARTS}
        return {k: v for k, v in fitting.items() if k in known and k not in self._given(scenario)}

    def stride(self, scenario: Scenario) -> int:
        """Every environment takes a step at once."""
        return self._number("n_envs", scenario)

    def warm_up(self, scenario: Scenario) -> int:
        """Steps before anything is learned."""
        starts = self._option("learning_starts", scenario)
        return int(starts) if starts is not None else min(self.boundaries(scenario), default=0)

    def build(self, scenario: Scenario) -> BaseAlgorithm:
        """A fresh model on CPU in a fresh environment, seeded by the scenario."""
        options = self._laid(scenario)
        env = self._make_env(options)
        arguments: dict[str, Any] = {"policy": "MlpPolicy", "device": "cpu"}
        arguments |= {k: v for k, v in options.items() if k not in _OF_ENV}
        # SB3 writes into the policy_kwargs it is given
        return self.algorithm(env=env, seed=scenario.seed, **copy.deepcopy(arguments))

    def train(self, live: BaseAlgorithm, *, until: int, visits: Visits) -> None:
        """`learn()` up to `until` environment steps, visiting the run on the way."""
        callback = _visitor(visits)
        fresh = live._total_timesteps == 0
        live.learn(until - live.num_timesteps, callback=callback, reset_num_timesteps=fresh)

    def save(self, live: BaseAlgorithm, target: Any) -> None:
        """`model.save`; beside it `save_replay_buffer` and `VecNormalize.save` if asked for."""
        live.save(target)
        if self.save_extras:
            for suffix, extra in _extras(live).items():
                extra(_beside(target, suffix))

    def load(self, source: Any, scenario: Scenario) -> BaseAlgorithm:
        """`load(path, env=env)` into an environment as `scenario.into` says."""
        return self.load_with(source, scenario, {})

    def load_with(
        self, source: Any, scenario: Scenario, explicit: Mapping[str, Any]
    ) -> BaseAlgorithm:
        """As `load`, with options that the caller passes explicitly."""
        env = self._make_env(self._laid(scenario))
        if scenario.into == "used":
            _use(env, scenario.seed + 7919)
        if self.save_extras and isinstance(env, VecNormalize):
            env = VecNormalize.load(str(_beside(source, "vecnormalize")), env.venv)
        model = self.algorithm.load(source, env=env, device="cpu", **explicit)
        if self.save_extras and isinstance(model, OffPolicyAlgorithm):
            model.load_replay_buffer(_beside(source, "replay"))
        return model

    def state(self, live: BaseAlgorithm) -> Any:
        """`get_parameters()`."""
        return live.get_parameters()

    def restore(self, live: BaseAlgorithm, state: Any) -> None:
        """`set_parameters(state)`."""
        live.set_parameters(state, device="cpu")

    def roots(self, live: BaseAlgorithm) -> Mapping[str, Any]:
        """The model; its environment, policy, buffers and optimizer hang on it."""
        return {"model": live}

    def boundaries(self, scenario: Scenario) -> Sequence[int]:
        """Every rollout of an on-policy algorithm; about every eighth of the run otherwise."""
        n_envs = self.stride(scenario)
        if issubclass(self.algorithm, OnPolicyAlgorithm):
            every = self._number("n_steps", scenario) * n_envs
        else:
            frequency = self._option("train_freq", scenario)
            steps = frequency[0] if isinstance(frequency, tuple | list) else frequency
            rollout = (steps or 1) * n_envs
            every = rollout * max(scenario.length // (8 * rollout), 1)
        return range(every, scenario.length + 1, every)

    def _laid(self, scenario: Scenario) -> dict[str, Any]:
        return {**self.fitted(scenario), **self._given(scenario)}

    def _given(self, scenario: Scenario) -> dict[str, Any]:
        """The subject's options, the variants in force over them, the scenario's own on top."""
        laid = dict(self.options)
        for axis, values in sorted(self.variants.items()):
            laid |= values[scenario.options.get(axis, next(iter(values)))]
        return laid | {k: v for k, v in scenario.options.items() if k not in self.variants}

    def _option(self, name: str, scenario: Scenario) -> Any:
        given = self._laid(scenario)
        known = inspect.signature(self.algorithm.__init__).parameters
        return given[name] if name in given else known[name].default if name in known else None

    def _number(self, name: str, scenario: Scenario) -> int:
        value = self._option(name, scenario)
        value = 1 if value is None else value
        if type(value) is not int or value < 1:
            raise InvalidSubject(
                f"expected {name} of {self.name} to be a whole number from 1 on, got {value!r} "
                f"({type(value).__name__}): write {name}=16"
            )
        return value

    def _make_env(self, options: Mapping[str, Any]) -> VecEnv:
        name = options["env"]
        if callable(name):
            made: VecEnv = name()
            return made

        def make() -> gym.Env[Any, Any]:
            return Monitor(gym.make(name, max_episode_steps=options.get("max_episode_steps")))

        env: VecEnv = DummyVecEnv([make] * options.get("n_envs", 1))
        return VecNormalize(env) if options.get("normalize") else env


def _offered(
    algorithm: type[BaseAlgorithm], fixed: Mapping[str, Any]
) -> dict[str, tuple[Any, ...]]:
    """Small values of what the algorithm takes and nobody fixed; batches divide rollouts."""
    offered: dict[str, tuple[Any, ...]] = {"batch_size": (16, 8), "n_epochs": (1, 2)}
    if issubclass(algorithm, OnPolicyAlgorithm):  # elsewhere it is the length of returns
        offered["n_steps"] = (16, 32)
    known = inspect.signature(algorithm.__init__).parameters
    offered = {name: values for name, values in offered.items() if name in known}
    if isinstance(fixed["env"], str):
        offered |= {
            "n_envs": (1, 2, 4),
            "normalize": (False, True),
            "max_episode_steps": (None, 13),
        }
    return {name: values for name, values in offered.items() if name not in fixed}


def _use(env: VecEnv, seed: int) -> None:
    """Leaves an environment where no run of this seed has it."""
    env.seed(seed)
    env.action_space.seed(seed)
    env.reset()
    for _ in range(3):
        env.step(np.array([env.action_space.sample() for _ in range(env.num_envs)]))


def _extras(live: BaseAlgorithm) -> dict[str, Callable[[Any], None]]:
    """What SB3 saves to files of their own, by what their names end with."""
    extras: dict[str, Callable[[Any], None]] = {}
    if isinstance(live, OffPolicyAlgorithm):
        extras["replay"] = live.save_replay_buffer
    normalize = live.get_vec_normalize_env()
    if normalize is not None:
        extras["vecnormalize"] = lambda path: normalize.save(str(path))
    return extras


def _beside(target: Any, suffix: str) -> Path:
    if not isinstance(target, str | Path):
        raise Unsupported(
            f"SB3 saves its {suffix} to a file of its own: expected a path, got "
            f"{type(target).__name__}; choose medium='file'"
        )
    return Path(target).with_suffix(f".{suffix}.pkl")


def _visitor(visits: Visits) -> BaseCallback:
    """Hands the live model to functions at given numbers of environment steps.

    It keeps nothing in attributes: an algorithm that saves its callbacks finds no state here.
    """

    @final
    class Visitor(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps in visits:
                visits[self.num_timesteps](self.model)
            return True

    return Visitor()
