"""Edits of a live run at the edges of its object graph, for whoever breaks it on purpose."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any, final

from ..core.keypath import KeyPath, Segment
from ..state.readers.objects import dict_getter, slot_values, slots_of
from ..state.snapshot import Snapshot
from ..transplant.sites import Graph
from ..transplant.write import Unreachable, assign, is_tensor, items_of

_PARTS = ("_parameters", "_buffers", "_modules")
_BUILTIN = (list, dict, set)


@final
class Edges:
    """A live run by the rows of its snapshot: what is there, and how to put something else."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.snapshot = graph.snapshot
        self.names: dict[int, list[int]] = defaultdict(list)
        for place in self.snapshot.places:
            if place and not self.snapshot.is_plain(place):
                self.names[self.snapshot.target(place)].append(place)

    def row_of(self, keypath: KeyPath) -> int:
        """Returns the row of the edge at a KeyPath itself, also where it is an alias.

        Raises:
            Unreachable: there is none.
        """
        place = self.snapshot.edge(keypath)
        if place is None:
            raise Unreachable(f"nothing is at {keypath}")
        return place

    def value(self, place: int) -> Any:
        """Returns what an edge leads to.

        Raises:
            Unreachable: it is excluded from the graph.
        """
        if self.snapshot.is_plain(place):
            return self.snapshot.value(place)
        return self.object(self.snapshot.target(place))

    def object(self, place: int) -> Any:
        """Returns the live object of a row that stands for one.

        Raises:
            Unreachable: it is excluded from the graph.
        """
        if place not in self.graph.objects:
            raise Unreachable("not in the graph")
        return self.graph.objects[place]

    def put(self, place: int, value: Any) -> None:
        """Lets one edge lead to something else; a tuple on the way is made anew.

        Raises:
            Unreachable: the owner does not take it.
        """
        owner_place, segment = self.snapshot.owner(place), self.snapshot.segment(place)
        if owner_place == 0:
            raise Unreachable("a root belongs to the caller")
        owner = self.object(owner_place)
        if isinstance(owner, tuple) and isinstance(segment, int):
            parts = [value if at == segment else part for at, part in enumerate(owner)]
            self.replace(owner_place, rebuilt(owner, parts))
            return
        try:
            assign(owner, segment, self.key(owner_place, segment), value)
        except Unreachable:
            raise
        except Exception as error:  # foreign objects may refuse in any way
            raise Unreachable(f"{type(error).__name__}: {error}") from error

    def replace(self, place: int, value: Any) -> None:
        """Lets every edge to an object lead to another one, so that what was shared stays so."""
        for edge in self.names[place]:
            self.put(edge, value)

    def key(self, owner_place: int, segment: Segment) -> Any:
        """Returns the key of a mapping behind a segment; None where the owner is none."""
        owner = self.object(owner_place)
        if not isinstance(owner, dict) or isinstance(segment, str):
            return None
        table = self.graph.snapshot.children[owner_place]
        segments = [part for part in table if isinstance(part, tuple)]
        keys: dict[Any, Any] = dict(
            zip(segments, (key for key, _ in items_of(owner)), strict=False)
        )
        return keys[segment]

    def drop(self, place: int) -> None:
        """Takes a member out of its owner.

        Raises:
            Unreachable: the owner cannot lose it, or would give its place to the next one; or it
                is a global stream.
        """
        owner_place, segment = self.snapshot.owner(place), self.snapshot.segment(place)
        if is_streams(self.snapshot, owner_place):
            raise Unreachable("a global stream belongs to the process")
        owner = self.object(owner_place) if owner_place else None
        if isinstance(owner, dict) and isinstance(segment, tuple):
            del owner[self.key(owner_place, segment)]
        elif (isinstance(segment, int) and isinstance(owner, list | tuple)) or _is_deque(owner):
            if segment != len(owner) - 1:  # type: ignore[arg-type]
                raise Unreachable("only the last member is dropped: the others would move up")
            if isinstance(owner, tuple):
                self.replace(owner_place, rebuilt(owner, list(owner)[:-1]))
            else:
                owner.pop()  # type: ignore[union-attr]
        else:
            self._drop_attribute(owner, segment)

    def _drop_attribute(self, owner: Any, segment: Segment) -> None:
        getter = dict_getter(type(owner))
        own = getter(owner) if getter else {}
        for table in (own, *(own[part] for part in _PARTS if isinstance(own.get(part), dict))):
            if segment in table:
                del table[segment]
                return
        raise Unreachable(f"{type(owner).__name__} cannot lose {segment!r}")


def attributes_of(owner: Any) -> dict[Any, Any]:
    """Returns what an object holds by name, read without the harness's readers."""
    getter = dict_getter(type(owner))
    held: dict[Any, Any] = owner if isinstance(owner, dict) else getter(owner) if getter else {}
    return held


def is_streams(snapshot: Snapshot, place: int) -> bool:
    """Returns whether a row is the root that holds the global streams."""
    return place > 0 and snapshot.owner(place) == 0 and snapshot.segment(place) == "streams"


def rebuilt(owner: tuple[Any, ...], parts: list[Any]) -> tuple[Any, ...]:
    """Returns a tuple of the same class with other members."""
    if type(owner) is tuple:
        return tuple(parts)
    make = getattr(type(owner), "_make", None)
    if make is None:
        raise Unreachable(f"{type(owner).__name__} cannot be made anew")
    made: tuple[Any, ...] = make(parts)
    return made


def twin_of(item: Any) -> Any:
    """Returns another object in the same state: it shares what that refers to, but no memory.

    Raises:
        Unreachable: an object of this kind cannot be copied without running its own code.
    """
    if is_tensor(item):
        twin = copy.copy(item)
        twin.data = item.detach().clone()
        if item.is_leaf:
            twin.grad = item.grad
        return twin
    if type(item) in _BUILTIN or _is_deque(item) or isinstance(item, dict):
        return copy.copy(item)
    if type(item).__module__.partition(".")[0] in ("numpy", "random"):
        return copy.deepcopy(item)
    return _plain_twin(item)


def _plain_twin(item: Any) -> Any:
    getter = dict_getter(type(item))
    try:
        twin = object.__new__(type(item))
    except TypeError as error:
        raise Unreachable(str(error)) from error
    if getter:
        getter(twin).update(getter(item))
    for name, value in slot_values(slots_of(type(item), object), item):
        object.__setattr__(twin, str(name), value)
    return twin


def _is_deque(item: Any) -> bool:
    return type(item).__name__ == "deque" and hasattr(item, "maxlen")
