"""Where differences are put back: each at the finest place that can take it, with its own kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, final

from ..core.exclusions import Exclusion
from ..core.keypath import KeyPath, Segment
from ..state.capture import walk_roots
from ..state.kind import Kind, Members
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from .write import Unreachable, items_of

_ABSENT = (MismatchKind.MISSING, MismatchKind.UNEXPECTED)
# of several differences at one place the first of these is the one to tell
_TELLING = (
    MismatchKind.ALIASING,
    MismatchKind.TYPE,
    MismatchKind.MISSING,
    MismatchKind.UNEXPECTED,
    MismatchKind.DTYPE,
    MismatchKind.SHAPE,
    MismatchKind.LAYOUT,
    MismatchKind.VALUE,
)
_NO_OBJECT = Kind(name="")


@final
class How(StrEnum):
    """How a difference is put back, the finest way first."""

    COPY = "copy"
    """The content is written into the object, which stays the object it is."""
    DATA = "data"
    """Another tensor's memory, layout and flags are given to the tensor, which stays itself."""
    ORDER = "order"
    """The keys of a mapping are put in another order."""
    MEMBERS = "members"
    """A container gets all its members anew, and stays the object it is."""
    ASSIGN = "assign"
    """The edge that holds the object gets another one."""


_COARSER = tuple(How)


@final
@dataclass(frozen=True, kw_only=True)
class Graph:
    """A live run: its snapshot, its objects by row, and what was set aside of those that move on.

    Attributes:
        snapshot: its state.
        objects: the live object of every row that stands for one.
        contents: where each random stream stood, and what else `Kind.take` sets aside, by row.
        keys: of each mapping, by row, its keys in order.
    """

    snapshot: Snapshot
    objects: Mapping[int, Any]
    contents: Mapping[int, Any]
    keys: Mapping[int, tuple[Any, ...]]

    def object_at(self, keypath: KeyPath) -> Any:
        """Returns the live object, or plain value, at a KeyPath.

        Raises:
            Unreachable: there is none.
        """
        place = self.snapshot.resolve(keypath)
        if place is None:
            raise Unreachable(f"nothing is at {keypath}")
        if self.snapshot.is_plain(place):
            return self.snapshot.value(place)
        if place not in self.objects:
            raise Unreachable(f"{keypath} is excluded")
        return self.objects[place]

    def key_at(self, keypath: KeyPath) -> Any:
        """Returns the key behind the last segment; None where the owner is no mapping."""
        place = self.snapshot.resolve(keypath.parent)
        if place is None or place not in self.keys or isinstance(keypath.segments[-1], str):
            return None
        segments = [part for part in self.snapshot.children[place] if isinstance(part, tuple)]
        keys: dict[Any, Any] = dict(zip(segments, self.keys[place], strict=False))
        return keys[keypath.segments[-1]]


def graph_of(roots: Mapping[str, Any], exclusions: Sequence[Exclusion] = ()) -> Graph:
    """Returns the live run as it is now."""
    snapshot, objects = walk_roots(roots, exclusions)
    takers = {place: snapshot.kind(place).take for place in objects}
    taken = {place: take(objects[place]) for place, take in takers.items() if take}
    return Graph(
        snapshot=snapshot,
        objects=objects,
        contents={place: content for place, content in taken.items() if content is not None},
        keys={
            place: tuple(key for key, _ in items_of(item))
            for place, item in objects.items()
            # a weak proxy would answer for its target
            if issubclass(type(item), dict) and isinstance(item, dict)
        },
    )


@final
@dataclass(frozen=True, kw_only=True)
class Site:
    """Where one or more differences are put back together.

    Attributes:
        keypath: of the object that takes them.
        how: in which way.
        mismatches: what this puts back.
        leaf: the one that tells most of it.
    """

    keypath: KeyPath
    how: How
    mismatches: tuple[Mismatch, ...]
    leaf: Mismatch


