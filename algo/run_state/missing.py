"""What a checkpoint cannot hold: collected and told, or raised where a caller insists.

A trained model is never lost: whoever saves collects, writes everything else, and says what is
missing. Without a collector, the first missing piece is the error that it always was.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from ..checkpoint import CheckpointError


class InexactCheckpoint(UserWarning):
    """Part of the run cannot be saved, so that it could not be resumed bit for bit.

    You see it when: `learn()` starts, and again at each `save()`; the message lists what is
    missing and what to write. What is saved predicts and trains on all the same.
    """


class InexactResume(UserWarning):
    """The run goes on from a checkpoint that lacks part of it, so it is not the run that stopped.

    You see it when: `learn()` is called after `load()` of such a file; the message lists what was
    missing. The environment begins a new episode, everything that is in the file goes on.
    """


_collected: ContextVar[list[str] | None] = ContextVar("_collected", default=None)


@contextmanager
def collecting() -> Iterator[list[str]]:
    """Yields the list to which everything is added that turns out to be unsavable inside."""
    missing: list[str] = []
    token = _collected.set(missing)
    try:
        yield missing
    finally:
        _collected.reset(token)


def lose(error: CheckpointError) -> None:
    """Notes one missing piece where somebody collects them.

    Raises:
        CheckpointError: nobody does.
    """
    missing = _collected.get()
    if missing is None:
        raise error
    missing.append(str(error))


def warn_of_missing(
    missing: Sequence[str], kind: type[UserWarning], what: str, stacklevel: int
) -> None:
    """Warns with the whole list, where it is not empty."""
    if missing:
        lines = "".join(f"\n- {line}" for line in missing)
        warnings.warn(f"{what}:{lines}", kind, stacklevel=stacklevel + 1)
