"""How far a command has come: on a terminal in one line that is rewritten, elsewhere in lines."""

from __future__ import annotations

import math
import sys
from contextlib import suppress
from typing import Any, final

from ..core.pace import Deadline, Progress

_EVERY = 16  # runs of the search for causes, where each would be a line


@final
class Teller:
    """Tells how far a command has come, on standard error.

    Args:
        deadline: the soft limit of the command.
    """

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self._scenario = ""
        self._status = _status()

    def scenario(self, number: int, of: int, length: int) -> None:
        """Notes that a scenario begins, whose every step is told."""
        self._scenario = f"scenario {number} of {of}, {length} steps"

    def __call__(self, progress: Progress) -> None:
        """Tells of one step of the scenario."""
        if self._status is None and progress.evaluation % _EVERY:
            return
        self._tell(f"{self._scenario}: {progress}")

    def _tell(self, text: str) -> None:
        left = self.deadline.left
        text += "" if math.isinf(left) else f", {left:.0f} s left"
        if self._status is None:
            sys.stderr.write(f"{text}\n")
        else:
            self._status.update(text)
            self._status.start()

    def pause(self) -> None:
        """Takes the line away, so that a report can be written."""
        if self._status is not None:
            self._status.stop()


def _status() -> Any:
    """Returns a line that is written over and over; None where that is no terminal."""
    if not sys.stderr.isatty():
        return None
    with suppress(ImportError):
        from rich.console import Console

        return Console(stderr=True).status("")
    return None
