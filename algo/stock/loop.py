"""The head of the loop of `learn()`: the one moment at which any algorithm can be taken up again.

Between two rounds of the loop nothing of the run lives in local variables. Stable-Baselines3 tells
callbacks of every other moment, not of this one, so a model that is watched is, until its training
ends, of a class that extends its own by these few lines. Its attributes stay as they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, final
from weakref import WeakKeyDictionary

from stable_baselines3.common.callbacks import BaseCallback

from ..run_state.callbacks import CallbackRun

# the methods with which a round of the loop begins, in Stable-Baselines3 and in sb3-contrib
ROUNDS = ("collect_rollouts", "_do_one_update")


@final
@dataclass(kw_only=True)
class Head:
    """What happens at the head of the loop of one model.

    Attributes:
        callbacks: those of the running `learn()`.
        take_up: puts a saved run in place, once, given the callbacks.
        savers: called at every head, given the callbacks.
    """

    callbacks: CallbackRun | None = None
    take_up: Callable[[CallbackRun], None] | None = None
    savers: list[Callable[[CallbackRun], None]] = field(default_factory=list)

    def enter(self, model: Any, root: BaseCallback) -> None:
        """Takes up what waits, and saves what is due."""
        if self.callbacks is None or self.callbacks.root is not root:
            self.callbacks = CallbackRun(root, model)
        if self.take_up is not None:
            take_up, self.take_up = self.take_up, None
            take_up(self.callbacks)
        for save in self.savers:
            save(self.callbacks)


_MARK = "_resumeproof_watched"
_HEADS: WeakKeyDictionary[Any, Head] = WeakKeyDictionary()


def watch(model: Any) -> Head:
    """Returns the head of the model's loop, which is entered from now on.

    Raises:
        TypeError: its `learn()` is none that can be taken up.
    """
    if model not in _HEADS:
        _HEADS[model] = Head()
    if not _is_watched(model):
        cls: Any = type(model)
        model.__class__ = _watched(cls)
    return _HEADS[model]


def forget(model: Any) -> None:
    """Gives the model its own class back."""
    model.__class__ = class_of(model)
    _HEADS.pop(model, None)


def class_of(model: Any) -> type:
    """Returns the class of the model, whether it is watched or not."""
    cls = type(model)
    return cls.__mro__[1] if _is_watched(model) else cls


def _is_watched(model: Any) -> bool:
    return _MARK in vars(type(model))


@cache
def _watched(cls: Any) -> Any:
    rounds = [name for name in ROUNDS if hasattr(cls, name)]
    if not rounds:
        raise TypeError(
            f"expected an algorithm whose learn() calls one of {list(ROUNDS)}, got {cls.__name__}: "
            "its loop cannot be taken up; save it between two calls of learn() with save_run"
        )
    own: dict[str, Any] = {name: _entering(getattr(cls, name)) for name in rounds}
    own |= {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    # one base, or Python would not let a model change between the two classes
    return type(cls)(cls.__name__, (cls,), own | _added(cls) | {_MARK: True})


def _added(cls: Any) -> dict[str, Any]:
    """What a watched model's class adds to it; nobody sees it in the model's attributes."""

    def learn(self: Any, *arguments: Any, **keywords: Any) -> Any:
        try:
            return cls.learn(self, *arguments, **keywords)
        finally:
            forget(self)

    def update(self: Any, num_timesteps: int, _total: int) -> None:
        # ARS asks with the steps of this learn() alone: the horizon is that of the run
        cls._update_current_progress_remaining(self, num_timesteps, self._total_timesteps)

    def reduce(self: Any, protocol: Any) -> Any:
        reduced = cls.__reduce_ex__(self, protocol)  # a copy is of the model's own class
        return (reduced[0], (cls, *reduced[1][1:]), *reduced[2:])

    return {
        "learn": learn,
        "_update_current_progress_remaining": update,
        "__reduce_ex__": reduce,
    }


def _entering(begin: Callable[..., Any]) -> Callable[..., Any]:
    """The method that enters the head first, and passes on what the model holds after that."""
    signature = inspect.signature(begin)

    def begin_round(self: Any, *arguments: Any, **keywords: Any) -> Any:
        bound = signature.bind(self, *arguments, **keywords)
        own = vars(self)
        held = [name for name, value in bound.arguments.items() if own.get(name) is value]
        head = _HEADS.get(self)
        if head is not None:
            head.enter(self, bound.arguments["callback"])
        bound.arguments.update({name: own[name] for name in held if name in own})
        return begin(*bound.args, **bound.kwargs)

    return begin_round
