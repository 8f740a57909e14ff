"""Numbers that are the `id()` of an object in the graph, read as references to that object.

A table keyed by ids is right exactly if it points to the corresponding objects, and two runs never
have the same ids. A number counts as an id if an object that the walk met has it and something
else than the walk keeps that object alive: no other number can be one.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from ..core.keypath import Segment
from .kind import Kind, declare
from .rows import ATOM, Row

declare((Kind(name="id", identity=False),))
_FACTS = ("id", "of an object in the graph")
_NUMBER = re.compile(r"\b\d{7,}\b")  # in the text of a tuple that is a key
_HELD_BY_US = 2  # by the walk, and by the call that counts


@final
@dataclass(frozen=True, kw_only=True, slots=True)
class Identities:
    """What a walk knows of the objects it met.

    Attributes:
        rows: of the walk; changed in place.
        seen: row of each object, by its id, in the order in which they were met.
        alive: the objects, in the same order.
        name: how an object with an id is named.
    """

    rows: list[Row]
    seen: Mapping[int, int]
    alive: Sequence[object]
    name: Callable[[int], str]
    keys: dict[int, tuple[int, ...]] = field(default_factory=dict)
    order: dict[int, int] = field(default_factory=dict)

    def resolve(self) -> dict[int, int]:
        """Turns numbers and keys that are ids into references; returns the numbers by row."""
        numbers = {place: row[2] for place, row in self._suspects() if self._held(row[2])}
        for place, number in numbers.items():
            parent, segment, _ = self.rows[place]
            self.rows[place] = (parent, segment, "builtins.int", _FACTS, 0)
            self.rows.append((place, "<object>", self.seen[number], None))
        self._name_keys()
        return numbers

    def _suspects(self) -> Iterator[tuple[int, Row]]:
        """Rows with a number that an object has as its id; notes the keys that name one."""
        seen = self.seen
        for place, row in enumerate(self.rows):  # of all rows: nothing is called for most
            segment = row[1]
            named = type(segment) is tuple and (segment[0] in seen or segment[0] == "tuple")
            if named and (known := self._known(segment)):
                self.keys[place] = known
            if len(row) == ATOM and type(row[2]) is int and row[2] in seen:
                yield place, row

    def _known(self, segment: tuple[Any, ...]) -> tuple[int, ...]:
        if len(segment) == 1:
            key = segment[0]
            return (key,) if type(key) is int and key in self.seen and self._held(key) else ()
        if segment[0] != "tuple":
            return ()
        numbers = map(int, _NUMBER.findall(segment[1]))
        return tuple(number for number in numbers if number in self.seen and self._held(number))

    def _held(self, number: int) -> bool:
        """Returns whether more keeps the object alive than a reader, that made it for the walk."""
        if not self.order:
            self.order.update((each, at) for at, each in enumerate(self.seen))
        return sys.getrefcount(self.alive[self.order[number]]) > _HELD_BY_US

    def _name_keys(self) -> None:
        """Names keys by their objects, first where these have a name that depends on no id."""
        while ready := [place for place in self.keys if not any(self._waiting(place))]:
            for place in ready:
                self._rename(place, [f"id({self.name(at)})" for at in self.keys[place]])
            for place in ready:
                del self.keys[place]
        ranks: dict[int, int] = {}
        for place in self.keys:  # an object that only the table holds is known by its place there
            rank = ranks[self.rows[place][0]] = ranks.get(self.rows[place][0], -1) + 1
            self._rename(place, [f"<id {rank}>"] * len(self.keys[place]))

    def _waiting(self, place: int) -> Iterator[bool]:
        for number in self.keys[place]:
            at = self.seen[number]
            while at > 0:
                yield at in self.keys
                at = self.rows[at][0]

    def _rename(self, place: int, names: list[str]) -> None:
        parent, segment, *rest = self.rows[place]
        self.rows[place] = (parent, _renamed(segment, self.keys[place], names), *rest)


def _renamed(segment: Any, numbers: tuple[int, ...], names: list[str]) -> Segment:
    if len(segment) == 1:
        return ("id", names[0])
    text = segment[1]
    for number, name in zip(numbers, names, strict=True):
        text = name.join(re.split(rf"\b{number}\b", text))
    return ("tuple", text)
