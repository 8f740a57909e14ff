"""The rows of an object graph: one for each edge, in the order of the walk.

| row | fields |
|---|---|
| plain value | parent row, segment, value |
| alias | parent row, segment, row of the object, None |
| object | parent row, segment, type name, facts, size of its bytes |
"""

import marshal
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from ..core.keypath import KeyPath, Segment

Row: TypeAlias = tuple[Any, ...]
MemoryGroup: TypeAlias = tuple[tuple[int, int], ...]
"""(row, offset in bytes) of objects whose data lies in one piece of memory."""

ATOM, ALIAS, NODE = 3, 4, 5  # lengths of the three rows

# version 2: no references, so that equal values give equal bytes, whoever else holds them
MARSHAL_VERSION = 2


class Rows(Protocol):
    """A graph that can be walked from its first row down."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """One for each edge."""

    @property
    def memory(self) -> tuple[MemoryGroup, ...]:
        """What shares memory."""

    @property
    def children(self) -> Sequence[Mapping[Segment, int]]:
        """For each row the rows below it, by segment."""

    def payload(self, place: int) -> bytes:
        """Returns the bytes of a row's object."""


def is_plain(row: Row) -> bool:
    """Returns whether a row holds a plain value."""
    return len(row) == ATOM


def keypath_of(rows: Sequence[Row], place: int) -> KeyPath:
    """Returns the segments on the way down to a row."""
    segments: list[Segment] = []
    while place > 0:
        segments.append(rows[place][1])
        place = rows[place][0]
    return KeyPath(*reversed(segments))


def same_bits(expected: Any, got: Any) -> bool:
    """Returns whether two plain values have the same type and bits: 1 is not True, nor -0.0 0.0."""
    return marshal.dumps(expected, MARSHAL_VERSION) == marshal.dumps(got, MARSHAL_VERSION)
