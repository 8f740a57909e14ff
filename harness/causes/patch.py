"""State of one live run put into another, in place, without breaking what it shares.

A difference is put back where its object can take it: values into tensors and arrays, positions
into generators, members into containers; and by assignment to the attribute or item that holds it
otherwise. What an assigned object refers to is what corresponds to it in the other run.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from ..core.exclusions import Exclusion
from ..core.keypath import KeyPath, Segment
from ..state.capture import walk_roots
from ..state.kind import Kind, Members
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from .write import Unreachable, assign, is_tensor, items_of, remove

__all__ = ["Graph", "Site", "Transplant", "Unreachable", "graph_of", "sites"]

_NO_OBJECT = Kind(name="")
_ABSENT = (MismatchKind.MISSING, MismatchKind.UNEXPECTED)


@final
@dataclass(frozen=True, kw_only=True)
class Graph:
    """A live run: its snapshot, its objects by row, and what was set aside of those that move on.

    Attributes:
        snapshot: its state.
        objects: the live object of every row that stands for one.
        contents: where each random stream stood, and what else `Kind.take` sets aside, by row.
    """

    snapshot: Snapshot
    objects: Mapping[int, Any]
    contents: Mapping[int, Any]

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


@final
@dataclass(frozen=True, kw_only=True)
class Site:
    """Where one or more differences are put back together.

    Attributes:
        keypath: of the object that takes them.
        how: "copy" into it, its "content", or "assign" it to the edge that holds it.
        mismatches: what this puts back.
        leaf: the same as one: members of one container are put back together.
    """

    keypath: KeyPath
    how: str
    mismatches: tuple[Mismatch, ...]
    leaf: Mismatch


def graph_of(roots: Mapping[str, Any], exclusions: Sequence[Exclusion] = ()) -> Graph:
    """Returns the live run as it is now."""
    snapshot, objects = walk_roots(roots, exclusions)
    takers = {place: snapshot.kind(place).take for place in objects}
    taken = {place: take(objects[place]) for place, take in takers.items() if take}
    known = {place: content for place, content in taken.items() if content is not None}
    return Graph(snapshot=snapshot, objects=objects, contents=known)


def sites(mismatches: Sequence[Mismatch], donor: Graph, target: Graph) -> list[Site]:
    """Returns where each difference is put back; those that go together as one."""
    found: dict[KeyPath, tuple[str, list[Mismatch]]] = {}
    for mismatch in mismatches:
        keypath, how = _site(mismatch, donor, target)
        known, listed = found.setdefault(keypath, (how, []))
        listed.append(mismatch)
        if known != how:
            found[keypath] = ("assign", listed)
    whole = [keypath for keypath, (how, _) in found.items() if how != "copy"]
    for keypath in list(found):
        above = [w for w in whole if w != keypath and keypath.startswith(w)]
        if above:
            top = min(above, key=lambda path: len(path.segments))
            found[top][1].extend(found.pop(keypath)[1])
    return [
        Site(
            keypath=keypath,
            how=how,
            mismatches=tuple(listed),
            leaf=_leaf(keypath, listed, donor, target),
        )
        for keypath, (how, listed) in found.items()
    ]


def _leaf(keypath: KeyPath, listed: list[Mismatch], donor: Graph, target: Graph) -> Mismatch:
    if len(listed) == 1:
        return listed[0]
    places = [graph.snapshot.resolve(keypath) for graph in (donor, target)]
    if None in places:
        return listed[0]
    counts = [
        len(graph.snapshot.children[place or 0])
        for graph, place in zip((donor, target), places, strict=True)
    ]
    return Mismatch(
        keypath=keypath,
        kind=MismatchKind.VALUE,
        type_name=donor.snapshot.type_name(places[0] or 0),
        expected=f"{counts[0]} members",
        got=f"{counts[1]} members",
        stats=f"{len(listed)} differences, first {listed[0].keypath}",
    )


def _site(mismatch: Mismatch, donor: Graph, target: Graph) -> tuple[KeyPath, str]:
    keypath, kind = mismatch.keypath, mismatch.kind
    held = _kind_at(donor.snapshot, keypath) if kind is MismatchKind.VALUE else _NO_OBJECT
    if held.write:
        return keypath, "copy"
    if held.refill and held.members is not Members.INDEXED:  # its own order, or its members
        return keypath, "content"
    while len(keypath.segments) > 1:
        owner = _kind_at(target.snapshot, keypath.parent)
        if owner.refill and _goes_with_all(owner, keypath.segments[-1], kind):
            return keypath.parent, "content"
        named = not str(keypath.segments[-1]).startswith("<")
        if not owner.fixed_members and (owner.identity or (owner.sets_members and named)):
            return keypath, "assign"
        keypath, kind = keypath.parent, MismatchKind.VALUE
    return keypath, "assign"


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


def _kind_at(snapshot: Snapshot, keypath: KeyPath) -> Kind:
    place = snapshot.resolve(keypath)
    return _NO_OBJECT if place is None or snapshot.is_plain(place) else snapshot.kind(place)


@final
class Transplant:
    """Puts state of `donor` into the live objects of `target`."""

    def __init__(self, donor: Graph, target: Graph) -> None:
        self.donor = donor
        self.target = target
        self.memo: dict[int, Any] = {}
        for mine, theirs in _pairs(donor.snapshot, target.snapshot):
            if mine in donor.objects and theirs in target.objects:
                self.memo[id(donor.objects[mine])] = target.objects[theirs]
        for item in donor.objects.values():
            # a tensor in the middle of an autograd graph cannot be copied; its values can
            if is_tensor(item) and not item.is_leaf:
                self.memo.setdefault(id(item), item.detach().clone())

    def put(self, site: Site) -> None:
        """Puts one site back.

        Raises:
            Unreachable: the object does not take it; says why.
        """
        try:
            if site.how == "copy":
                self._copy(site.keypath)
            elif site.how == "content":
                self._content(site.keypath)
            else:
                self._assign(site)
        except Unreachable:
            raise
        except Exception as error:  # foreign objects may refuse in any way
            raise Unreachable(f"{type(error).__name__}: {error}") from error

    def _copy(self, keypath: KeyPath) -> None:
        source, target = self.donor.object_at(keypath), self.target.object_at(keypath)
        place = self.donor.snapshot.resolve(keypath) or 0
        kind = self.donor.snapshot.kind(place)
        content = self.donor.contents.get(place) if kind.take else source
        if kind.write and content is not None and kind.can_write(target):
            kind.write(target, content)
        else:
            self._edge(keypath, self.graft(source, own=True))

    def _content(self, keypath: KeyPath) -> None:
        source, target = self.donor.object_at(keypath), self.target.object_at(keypath)
        pairs = items_of(source) if isinstance(source, dict) else [(None, v) for v in source]
        refill = _kind_at(self.target.snapshot, keypath).refill
        if refill is None:
            raise Unreachable(f"{type(target).__name__} does not take other members")
        refill(target, [(self.graft(k), self.graft(v)) for k, v in pairs])

    def _assign(self, site: Site) -> None:
        keypath = site.keypath
        if all(m.kind is MismatchKind.UNEXPECTED and m.keypath == keypath for m in site.mismatches):
            owner = self.target.object_at(keypath.parent)
            remove(owner, keypath.segments[-1], self._key(self.target, keypath))
            return
        own = not any(m.kind in (*_ABSENT, MismatchKind.ALIASING) for m in site.mismatches)
        self._edge(keypath, self.graft(self.donor.object_at(keypath), own=own))

    def _edge(self, keypath: KeyPath, value: Any) -> None:
        if len(keypath.segments) < 2:
            raise Unreachable("a root cannot be replaced")
        owner = self.target.object_at(keypath.parent)
        key = self.graft(self._key(self.donor, keypath))
        assign(owner, keypath.segments[-1], key, value)

    def graft(self, value: Any, *, own: bool = False) -> Any:
        """Returns what corresponds to a value in the target: the object there, or a copy.

        Args:
            value: an object of the donor.
            own: whether the object itself is copied, and only what it refers to looked up.
        """
        if type(value) is int and value in self.memo:  # the id of an object
            return id(self.memo[value])
        memo = dict(self.memo)
        if own:
            memo.pop(id(value), None)
        made = copy.deepcopy(value, memo)
        if made is value and own and isinstance(value, types.FunctionType):
            raise Unreachable("a function cannot be copied: two runs would share it")
        return made

    def _key(self, graph: Graph, keypath: KeyPath) -> Any:
        """Returns the key behind the last segment; None where the owner is no mapping."""
        owner = graph.object_at(keypath.parent)
        if not isinstance(owner, dict) or isinstance(keypath.segments[-1], str):
            return None
        place = graph.snapshot.resolve(keypath.parent)
        assert place is not None
        segments = [s for s in graph.snapshot.children[place] if isinstance(s, tuple)]
        keys: dict[Any, Any] = dict(
            zip(segments, (key for key, _ in items_of(owner)), strict=False)
        )
        return keys[keypath.segments[-1]]


def _pairs(donor: Snapshot, target: Snapshot) -> list[tuple[int, int]]:
    """Returns the rows of objects that have identity and stand at the same place in both graphs."""
    waiting, seen = [(0, 0)], {0}
    for mine, theirs in waiting:  # grows while it is walked
        for segment, place in donor.children[mine].items():
            other = target.children[theirs].get(segment)
            if other is None:
                continue
            place, other = donor.target(place), target.target(other)
            if place not in seen and _of_one_class(donor, place, target, other):
                seen.add(place)
                waiting.append((place, other))
    return [p for p in waiting[1:] if donor.kind(p[0]).identity and target.kind(p[1]).identity]


def _of_one_class(donor: Snapshot, place: int, target: Snapshot, other: int) -> bool:
    if donor.is_plain(place) or target.is_plain(other):
        return False
    return donor.type_name(place) == target.type_name(other)
