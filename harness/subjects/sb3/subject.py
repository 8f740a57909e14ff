"""Any Stable-Baselines3 algorithm as a subject."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from ...core.exclusions import Exclusion
from ...core.expected import ExpectedLoss
from ...core.scenario import Scenario
from ..capabilities import Capabilities
from ..protocol import Visits
from .building import build_model
from .callbacks import (
    Driven,
    Factory,
    model_of,
    riding,
    visitor_at_steps,
    visitor_between_updates,
)
from .environment import IMPLIED, make_environment, use, with_statistics
from .exclusions import WALL_CLOCK
from .files import load_replay_buffer, no_folder_left, save_beside
from .options import is_stock
from .setting import STARTS, Setting, setting_of, stops_with_episodes
from .stock import stock_like

_OF_EPISODES = 256  # steps of a run that tries several episodes for every update


@final
@dataclass(frozen=True, kw_only=True)
class Sb3Subject:
    """See `sb3`; a scenario's options are laid over those given there."""

    algorithm: type[BaseAlgorithm]
    options: Mapping[str, Any]
    exclusions: Sequence[Exclusion] = field(default=WALL_CLOCK)
    own_exclusions: Sequence[Exclusion] = ()
    expected_losses: Sequence[ExpectedLoss] = ()
    beside_stock: bool = False
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
            expected_losses=self.expected_losses,
            beside_stock=self.beside_stock,
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