def sites(mismatches: Sequence[Mismatch], donor: Graph, target: Graph) -> list[Site]:
    """Returns where each difference is put back; those that can only go together as one."""
    ways: dict[KeyPath, How] = {}
    listed: dict[KeyPath, list[Mismatch]] = {}
    for mismatch in mismatches:
        keypath, how = _site(mismatch, donor, target)
        ways[keypath] = max(how, ways.get(keypath, how), key=_COARSER.index)
        listed.setdefault(keypath, []).append(mismatch)
    whole = [at for at, how in ways.items() if how is How.MEMBERS or _relinked(listed[at], at)]
    for keypath in list(listed):
        above = [top for top in whole if top != keypath and keypath.startswith(top)]
        if above:
            top = min(above, key=lambda path: len(path.segments))
            listed[top].extend(listed.pop(keypath))
    return [
        Site(
            keypath=keypath,
            how=ways[keypath],
            mismatches=tuple(together),
            leaf=_leaf(keypath, ways[keypath], together, donor, target),
        )
        for keypath, together in listed.items()
    ]


def _relinked(listed: Sequence[Mismatch], keypath: KeyPath) -> bool:
    """Returns whether the object itself is another one: what lies below goes with it."""
    return any(m.kind is MismatchKind.ALIASING and m.keypath == keypath for m in listed)


def _leaf(
    keypath: KeyPath, how: How, listed: list[Mismatch], donor: Graph, target: Graph
) -> Mismatch:
    here = [mismatch for mismatch in listed if mismatch.keypath == keypath]
    if here:
        return min(here, key=lambda mismatch: _TELLING.index(mismatch.kind))
    if len(listed) == 1 or how is not How.MEMBERS:
        return min(listed, key=lambda mismatch: _TELLING.index(mismatch.kind))
    places = [graph.snapshot.resolve(keypath) or 0 for graph in (donor, target)]
    counts = [
        len(graph.snapshot.children[place])
        for graph, place in zip((donor, target), places, strict=True)
    ]
    return Mismatch(
        keypath=keypath,
        kind=MismatchKind.VALUE,
        type_name=donor.snapshot.type_name(places[0]),
        expected=f"{counts[0]} members",
        got=f"{counts[1]} members",
        stats=f"{len(listed)} differences, first {listed[0].keypath}",
    )


def _site(mismatch: Mismatch, donor: Graph, target: Graph) -> tuple[KeyPath, How]:
    keypath, kind = mismatch.keypath, mismatch.kind
    held = kind_at(donor.snapshot, keypath)
    if kind is MismatchKind.VALUE and held.write:
        return keypath, How.COPY
    if kind in _OF_DATA and held.numeric and held.adopt and _same_type(keypath, donor, target):
        return keypath, How.DATA
    if kind is MismatchKind.VALUE and held.refill and held.members is not Members.INDEXED:
        return keypath, How.ORDER if held.members is Members.KEYED else How.MEMBERS
    while len(keypath.segments) > 1:
        owner = kind_at(target.snapshot, keypath.parent)
        if owner.refill and _goes_with_all(owner, keypath.segments[-1], kind):
            return keypath.parent, How.MEMBERS
        named = not str(keypath.segments[-1]).startswith("<")
        if not owner.fixed_members and (owner.identity or (owner.sets_members and named)):
            return keypath, How.ASSIGN
        keypath, kind = keypath.parent, MismatchKind.VALUE
    return keypath, How.ASSIGN


_OF_DATA = (MismatchKind.DTYPE, MismatchKind.SHAPE, MismatchKind.LAYOUT)


def _same_type(keypath: KeyPath, donor: Graph, target: Graph) -> bool:
    names = []
    for graph in (donor, target):
        place = graph.snapshot.resolve(keypath)
        names.append(None if place is None else graph.snapshot.type_name(place))
    return names[0] == names[1]


def _goes_with_all(owner: Kind, segment: Segment, kind: MismatchKind) -> bool:
    """Returns whether a member can be put back only together with all others of its owner."""
    if owner.members is Members.INDEXED:
        return kind in _ABSENT
    if owner.members is Members.KEYED:
        return _has_no_name(segment)
    return owner.members is Members.UNORDERED


def _has_no_name(segment: Segment) -> bool:
    """Returns whether it stands for a key, or a value under one, known by its place alone."""
    text = segment[-1] if isinstance(segment, tuple) else segment
    return isinstance(text, str) and text.startswith(("<key ", "<id "))


def kind_at(snapshot: Snapshot, keypath: KeyPath) -> Kind:
    """Returns the kind of the object at a KeyPath; one without any property where there is none."""
    place = snapshot.resolve(keypath)
    return _NO_OBJECT if place is None or snapshot.is_plain(place) else snapshot.kind(place)
