"""How long a command may take, and how far it has come."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, final

from .errors import InvalidTarget


@final
class Deadline:
    """A soft limit of time: whoever starts something long asks first; nothing is broken off.

    Args:
        seconds: from now on; None for no limit.

    Raises:
        InvalidTarget: they are not above zero.
    """

    def __init__(self, seconds: float | None = None) -> None:
        if seconds is not None and not seconds > 0:
            raise InvalidTarget(
                f"expected a budget of more than 0 seconds, got {seconds!r}: write --budget 60"
            )
        self.seconds = seconds
        self._end = math.inf if seconds is None else time.perf_counter() + seconds

    @property
    def left(self) -> float:
        """Seconds left; infinite without a limit, never below zero."""
        return max(self._end - time.perf_counter(), 0.0)

    @property
    def is_over(self) -> bool:
        """Whether nothing long is to be started any more."""
        return self.left == 0.0


@final
@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where the run of one scenario stands.

    Attributes:
        check: the name of the check that begins, or "causes" where these are searched for.
        number: which one it is, from 1 on.
        of: how many there are.
        evaluation: how many runs have been resumed in the search.
        at_most: how many it may take.
    """

    check: str
    number: int
    of: int
    evaluation: int = 0
    at_most: int = 0

    def __str__(self) -> str:
        if self.at_most:
            return f"{self.check}: run {self.evaluation} of at most {self.at_most}"
        return f"{self.check} ({self.number} of {self.of})"


Watch: TypeAlias = Callable[[Progress], None]
"""Whom to tell."""


def nobody(_progress: Progress) -> None:
    """Tells nobody."""
