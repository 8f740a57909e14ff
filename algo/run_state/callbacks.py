"""Callbacks are state too: counters, best rewards, evaluation environments.

`CallbackRun` drives the callbacks of one `learn()`. It knows at any moment which of them are
still to be called, because one of them may be saving the run right now.
"""

from __future__ import annotations

import inspect
import os
import types
from collections.abc import Callable, Iterator
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    ConvertCallback,
    EvalCallback,
    ProgressBarCallback,
)
from stable_baselines3.common.vec_env import VecEnv

from ..checkpoint import MismatchedCheckpoint, UnsupportedValue, bits_of
from .callback_tree import everyone, groups, inner_callbacks, leaves, rest_of
from .claims import Ephemeral, declared_attributes
from .environment import prepare_environment, save_environment
from .missing import lose

# links to what is saved elsewhere, or to a frame of the running loop
_LINKS = {"model", "parent", "locals", "globals"}
# constructor arguments that are no plain data and yet cannot change: code, and names of files
_FIXED = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type, types.ModuleType)


class CallbackRun:
    """The callbacks of one `learn()`, as a tree and as the flat order in which they are called.

    Args:
        root: what `BaseAlgorithm._init_callback` made of the user's argument.
        model: the algorithm whose callbacks they are.
    """

    def __init__(self, root: BaseCallback, model: BaseAlgorithm) -> None:
        self.root = root
        self.model = model
        self.hook: str | None = None
        self.position = 0
        self._configured = {
            key: _configuration(callback) for key, callback in _named(self.root).items()
        }
        self._was_configuration: dict[str, set[str]] = {}
        self._counts: list[int] = []

    def on_training_start(
        self, locals_: dict[str, Any], globals_: dict[str, Any], first: int = 0
    ) -> None:
        """Calls every callback's `on_training_start`, from the given one on."""
        for group in groups(self.root):
            group.locals, group.globals = locals_, globals_
            group.num_timesteps = self.model.num_timesteps
        self._each("on_training_start", first, locals_, globals_)

    def on_step(self, first: int = 0) -> bool:
        """Calls every callback's `on_step`, from the given one on; False asks to stop."""
        for group in groups(self.root) if first == 0 else ():
            group.n_calls += 1
            group.num_timesteps = self.model.num_timesteps
        return all(self._each("on_step", first))

    def finish(self, pending: dict[str, Any]) -> bool:
        """Calls whatever had not been called yet when the run was saved; False asks to stop."""
        first, called = pending["first"], pending["called"]
        leaf = dict(enumerate(leaves(self.root))).get(first - 1)
        inside = [] if leaf is None else list(everyone(leaf))
        results = []
        if len(inside) == len(called):  # otherwise the caller passed another callback
            self.hook, self.position = pending["hook"], first - 1
            self._counts = [
                callback.n_calls - went for callback, went in zip(inside, called, strict=True)
            ]
            results = [all(inside[i].on_step() for i in chain) for chain in pending["chains"]]
        return getattr(self, pending["hook"])(first=first) is not False and all(results)

    def on_rollout_start(self, first: int = 0) -> None:
        """Calls every callback's `on_rollout_start`, from the given one on."""
        self._each("on_rollout_start", first)

    def on_rollout_end(self, first: int = 0) -> None:
        """Calls every callback's `on_rollout_end`, from the given one on."""
        self._each("on_rollout_end", first)

    def are_anyones_own(self) -> bool:
        """Whether a callback is not of the libraries, so that it may read all that it is given."""
        libraries = ("stable_baselines3.", "resumeproof.")
        return not all(type(c).__module__.startswith(libraries) for c in leaves(self.root))

    def pending(self) -> dict[str, Any] | None:
        """What is still to be called of the hook that runs right now, or None."""
        if self.hook is None:
            return None
        leaf, *rest = list(leaves(self.root))[self.position :]
        inside = list(everyone(leaf)) if self.hook == "on_step" else []
        called = [now.n_calls != then for now, then in zip(inside, self._counts, strict=False)]
        went = {id(callback) for callback, was in zip(inside, called, strict=True) if was}
        places = {id(callback): place for place, callback in enumerate(inside)}
        chains = [[places[id(c)] for c in chain] for chain in rest_of(leaf, went)]
        if not chains and all(isinstance(leaf, ProgressBarCallback) for leaf in rest):
            return None
        return {"hook": self.hook, "first": self.position + 1, "called": called, "chains": chains}

    def save(self) -> dict[str, Any]:
        """The state of every callback, keyed by class name and order of appearance.

        Raises:
            UnsupportedValue: an attribute is neither plain data nor declared; the message has
                the line to write.
        """
        return {key: self._save_one(key, leaf) for key, leaf in _named(self.root).items()}

    def prepare(self, states: dict[str, Any]) -> Callable[[], None]:
        """Checks the saved states of the callbacks present; returns what restores them.

        What the caller passes wins: a callback without a saved state starts afresh, and the
        state of one that was not passed again is not used.
        """
        named = _named(self.root)
        restores = [
            _prepare_one(key, named[key], state) for key, state in states.items() if key in named
        ]
        self._was_configuration = {
            key: mutated
            for key, state in states.items()
            if key in named and (mutated := set(state["attributes"]) & set(self._configured[key]))
        }

        def restore() -> None:
            for apply in restores:
                apply()

        return restore

    def _each(self, hook: str, first: int, *arguments: Any) -> list[Any]:
        self.hook, results = hook, []
        try:
            for position, leaf in enumerate(leaves(self.root)):
                self.position = position
                if position >= first:
                    self._counts = [callback.n_calls for callback in everyone(leaf)]
                    results.append(getattr(leaf, hook)(*arguments))
        finally:
            self.hook, self.position = None, 0
        return results

    def _save_one(self, key: str, callback: BaseCallback) -> dict[str, Any]:
        attributes, environments = {}, {}
        before = self._configured.get(key, {})
        mutated = self._was_configuration.get(key, set())
        for name, value in _own_attributes(callback):
            if isinstance(value, VecEnv):
                environments[name] = save_environment(value, f"{key}.{name}")
                continue
            plain = bits_of(value)
            # a constructor argument is configuration, unless training has changed it
            if name in before and before[name] == plain and name not in mutated:
                if plain is None and not isinstance(value, (*_FIXED, os.PathLike)):
                    lose(_unsaveable(key, callback, name, value))
            elif plain is None:
                lose(_unsaveable(key, callback, name, value))
            else:
                attributes[name] = value
        return {"attributes": attributes, "environments": environments}


