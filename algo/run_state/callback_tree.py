"""The callbacks of one `learn()` as a tree: who is in it, and who is still to be called.

A checkpoint may be written from deep inside the tree, by a callback in a list in an event. What
comes after it in the same step belongs to the run, and is called on resume.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback, CallbackList, EvalCallback

_FIRST = ("callbacks", "callback_on_new_best", "callback")


def leaves(callback: BaseCallback) -> Iterator[BaseCallback]:
    """The callbacks that a step calls, in order; lists only pass the call on."""
    if type(callback) is CallbackList:
        for inner in callback.callbacks:
            yield from leaves(inner)
    else:
        yield callback


def groups(callback: BaseCallback) -> Iterator[CallbackList]:
    """The lists above the leaves."""
    if type(callback) is CallbackList:
        yield callback
        for inner in callback.callbacks:
            yield from groups(inner)


def everyone(callback: BaseCallback) -> Iterator[BaseCallback]:
    """All callbacks of the tree, each once, those inside other callbacks included."""
    return _everyone(callback, set())


def inner_callbacks(value: Any) -> list[BaseCallback]:
    """The callbacks that an attribute holds: itself, or the items of a list or tuple."""
    if isinstance(value, BaseCallback):
        return [value]
    if isinstance(value, (list, tuple)) and all(isinstance(v, BaseCallback) for v in value):
        return list(value)
    return []


def rest_of(callback: BaseCallback, called: set[int]) -> list[list[BaseCallback]]:
    """What the step still calls inside a callback whose save is running.

    Args:
        callback: the one that is in the middle of its `on_step`.
        called: the identities of those inside it that this step has called, itself included.

    Returns:
        Chains: each is called in order, as far as one asks to stop.
    """
    if isinstance(callback, EvalCallback):
        return _rest_of_evaluation(callback, called)
    inside = _children(callback)
    last = max((i for i, inner in enumerate(inside) if id(inner) in called), default=-1)
    later = inside[last + 1 :] if isinstance(callback, CallbackList) else []
    return [*(rest_of(inside[last], called) if last >= 0 else []), *([c] for c in later)]


def _rest_of_evaluation(callback: EvalCallback, called: set[int]) -> list[list[BaseCallback]]:
    new_best, after = callback.callback_on_new_best, callback.callback
    if id(after) in called and after is not None:
        return rest_of(after, called)
    tail = [] if after is None else [after]
    if new_best is not None and id(new_best) in called:
        return [*rest_of(new_best, called), tail]
    if callback.last_mean_reward > callback.best_mean_reward:
        # it is saving the best model: the new best is noted, and told, only after that
        return [[*([] if new_best is None else [new_best]), *tail]]
    return []


def _everyone(callback: BaseCallback, met: set[int]) -> Iterator[BaseCallback]:
    if id(callback) in met:
        return
    met.add(id(callback))
    yield callback
    for inner in _children(callback):
        yield from _everyone(inner, met)


def _children(callback: BaseCallback) -> list[BaseCallback]:
    own = vars(callback)
    names = [*_FIRST, *(name for name in own if name not in (*_FIRST, "parent"))]
    return [inner for name in names for inner in inner_callbacks(own.get(name))]
