"""An immutable picture of live state: KeyPath -> Leaf, with aliases and shared memory.

It is held as rows (see `state.rows`) and the bytes of all objects in one arena. Two snapshots of
equal graphs walked in the same order are equal as bytes, which costs one comparison of memory.
Needs no numpy and no torch.
"""

import hashlib
import itertools
import marshal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

from ..core.keypath import KeyPath, Segment, render
from .diff import differences
from .kind import EXCLUDED, VALUE, Kind
from .readers import KINDS
from .rows import ALIAS, ATOM, MARSHAL_VERSION, NODE, MemoryGroup, Row, keypath_of
from .wording import type_name


@final
@dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """One edge of the graph and what it leads to.

    Attributes:
        kind: word for the type of state: `tensor`, `dict`, `object`, `value`, `alias`.
        type_name: qualified class name.
        value: the plain value; None for objects.
        target: for an alias, where the object was first met.
        dtype: of a tensor or array, with byte order; "" otherwise.
        shape: of a tensor or array.
        layout: strides, and for tensors device, conjugate and negative bit.
        facts: everything else that the reader returned.
        payload: bytes in C order.
    """

    kind: str
    type_name: str
    value: object = None
    target: KeyPath | None = None
    dtype: str = ""
    shape: tuple[int, ...] = ()
    layout: tuple[Any, ...] = ()
    facts: tuple[Any, ...] = ()
    payload: bytes = b""


