"""Which rows of a buffer have changed since they were last written."""

from __future__ import annotations

import hashlib
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt
from stable_baselines3.common import buffers

Span: TypeAlias = tuple[int, int]
Array: TypeAlias = npt.NDArray[Any]

# `add` of these classes, and nothing else in them, writes the row at `pos`, or the one after it
APPENDING = tuple(
    vars(buffers)[name]
    for name in ("ReplayBuffer", "DictReplayBuffer", "NStepReplayBuffer")
    if name in vars(buffers)  # the last one came with Stable-Baselines3 2.7
)
_CHUNK = 1 << 20


@final
class Changes:
    """What one buffer was like when it was last written."""

    def __init__(self) -> None:
        self._seen: tuple[Any, int, bool, int] | None = None
        self._digests: dict[Span, bytes] = {}

    def since(self, buffer: Any, ring: dict[Any, Array], steps: int) -> list[Span] | None:
        """Returns the rows that changed since the last call, or None where all must be written.

        The position alone would not tell a whole turn from none: it must agree with the steps that
        the algorithm has made. Where it does not, and for classes that change other rows, the rows
        are compared by their digests.
        """
        before, self._seen = self._seen, (buffer, buffer.pos, buffer.full, steps)
        if before is None or before[0] is not buffer:
            self._digests = {} if type(buffer) in APPENDING else _digests(buffer, ring)
            return None
        size, added = buffer.buffer_size, steps - before[3]
        reached = before[1] + added
        expected = (reached % size, before[2] or reached >= size)
        if type(buffer) in APPENDING:
            agrees = expected == (buffer.pos, buffer.full) and 0 <= added < size
            return _around(before[1], added + 1, size) if agrees else None
        known, self._digests = self._digests, _digests(buffer, ring)
        return [span for span, digest in self._digests.items() if known.get(span) != digest]

    def everything(self, buffer: Any, ring: dict[Any, Array]) -> list[Span]:
        """Returns all rows that are not zero."""
        size = buffer.buffer_size
        reached = size if buffer.full else min(buffer.pos + 1, size)
        if any(array[reached:].view(np.uint8).any() for array in ring.values()):
            reached = size
        return [(0, reached)]


def _around(start: int, count: int, size: int) -> list[Span]:
    """The spans of a ring from `start` on."""
    if count >= size:
        return [(0, size)]
    end = start + count
    return [(start, end)] if end <= size else [(start, size), (0, end - size)]


def _digests(buffer: Any, ring: dict[Any, Array]) -> dict[Span, bytes]:
    size = buffer.buffer_size
    step = max(1, _CHUNK * size // max(1, sum(array.nbytes for array in ring.values())))
    return {
        (start, min(start + step, size)): _digest(ring, start, start + step)
        for start in range(0, size, step)
    }


def _digest(ring: dict[Any, Array], start: int, end: int) -> bytes:
    result = hashlib.sha256()
    for array in ring.values():
        result.update(np.ascontiguousarray(array[start:end]).data)
    return result.digest()