def _prepare_one(key: str, callback: BaseCallback, state: dict[str, Any]) -> Callable[[], None]:
    for name in state["environments"]:
        if not isinstance(getattr(callback, name, None), VecEnv):
            raise MismatchedCheckpoint(
                f"{key}.{name} was an environment when the run was saved and is "
                f"{getattr(callback, name, None)!r} now: pass the callback built as it was"
            )
    restores = [
        prepare_environment(getattr(callback, name), saved, f"{key}.{name}")
        for name, saved in state["environments"].items()
    ]

    def restore() -> None:
        vars(callback).update(state["attributes"])
        for apply in restores:
            apply()

    return restore


def _own_attributes(callback: BaseCallback) -> Iterator[tuple[str, Any]]:
    declared = declared_attributes(type(callback))
    for name, value in vars(callback).items():
        if name in _LINKS or isinstance(declared.get(name), Ephemeral) or inner_callbacks(value):
            continue
        if isinstance(callback, ProgressBarCallback) and name == "pbar":
            continue  # a bar on the screen
        if isinstance(callback, EvalCallback) and name == "best_mean_reward":
            # a save from inside the evaluation comes before EvalCallback notes the new best
            value = max(value, callback.last_mean_reward)
        yield name, value


def _configuration(callback: BaseCallback) -> dict[str, Any]:
    """The encoded constructor arguments that the callback keeps under their own names."""
    arguments: set[str] = set()
    for cls in type(callback).__mro__:
        if "__init__" in vars(cls) and cls is not object:
            arguments |= set(inspect.signature(vars(cls)["__init__"]).parameters)
    return {
        name: bits_of(value)
        for name, value in _own_attributes(callback)
        if name in arguments and not isinstance(value, VecEnv)
    }


def _unsaveable(key: str, callback: BaseCallback, name: str, value: Any) -> UnsupportedValue:
    owner = type(callback).__name__
    return UnsupportedValue(
        f"{key}.{name} is {type(value).__name__}, expected plain data (numbers, strings, arrays, "
        f"generators, containers of these): if the run can go on without it, write "
        f'{owner}.checkpoint_attributes = {{"{name}": ephemeral("why")}}'
    )


def _named(root: BaseCallback) -> dict[str, BaseCallback]:
    """Every stateful callback by class and order: stable when a progress bar comes or goes."""
    named: dict[str, BaseCallback] = {}
    seen: dict[str, int] = {}
    for callback in everyone(root):
        if isinstance(callback, (CallbackList, ProgressBarCallback, ConvertCallback)):
            continue  # they only pass calls on, or paint
        name = type(callback).__qualname__
        seen[name] = seen.get(name, -1) + 1
        named[f"{name}[{seen[name]}]"] = callback
    return named
