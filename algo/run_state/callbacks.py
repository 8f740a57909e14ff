"""Callbacks are state too: counters, best rewards, evaluation environments.

`CallbackRun` drives the callbacks of one `learn()`. It knows at any moment which of them are
still to be called, because one of them may be saving the run right now.
"""

from __future__ import annotations

import inspect
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

from algo.checkpoint import MismatchedCheckpoint, UnsupportedValue, encode
from algo.run_state.claims import Ephemeral, declared_attributes
from algo.run_state.environment import prepare_environment, save_environment

# links to what is saved elsewhere, or to a frame of the running loop
_LINKS = {"model", "parent", "locals", "globals", "callback", "callbacks", "callback_on_new_best"}


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

    def on_step(self, first: int = 0) -> bool:
        """Calls every callback's `on_step`, from the given one on; False asks to stop."""
        for group in _groups(self.root) if first == 0 else ():
            group.n_calls += 1
            group.num_timesteps = self.model.num_timesteps
        return all(self._each("on_step", first))

    def on_rollout_start(self, first: int = 0) -> None:
        """Calls every callback's `on_rollout_start`, from the given one on."""
        self._each("on_rollout_start", first)

    def on_rollout_end(self, first: int = 0) -> None:
        """Calls every callback's `on_rollout_end`, from the given one on."""
        self._each("on_rollout_end", first)

    def pending(self) -> dict[str, Any] | None:
        """What is still to be called of the hook that runs right now, or None."""
        rest = list(_leaves(self.root))[self.position + 1 :]
        if self.hook is None or all(isinstance(leaf, ProgressBarCallback) for leaf in rest):
            return None
        return {"hook": self.hook, "first": self.position + 1}

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

    def _each(self, hook: str, first: int) -> list[Any]:
        self.hook, results = hook, []
        try:
            for position, leaf in enumerate(_leaves(self.root)):
                self.position = position
                if position >= first:
                    results.append(getattr(leaf, hook)())
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
            plain = _plain(value)
            # a constructor argument is configuration, unless training has changed it
            if name in before and before[name] == plain and name not in mutated:
                continue
            if plain is None:
                raise _unsaveable(key, callback, name, value)
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
        if name in _LINKS or isinstance(declared.get(name), Ephemeral):
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
        name: _plain(value)
        for name, value in _own_attributes(callback)
        if name in arguments and not isinstance(value, VecEnv)
    }


def _plain(value: Any) -> Any:
    """The value in the closed schema, or None when it is not plain data."""
    try:
        tree, arrays = encode(value)
    except UnsupportedValue:
        return None
    return [tree, {name: bytes(block.data) for name, block in arrays.items()}]


def _unsaveable(key: str, callback: BaseCallback, name: str, value: Any) -> UnsupportedValue:
    owner = type(callback).__name__
    return UnsupportedValue(
        f"{key}.{name} is {type(value).__name__}, expected plain data (numbers, strings, arrays, "
        f"generators, containers of these): if the run can go on without it, write "
        f'{owner}.checkpoint_attributes = {{"{name}": ephemeral("why")}}'
    )


def _leaves(callback: BaseCallback) -> Iterator[BaseCallback]:
    """The callbacks that a step calls, in order; lists only pass the call on."""
    if type(callback) is CallbackList:
        for inner in callback.callbacks:
            yield from _leaves(inner)
    else:
        yield callback


def _groups(callback: BaseCallback) -> Iterator[CallbackList]:
    if type(callback) is CallbackList:
        yield callback
        for inner in callback.callbacks:
            yield from _groups(inner)


def _everyone(callback: BaseCallback) -> Iterator[BaseCallback]:
    """All callbacks of the tree, those inside event callbacks and evaluations included."""
    yield callback
    inner = getattr(callback, "callbacks", [])
    for child in (
        *inner,
        *(getattr(callback, n, None) for n in ("callback_on_new_best", "callback")),
    ):
        if isinstance(child, BaseCallback):
            yield from _everyone(child)


def _named(root: BaseCallback) -> dict[str, BaseCallback]:
    """Every stateful callback by class and order: stable when a progress bar comes or goes."""
    named: dict[str, BaseCallback] = {}
    seen: dict[str, int] = {}
    for callback in _everyone(root):
        if isinstance(callback, (CallbackList, ProgressBarCallback, ConvertCallback)):
            continue  # they only pass calls on, or paint
        name = type(callback).__qualname__
        seen[name] = seen.get(name, -1) + 1
        named[f"{name}[{seen[name]}]"] = callback
    return named
