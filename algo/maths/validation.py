"""What arguments and states may be: the one place where a range is written and a refusal worded.

Every message reads: expected this, got that value, of that type.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard, final

import numpy as np


@final
@dataclass(frozen=True, kw_only=True)
class Interval:
    """The numbers from `low` to `high`; an infinite end is never reached, an open one neither."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        """Whether a number lies inside; a NaN lies in no interval."""
        above = self.low < value if self._is_open(self.low, self.open_low) else self.low <= value
        return above and (
            value < self.high if self._is_open(self.high, self.open_high) else value <= self.high
        )

    def __str__(self) -> str:
        """The interval as mathematics writes it, `[0, 1)`."""
        left = "(" if self._is_open(self.low, self.open_low) else "["
        right = ")" if self._is_open(self.high, self.open_high) else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}"

    @staticmethod
    def _is_open(end: float, asked: bool) -> bool:
        return asked or math.isinf(end)


FINITE = Interval()
NOT_NEGATIVE = Interval(low=0.0)
POSITIVE = Interval(low=0.0, open_low=True)
RATE = Interval(low=0.0, high=1.0, open_high=True)
UNIT = Interval(low=0.0, high=1.0)


def is_number(value: object, within: Interval = FINITE) -> TypeGuard[float]:
    """Whether the value is a real number, of numpy too, inside the interval; a bool is none."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return False
    return float(value) in within


def is_whole(value: object, low: int = 0) -> TypeGuard[int]:
    """Whether the value is a whole number of at least `low`, of numpy too; a bool is none."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return whole and int(value) >= low  # type: ignore[call-overload]


def require(
    holds: bool, name: str, value: object, expected: str, error: type[Exception] = ValueError
) -> None:
    """Raises `error` with the value and its type where a condition on it does not hold."""
    if not holds:
        raise error(f"expected {name} to be {expected}, got {name}={value!r} ({_kind(value)})")


def require_number(name: str, value: object, within: Interval = FINITE) -> float:
    """Returns the value as a float.

    Raises:
        ValueError: it is no real number inside the interval.
    """
    require(is_number(value, within), name, value, f"a number in {within}")
    return float(value)  # type: ignore[arg-type]


def require_whole(name: str, value: object, low: int = 0) -> int:
    """Returns the value as an int.

    Raises:
        ValueError: it is no whole number of at least `low`.
    """
    require(is_whole(value, low), name, value, f"a whole number of at least {low}")
    return int(value)  # type: ignore[call-overload, no-any-return]


def require_switch(name: str, value: object) -> None:
    """Accepts True and False only.

    Raises:
        TypeError: it is something else, however true.
    """
    require(isinstance(value, bool), name, value, "True or False", TypeError)


def require_among(name: str, value: object, valid: Iterable[str]) -> None:
    """Accepts one of some names only.

    Raises:
        ValueError: it is none of them; the message lists them.
    """
    names = list(valid)
    require(isinstance(value, str) and value in names, name, value, f"one of {names}")


def require_keys(
    where: str, found: object, expected: Collection[str], error: type[Exception] = ValueError
) -> None:
    """Accepts a mapping with exactly the expected keys.

    Raises:
        Exception: of the given class; lists every missing and every unknown key.
    """
    if not isinstance(found, Mapping):
        raise error(
            f"expected {where} to hold {sorted(expected)}, got {type(found).__name__}: take the "
            "state of the same class"
        )
    missing = sorted(set(expected) - set(found))
    unknown = sorted(map(str, set(found) - set(expected)))
    if missing or unknown:
        raise error(
            f"expected {where} to hold {sorted(expected)}, got missing={missing} and "
            f"unknown={unknown}: take the state of the same class and version"
        )


def _kind(value: Any) -> str:
    return type(value).__name__
