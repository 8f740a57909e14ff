"""State of one live run put into another, in place, without breaking what it shares.

A difference is put back where its object can take it: values into tensors and arrays, positions
into generators, members into containers; and by assignment to the attribute or item that holds it
otherwise. What an assigned object refers to is what corresponds to it in the other run.
"""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..core.exclusions import Exclusion
from ..core.keypath import KeyPath, Segment
from ..core.stream_positions import move_to, position_of
from ..state.capture import walk_roots
from ..state.mismatch import Mismatch, MismatchKind
from ..state.readers.reading import VALUE_KINDS
from ..state.rows import ALIAS, ATOM, NODE
from ..state.snapshot import Snapshot
from .write import Unreachable, assign, items_of, remove, replace_content

__all__ = ["Graph", "Site", "Transplant", "Unreachable", "graph_of", "sites"]

_IN_PLACE = frozenset({"tensor", "array", "rng", "generator"})
_ABSENT = (MismatchKind.MISSING, MismatchKind.UNEXPECTED)


@final
@dataclass(frozen=True, kw_only=True)
class Graph:
    """A live run: its snapshot, its objects by row, and where its random streams stood."""

    snapshot: Snapshot
    objects: Mapping[int, Any]
    positions: Mapping[int, Any]

    def object_at(self, keypath: KeyPath) -> Any:
        """The live object, or plain value, at a KeyPath.

        Raises:
            Unreachable: there is none.
        """
        place = resolve(self.snapshot, keypath)
        if place is None:
            raise Unreachable(f"nothing is at {keypath}")
        row = self.snapshot.rows[place]
        if len(row) == ATOM:
            return row[2]
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
    """The live run as it is now."""
    snapshot, objects = walk_roots(roots, exclusions)
    positions = {place: position_of(item) for place, item in objects.items()}
    known = {place: at for place, at in positions.items() if at is not None}
    return Graph(snapshot=snapshot, objects=objects, positions=known)


def sites(mismatches: Sequence[Mismatch], donor: Graph, target: Graph) -> list[Site]:
    """Where each difference is put back; those that go together as one."""
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
    places = [resolve(graph.snapshot, keypath) for graph in (donor, target)]
    if None in places:
        return listed[0]
    counts = [
        len(graph.snapshot.children[place or 0])
        for graph, place in zip((donor, target), places, strict=True)
    ]
    return Mismatch(
        keypath=keypath,
        kind=MismatchKind.VALUE,
        type_name=str(donor.snapshot.rows[places[0] or 0][2]),
        expected=f"{counts[0]} members",
        got=f"{counts[1]} members",
        stats=f"{len(listed)} differences, first {listed[0].keypath}",
    )


def _site(mismatch: Mismatch, donor: Graph, target: Graph) -> tuple[KeyPath, str]:
    keypath, kind = mismatch.keypath, mismatch.kind
    held = _kind_at(donor.snapshot, keypath) if kind not in _ABSENT else ""
    if kind is MismatchKind.VALUE and held in _IN_PLACE:
        return keypath, "copy"
    if kind is MismatchKind.VALUE and held in ("dict", "set"):
        return keypath, "content"
    while len(keypath.segments) > 1:
        owner = _kind_at(target.snapshot, keypath.parent)
        if owner in ("list", "deque", "set") and (kind in _ABSENT or owner == "set"):
            return keypath.parent, "content"
        if owner == "dict" and _has_no_name(keypath.segments[-1]):
            return keypath.parent, "content"
        named = not str(keypath.segments[-1]).startswith("<")
        if owner not in VALUE_KINDS or owner == "method" or (owner == "function" and named):
            return keypath, "assign"
        keypath, kind = keypath.parent, MismatchKind.VALUE
    return keypath, "assign"


def _has_no_name(segment: Segment) -> bool:
    """Whether it stands for a key, or a value under one, that is known by its place alone."""
    text = segment[-1] if isinstance(segment, tuple) else segment
    return isinstance(text, str) and text.startswith("<key ")


def _kind_at(snapshot: Snapshot, keypath: KeyPath) -> str:
    place = resolve(snapshot, keypath)
    row = snapshot.rows[place] if place is not None else ()
    return str(row[3][0]) if len(row) == NODE else ""


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
        place = resolve(self.donor.snapshot, keypath) or 0
        if place in self.donor.positions:
            move_to(target, self.donor.positions[place])
        elif is_tensor(source):
            with sys.modules["torch"].no_grad():
                target.copy_(source)
        elif isinstance(source, np.ndarray) and target.flags.writeable:
            np.copyto(target, source, casting="no")
        else:
            self._edge(keypath, self.graft(source, own=True))

    def _content(self, keypath: KeyPath) -> None:
        source, target = self.donor.object_at(keypath), self.target.object_at(keypath)
        pairs = items_of(source) if isinstance(source, dict) else [(None, v) for v in source]
        replace_content(target, [(self.graft(k), self.graft(v)) for k, v in pairs])

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
        """What corresponds to a value in the target: the object there, or a copy.

        Args:
            value: an object of the donor.
            own: whether the object itself is copied, and only what it refers to looked up.
        """
        memo = dict(self.memo)
        if own:
            memo.pop(id(value), None)
        made = copy.deepcopy(value, memo)
        if made is value and own and isinstance(value, types.FunctionType):
            raise Unreachable("a function cannot be copied: two runs would share it")
        return made

    def _key(self, graph: Graph, keypath: KeyPath) -> Any:
        """The key of a mapping behind the last segment; None where the owner is no mapping."""
        owner = graph.object_at(keypath.parent)
        if not isinstance(owner, dict) or isinstance(keypath.segments[-1], str):
            return None
        place = resolve(graph.snapshot, keypath.parent)
        assert place is not None
        segments = [s for s in graph.snapshot.children[place] if isinstance(s, tuple)]
        keys: dict[Any, Any] = dict(
            zip(segments, (key for key, _ in items_of(owner)), strict=False)
        )
        return keys[keypath.segments[-1]]


def resolve(snapshot: Snapshot, keypath: KeyPath) -> int | None:
    """The row of the object at a KeyPath, through aliases; None where there is none."""
    place = 0
    for segment in keypath.segments:
        below = snapshot.children[place].get(segment)
        if below is None:
            return None
        place = below
        if len(snapshot.rows[place]) == ALIAS:
            place = snapshot.rows[place][2]
    return place


def _pairs(donor: Snapshot, target: Snapshot) -> list[tuple[int, int]]:
    """Rows of objects that have identity and stand at the same place in both graphs."""
    waiting, seen = [(0, 0)], {0}
    for mine, theirs in waiting:  # grows while it is walked
        for segment, place in donor.children[mine].items():
            other = target.children[theirs].get(segment)
            if other is None:
                continue
            rows = donor.rows[place], target.rows[other]
            place, other = (
                row[2] if len(row) == ALIAS else at
                for row, at in zip(rows, (place, other), strict=True)
            )
            if place not in seen and donor.rows[place][2:3] == target.rows[other][2:3]:
                seen.add(place)
                waiting.append((place, other))
    return [p for p in waiting[1:] if _has_identity(donor, p[0]) and _has_identity(target, p[1])]


def _has_identity(snapshot: Snapshot, place: int) -> bool:
    row = snapshot.rows[place]
    return len(row) == NODE and row[3][0] not in VALUE_KINDS


def is_tensor(found: object) -> Any:
    """Whether it is a tensor; without importing torch for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(found, torch.Tensor)