@final
class Snapshot(Mapping[KeyPath, Leaf]):
    """Live state at one moment, built by `state.capture.capture`.

    Equality is equality of bits: `==` is true exactly if `state.compare.compare` finds nothing.
    """

    __slots__ = ("__dict__", "arena", "memory", "rows")
    rows: tuple[Row, ...]
    arena: bytes
    memory: tuple[MemoryGroup, ...]

    def __init__(
        self, rows: tuple[Row, ...], arena: bytes, memory: tuple[MemoryGroup, ...]
    ) -> None:
        self.rows = rows
        self.arena = arena
        self.memory = memory

    def __reduce__(self) -> tuple[type["Snapshot"], tuple[Any, ...]]:
        return Snapshot, (self.rows, self.arena, self.memory)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Snapshot):
            return NotImplemented
        if self.same_bytes(other):
            return True
        # the same graph may have been walked in another order; only a full comparison can tell
        return not differences(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[KeyPath]:
        return iter(self._index)

    def __getitem__(self, keypath: KeyPath) -> Leaf:
        return self.leaf(self._index[keypath])

    def __repr__(self) -> str:
        return f"Snapshot({len(self.rows)} rows, {len(self.arena)} bytes)"

    def same_bytes(self, other: "Snapshot") -> bool:
        """Returns whether the graphs are equal and were walked in the same order."""
        return self._seal == other._seal and self.arena == other.arena

    @property
    def digest(self) -> str:
        """Fingerprint of bits and walk order, for records and other processes."""
        return hashlib.blake2b(self._seal + self.arena, digest_size=16).hexdigest()

    @property
    def aliases(self) -> tuple[tuple[KeyPath, ...], ...]:
        """Groups of KeyPaths that name one and the same object, first met first."""
        groups: dict[int, list[KeyPath]] = {}
        for row in self.rows:
            if len(row) == ALIAS:
                group = groups.setdefault(row[2], [self.keypath(row[2])])
                group.append(self.keypath(row[0]).child(row[1]))
        return tuple(tuple(group) for group in groups.values())

    @property
    def shared_memory(self) -> tuple[tuple[KeyPath, ...], ...]:
        """Groups of KeyPaths of distinct objects whose data lies in one piece of memory."""
        return tuple(tuple(self.keypath(row) for row, _ in group) for group in self.memory)

    @property
    def excluded(self) -> tuple[tuple[KeyPath, str], ...]:
        """What the capture left out, with the pattern that covered it."""
        return tuple(
            (self.keypath(place), row[3][1])
            for place, row in enumerate(self.rows)
            if len(row) == NODE and row[3][0] == EXCLUDED.name
        )

    @property
    def places(self) -> range:
        """The number of every row, in the order of the walk; row 0 holds the roots."""
        return range(len(self.rows))

    def keypath(self, place: int) -> KeyPath:
        """Returns the KeyPath of a row."""
        return keypath_of(self.rows, place)

    def resolve(self, keypath: KeyPath) -> int | None:
        """Returns the row of the object at a KeyPath, through aliases; None without one."""
        place = self.edge(keypath)
        return None if place is None else self.target(place)

    def edge(self, keypath: KeyPath) -> int | None:
        """Returns the row at a KeyPath itself, also where it is an alias; None without one."""
        # a root without a name adds no segment
        place: int | None = self.children[0].get("", 0)
        for segment in keypath.segments:
            place = self.children[self.target(place or 0)].get(segment)
            if place is None:
                return None
        return place

    def target(self, place: int) -> int:
        """Returns the row of the object that a row names: of an alias another one."""
        row = self.rows[place]
        return int(row[2]) if len(row) == ALIAS else place

    def is_alias(self, place: int) -> bool:
        """Returns whether a row is another name of an object that was met before."""
        return len(self.rows[place]) == ALIAS

    def is_plain(self, place: int) -> bool:
        """Returns whether a row holds a plain value rather than an object."""
        return len(self.rows[place]) == ATOM

    def owner(self, place: int) -> int:
        """Returns the row of the object that holds this edge."""
        return int(self.rows[place][0])

    def segment(self, place: int) -> Segment:
        """Returns the last segment of the KeyPath of a row."""
        segment: Segment = self.rows[place][1]
        return segment

    def kind(self, place: int) -> Kind:
        """Returns the kind of what a row leads to; of a plain value `state.kind.VALUE`."""
        row = self.rows[self.target(place)]
        return KINDS[row[3][0]] if len(row) == NODE else VALUE

    def type_name(self, place: int) -> str:
        """Returns the name of the class of what a row leads to."""
        return type_name(self.rows[self.target(place)])

    def value(self, place: int) -> Any:
        """Returns the plain value of a row; None for one that leads to an object."""
        row = self.rows[place]
        return row[2] if len(row) == ATOM else None

    def facts(self, place: int) -> tuple[Any, ...]:
        """Returns what the reader told of the object that a row leads to, but for its kind."""
        row = self.rows[self.target(place)]
        return tuple(row[3][1:]) if len(row) == NODE else ()

    def payload(self, place: int) -> bytes:
        """Returns the bytes of a row's object."""
        start = self._starts[place]
        return self.arena[start : self._starts[place + 1]]

    def leaf(self, place: int) -> Leaf:
        """Returns the row as a Leaf."""
        row = self.rows[place]
        if len(row) == ATOM:
            return Leaf(kind=VALUE.name, type_name=type(row[2]).__name__, value=row[2])
        if len(row) == ALIAS:
            return Leaf(kind="alias", type_name="", target=self.keypath(row[2]))
        kind, *facts = row[3]
        name, payload = row[2], self.payload(place)
        if not KINDS[kind].numeric:
            return Leaf(kind=kind, type_name=name, facts=tuple(facts), payload=payload)
        dtype, shape, layout, flags = facts
        return Leaf(
            kind=kind,
            type_name=name,
            dtype=dtype,
            shape=shape,
            layout=layout,
            facts=flags,
            payload=payload,
        )

    @cached_property
    def children(self) -> tuple[dict[Segment, int], ...]:
        """For each row the rows below it, by segment."""
        tables: list[dict[Segment, int]] = [{} for _ in self.rows]
        for place, row in enumerate(self.rows):
            if place and tables[row[0]].setdefault(row[1], place) != place:
                _append(tables[row[0]], row[1], place)
        return tuple(tables)

    @cached_property
    def _seal(self) -> bytes:
        return marshal.dumps((self.rows, self.memory), MARSHAL_VERSION)

    @cached_property
    def _starts(self) -> list[int]:
        sizes = (row[4] if len(row) == NODE else 0 for row in self.rows)
        return list(itertools.accumulate(sizes, initial=0))

    @cached_property
    def _index(self) -> dict[KeyPath, int]:
        return {self.keypath(place): place for place in range(1, len(self.rows))}


def _append(table: dict[Segment, int], segment: Segment, place: int) -> None:
    """Keeps a second row of one name, a slot and an attribute say, apart from the first."""
    names = (("again", f"{render((segment,))} #{count}") for count in itertools.count(2))
    table[next(name for name in names if name not in table)] = place
