"""Any Stable-Baselines3 algorithm as a subject."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from ...core.errors import InvalidSubject
from ...core.exclusions import Exclusion, declared, require_exclusions
from ...core.scenario import Scenario
from ..capabilities import Capabilities
from ..protocol import Visits
from .building import build_model
from .callbacks import (
    Driven,
    Factory,
    model_of,
    require_factory,
    riding,
    visitor_at_steps,
    visitor_between_updates,
)
from .environment import IMPLIED, make_environment, use, with_statistics
from .exclusions import OF_CALLBACKS, OF_WRAPPERS, WALL_CLOCK
from .files import load_replay_buffer, save_beside
from .logs import no_folder_left
from .options import BETWEEN_CALLS, choices_of, is_stock, require_known, save_points_of
from .setting import STARTS, Setting, setting_of, stops_with_episodes
from .stock import stock_like

_OF_EPISODES = 256  # steps of a run that tries several episodes for every update


def sb3(
    algorithm: type[BaseAlgorithm],
    *,
    env: str | Callable[[], VecEnv],
    exclusions: Sequence[Exclusion] = (),
    callback: Callable[[], Any] | None = None,
    save_extras: bool | None = None,
    save_points: str | None = None,
    strict: bool = False,
    choices: Mapping[str, Sequence[Any]] | None = None,
    variants: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
    copies: Sequence[str] = (),
    **options: Any,
) -> Sb3Subject:
    """A Stable-Baselines3 algorithm under test.

    It is saved as SB3's documentation says: between two calls of `learn()`, the replay buffer and
    `VecNormalize` to files of their own. A class with a `save` of its own is saved by that alone.

    Args:
        algorithm: the class.
        env: a registered environment's name, or a function that makes a vectorised environment.
        exclusions: what is not compared, on top of the wall-clock fields and of what the class
            declares as `checkpoint_exclusions`, a mapping of KeyPath pattern -> reason.
        callback: a function, or `module:name` of one: `callback()` makes the callback, or the
            list of them, that `learn()` gets: anew for every run, and again after a load; its
            state counts as the run's.
        save_extras: whether to save replay buffer and `VecNormalize` to files of their own;
            otherwise decided by the class.
        save_points: "between calls" of `learn()`, or "any step", the author's claim that a save
            inside of `learn()` is exact too; otherwise what the class declares as
            `checkpoint_save_points`, and between calls where it declares nothing.
        strict: whether every difference fails, not only those that change the future.
        choices: values of options that scenarios are drawn from, the plainest first; small ones
            are offered for what is neither fixed nor named here.
        variants: further choices, of several options at once: what a scenario calls it -> name of
            each value -> options. Without a word the first is in force.
        copies: "pickle" and "deepcopy", where a copy of the model is to be as good as a checkpoint,
            "set_env", where it is to be loaded without an environment that is set later.
        **options: `n_envs`, `max_episode_steps` and `normalize` (VecNormalize) for a named
            environment; all others are the algorithm's own, a `policy` as `module:Class` too. Where
            nobody says, the policy fits the observations, and rollouts, batches, `buffer_size` and
            `learning_starts` are as short as the run: a million steps would show no more.

    Raises:
        InvalidSubject: the algorithm is no class of SB3's or built on one, or an option is none.
    """
    if not (isinstance(algorithm, type) and issubclass(algorithm, BaseAlgorithm)):
        raise InvalidSubject(
            f"expected the class of an SB3 algorithm, got {algorithm!r} "
            f"({type(algorithm).__name__}): write sb3(PPO, env='CartPole-v1')"
        )
    require_known(algorithm, options)
    own = tuple(dict.fromkeys((*declared(algorithm), *require_exclusions(exclusions))))
    return Sb3Subject(
        algorithm=algorithm,
        options={"env": env, **options},
        choices=choices_of(algorithm, {"env": env, **options}, choices or {}, variants or {}),
        variants=variants or {},
        exclusions=(*WALL_CLOCK, *OF_WRAPPERS, *(OF_CALLBACKS if callback else ()), *own),
        own_exclusions=own,
        save_extras=is_stock(algorithm) if save_extras is None else save_extras,
        between_calls=save_points_of(algorithm, save_points) == BETWEEN_CALLS,
        strict=strict,
        callback=require_factory(callback),
        copies=tuple(copies),
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
    callback: Factory | None = None
    copies: Sequence[str] = ()
    _settings: dict[str, Setting] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

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
            media=self._media(),
            stride=self.stride,
            warm_up=self._warm_up,
            natural_length=self._natural_length(),
            fitted=self.fitted,
            strict=self.strict,
            own_exclusions=self.own_exclusions,
            library=self.library,
        )

    def library(self, scenario: Scenario) -> Sb3Subject | None:
        """The stock class with the same options, saved as SB3 documents it; itself if it is one."""
        found = stock_like(self.algorithm, self._laid(scenario), scenario.seed)
        if found is None or (found.is_all_stock and self.callback is None):
            return self if found else None
        return dataclasses.replace(
            self,
            algorithm=found.algorithm,
            options=found.options,
            save_extras=self.save_extras or not is_stock(self.algorithm),
            variants={},
            callback=None,
        )

    def _media(self) -> tuple[str, ...]:
        """No memory for what SB3 saves apart, nor for a save of one's own that may want a path."""
        memory = () if self.save_extras or self.between_calls else ("memory",)
        return ("file", *memory, "parameters", *self.copies)

    def _implied(self) -> Mapping[str, Any]:
        first = {axis: next(iter(values)) for axis, values in self.variants.items()}
        return {**IMPLIED, **self.options, **first}

    def _natural_length(self) -> int | None:
        """Past a warm-up and as long again; a few updates of what stops at episodes' ends."""
        setting = self._setting(Scenario(length=1, save_at=0))
        if setting.learning_starts is not None:
            return max(3 * STARTS, 2 * setting.learning_starts)
        return _OF_EPISODES if setting.update is None else None

    def fitted(self, scenario: Scenario) -> Mapping[str, Any]:
        """What the length of a run decides where nobody else has, instead of SB3's defaults."""
        return self._setting(scenario).fitted

    def stride(self, scenario: Scenario) -> int:
        """Every environment takes a step at once."""
        return self._setting(scenario).n_envs

    def _warm_up(self, scenario: Scenario) -> int:
        starts = self._setting(scenario).learning_starts
        return min(self.boundaries(scenario), default=0) if starts is None else starts

    def build(self, scenario: Scenario) -> Any:
        """A fresh model on CPU in a fresh environment, seeded by the scenario."""
        return self._driven(build_model(self.algorithm, self._laid(scenario), scenario.seed))

    def _driven(self, model: BaseAlgorithm) -> Any:
        return model if self.callback is None else Driven(model=model, callback=self.callback())

    def train(self, live: Any, *, until: int, visits: Visits) -> None:
        """`learn()` up to `until` environment steps, visiting the run on the way.

        What updates at an episode's end stops where `learn()` does: at the first one after that.
        """
        model = model_of(live)
        late = stops_with_episodes(model)
        visitor = (visitor_between_updates if late else visitor_at_steps)(live, visits)
        if late and until <= model.num_timesteps:  # the last call has come further already
            visitor.init_callback(model)
            visitor.on_training_end()
            return
        with no_folder_left():
            model.learn(
                until - model.num_timesteps,
                callback=riding(live, visitor),
                reset_num_timesteps=model._total_timesteps == 0,
            )

    def save(self, live: Any, target: Any) -> None:
        """`model.save`; beside it `save_replay_buffer` and `VecNormalize.save` if asked for."""
        model: Any = model_of(live)
        # a class that can leave out what it cannot save is asked not to
        strictly = "exact" in inspect.signature(type(model).save).parameters
        model.save(target, **({"exact": True} if strictly else {}))
        if self.save_extras:
            save_beside(model, target)

    def load(self, source: Any, scenario: Scenario) -> Any:
        """`load(path, env=env)` into an environment as `scenario.into` says."""
        return self.load_with(source, scenario, {})

    def load_with(self, source: Any, scenario: Scenario, explicit: Mapping[str, Any]) -> Any:
        """As `load`, with options that the caller passes explicitly."""
        env = make_environment(self._laid(scenario))
        if scenario.into == "used":
            use(env, scenario.seed + 7919)
        if self.save_extras:
            env = with_statistics(env, source)
        if scenario.medium == "set_env":
            model = self.algorithm.load(source, device="cpu", **explicit)
            model.set_env(env)
        else:
            model = self.algorithm.load(source, env=env, device="cpu", **explicit)
        if self.save_extras:
            load_replay_buffer(model, source)
        return self._driven(model)

    def state(self, live: Any) -> Any:
        """`get_parameters()`."""
        return model_of(live).get_parameters()

    def restore(self, live: Any, state: Any) -> None:
        """`set_parameters(state)`."""
        model_of(live).set_parameters(state, device="cpu")

    def roots(self, live: Any) -> Mapping[str, Any]:
        """The model, on which environment, policy, buffers and optimizer hang; and a callback."""
        if isinstance(live, Driven):
            return {"model": live.model, "callback": live.callback}
        return {"model": live}

    def boundaries(self, scenario: Scenario) -> Sequence[int]:
        """Every rollout of an on-policy algorithm; about every eighth of the run otherwise."""
        setting = self._setting(scenario)
        update = setting.update or 1
        every = setting.n_steps * update * setting.n_envs
        if not issubclass(self.algorithm, OnPolicyAlgorithm):
            every *= max(scenario.length // (8 * every), 1)
        return range(every, scenario.length + 1, every)

    def _laid(self, scenario: Scenario) -> dict[str, Any]:
        return {**self.fitted(scenario), **self._given(scenario)}

    def _given(self, scenario: Scenario) -> dict[str, Any]:
        """The subject's options, the variants in force over them, the scenario's own on top."""
        laid = dict(self.options)
        for axis, values in sorted(self.variants.items()):
            laid |= values[scenario.options.get(axis, next(iter(values)))]
        return laid | {k: v for k, v in scenario.options.items() if k not in self.variants}

    def _setting(self, scenario: Scenario) -> Setting:
        key = repr((dict(scenario.options), scenario.length))
        if key not in self._settings:
            given = self._given(scenario)
            self._settings[key] = setting_of(self.algorithm, given, scenario.length)
        return self._settings[key]
