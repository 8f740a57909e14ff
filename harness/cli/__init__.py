"""The shell's door: `resumeproof check`, `diff`, `replay` and `list`.

Arguments in, text and an exit status out; what they run is imported when it is asked for.
Imports everything below but `plugin`; only `__main__` imports it.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..core import threads
from ..core.errors import HarnessError
from .arguments import parsed, parser
from .running import INTERRUPTED

__all__ = ["main", "parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    threads.pin()
    asked = parsed(arguments)
    with _terminated_as_interrupted():
        try:
            status: int = asked.command(asked)
        except HarnessError as error:
            sys.stderr.write(f"resumeproof {asked.name}: {error}\n")
            return 2
        except KeyboardInterrupt:
            sys.stderr.write(f"resumeproof {asked.name}: interrupted before anything was known\n")
            return INTERRUPTED
    return status


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Lets SIGTERM end a command as Ctrl-C does: with a report, and no folder left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
