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
from .elsewhere import command_named
from .running import INTERRUPTED

__all__ = ["main", "parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status.

    Args:
        arguments: its words; those of the process if None, which then ends with the command.
    """
    with _heard_signals(ends=arguments is None):
        name = ""
        try:
            threads.pin()
            words = sys.argv[1:] if arguments is None else list(arguments)
            elsewhere = command_named(words)
            if elsewhere is not None:
                return elsewhere(words[1:])
            asked = parsed(words)
            name = f" {asked.name}"
            status: int = asked.command(asked)
        except HarnessError as error:
            sys.stderr.write(f"resumeproof{name}: {error}\n")
            return 2
        except KeyboardInterrupt:
            sys.stderr.write(f"resumeproof{name}: interrupted before anything was known\n")
            return INTERRUPTED
    return status


@contextmanager
def _heard_signals(*, ends: bool) -> Iterator[None]:
    """Lets SIGTERM end a command as Ctrl-C does: with a report, and no folder left.

    Args:
        ends: whether the process ends, too; its exit status stands then, whatever is sent to it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        if ends:
            # blocked, not ignored: where an interrupt has passed through code that C ran, as in an
            # import of torch, Python would end by sending itself one more
            signal.pthread_sigmask(signal.SIG_BLOCK, before)
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
