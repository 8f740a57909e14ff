"""Any Stable-Baselines3 algorithm as a subject."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from ...core.errors import InvalidSubject
from ...core.exclusions import Exclusion, declared, require_exclusions
from ...core.scenario import Scenario
from ..capabilities import Capabilities
from ..protocol import Visits
from .environment import IMPLIED, make_environment, use, with_statistics
from .environment import OPTIONS as OF_ENVIRONMENT
from .exclusions import OF_WRAPPERS, OUTPUT, WALL_CLOCK
from .files import load_replay_buffer, save_beside
from .options import default_of, offered, parameters_of

# the steps of a short run before an off-policy algorithm learns; SB3 waits for 100 or more
_STARTS = 16


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
        choices: values of options that scenarios are drawn from, the plainest first; small ones
            are offered for what is neither fixed nor named here.
        variants: further choices, of several options at once: what a scenario calls it -> name of
            each value -> options. Without a word the first is in force.
        **options: `n_envs`, `max_episode_steps` and `normalize` (VecNormalize) for a named
            environment; all others are the algorithm's own. Without a word `buffer_size` is the
            length of the run and `learning_starts` 16: a million steps would show no more.

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
        choices={**offered(algorithm, {"env": env, **options}), **(choices or {}), **named},
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
    def capabilities(self) -> Capabilities:
        """Files of their own for what SB3 saves apart; `set_parameters` always."""
        return Capabilities(
            between_calls=self.between_calls,
            state=self.state,
            restore=self.restore,
            load_with=self.load_with,
            overrides=self.overrides,
            choices=self.choices,
            implied=self._implied(),
            media=("file", *(() if self.save_extras else ("memory",)), "parameters"),
            stride=self.stride,
            warm_up=self._warm_up,
            natural_length=self._natural_length(),
            fitted=self.fitted,
            strict=self.strict,
            own_exclusions=self.own_exclusions,
        )

    def _implied(self) -> Mapping[str, Any]:
        first = {axis: next(iter(values)) for axis, values in self.variants.items()}
        return {**IMPLIED, **self.options, **first}

    def _natural_length(self) -> int | None:
        """Past the warm-up of an off-policy algorithm and as long again; None for others."""
        starts = self._option("learning_starts", Scenario(length=1, save_at=0))
        return None if starts is None else max(3 * _STARTS, 2 * int(starts))

    def fitted(self, scenario: Scenario) -> Mapping[str, Any]:
        """What the length of a run decides where nobody else has, instead of SB3's defaults."""
        known = parameters_of(self.algorithm)
        fitting = {"buffer_size": scenario.length, "learning_starts": _STARTS}
        return {k: v for k, v in fitting.items() if k in known and k not in self._given(scenario)}

    def stride(self, scenario: Scenario) -> int:
        """Every environment takes a step at once."""
        return self._number("n_envs", scenario)

    def _warm_up(self, scenario: Scenario) -> int:
        starts = self._option("learning_starts", scenario)
        return int(starts) if starts is not None else min(self.boundaries(scenario), default=0)

    def build(self, scenario: Scenario) -> BaseAlgorithm:
        """A fresh model on CPU in a fresh environment, seeded by the scenario."""
        options = self._laid(scenario)
        env = make_environment(options)
        arguments: dict[str, Any] = {"policy": "MlpPolicy", "device": "cpu"}
        arguments |= {k: v for k, v in options.items() if k not in OF_ENVIRONMENT}
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
            save_beside(live, target)

    def load(self, source: Any, scenario: Scenario) -> BaseAlgorithm:
        """`load(path, env=env)` into an environment as `scenario.into` says."""
        return self.load_with(source, scenario, {})

    def load_with(
        self, source: Any, scenario: Scenario, explicit: Mapping[str, Any]
    ) -> BaseAlgorithm:
        """As `load`, with options that the caller passes explicitly."""
        env = make_environment(self._laid(scenario))
        if scenario.into == "used":
            use(env, scenario.seed + 7919)
        if self.save_extras:
            env = with_statistics(env, source)
        model = self.algorithm.load(source, env=env, device="cpu", **explicit)
        if self.save_extras:
            load_replay_buffer(model, source)
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
        return given[name] if name in given else default_of(self.algorithm, name)

    def _number(self, name: str, scenario: Scenario) -> int:
        value = self._option(name, scenario)
        value = 1 if value is None else value
        if type(value) is not int or value < 1:
            raise InvalidSubject(
                f"expected {name} of {self.name} to be a whole number from 1 on, got {value!r} "
                f"({type(value).__name__}): write {name}=16"
            )
        return value


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
