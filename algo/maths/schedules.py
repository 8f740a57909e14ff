"""Schedules as data: a constant or a line is stored in the checkpoint, a user's own is named."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np


@final
@dataclass(frozen=True)
class Constant:
    """The same value at every moment of training."""

    value: float

    def __call__(self, progress_remaining: float) -> float:
        """The value, whatever the progress."""
        return self.value


@final
@dataclass(frozen=True)
class Linear:
    """A line from `start` (progress 1) to `end`, reached after `end_fraction` of training."""

    start: float
    end: float
    end_fraction: float

    def __call__(self, progress_remaining: float) -> float:
        """The value at a progress between 1 (start) and 0 (end of training)."""
        done = 1.0 - progress_remaining
        if done > self.end_fraction:
            return self.end
        return self.start + done * (self.end - self.start) / self.end_fraction


@final
@dataclass(frozen=True)
class Custom:
    """A user's own schedule: code, so the checkpoint only notes that it must be passed again."""

    function: Callable[[float], Any]

    def __call__(self, progress_remaining: float) -> float:
        """What the user's function returns, as a float."""
        return float(self.function(progress_remaining))


Schedule = Constant | Linear | Custom


def as_schedule(value: Any, name: str) -> Schedule:
    """The schedule behind a number, a Stable-Baselines3 schedule object or a callable.

    Args:
        value: what the user passed.
        name: the argument's name, for the message.

    Raises:
        TypeError: it is neither a number nor callable.
    """
    if isinstance(value, Schedule):
        return value
    if isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_):
        return Constant(float(value))
    known = _of_sb3(value)
    if known is not None:
        return as_schedule(known, name)
    if callable(value):
        return Custom(value)
    raise TypeError(
        f"{name}={value!r} is {type(value).__name__}: expected a number, or a function of the "
        "progress remaining (from 1 to 0)"
    )


def _of_sb3(value: Any) -> Any:
    """What a schedule of Stable-Baselines3's own is of, in any of its releases; or None.

    They were closures before they were objects with attributes of the same names, and every
    schedule is wrapped in another one.
    """
    if getattr(value, "__module__", None) != "stable_baselines3.common.utils":
        return None
    inside = vars(value) or inspect.getclosurevars(value).nonlocals
    if set(inside) == {"start", "end", "end_fraction"}:
        numbers_in = (float(inside[name]) for name in ("start", "end", "end_fraction"))
        return Linear(*numbers_in)
    if set(inside) == {"val"} or set(inside) == {"value_schedule"}:
        (wrapped,) = inside.values()
        return wrapped
    return None
