"""Every mutant there is to try on a loaded run: for all that training moved, all that applies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..causes.patch import Graph, resolve
from ..state.compare import compare
from ..state.mismatch import MismatchKind
from ..state.readers.reading import VALUE_KINDS
from ..state.rows import ALIAS, ATOM, NODE
from ..state.snapshot import Snapshot
from .mutant import GROUPS, SHARED, UNLISTED, Mutant, found_sites, members
from .operators import LOCAL, OF_OWNERS

_WHOLE = (MismatchKind.UNEXPECTED, MismatchKind.TYPE)
_TWINS = ("tensor", "array", "dict")
_PLAIN = ("int", "bool", "str", "bytes", "NoneType", "dict", "list", "tuple")
# where an edit would only find that it does not apply; each try costs a load
_BARRED = {
    **dict.fromkeys(("stream shifted", "half stream"), (*_PLAIN, "float", "tensor", "array")),
    **dict.fromkeys(("layout", "every element one ulp", "NaN payload"), (*_PLAIN, "float")),
    **dict.fromkeys(
        ("signed zero", "one ulp", "through bf16", "through f16", "through f32"), _PLAIN
    ),
    "one bit": ("int", "bool", "float", "tensor", "array", "NoneType"),
}
_HELD_APART = ("_parameters", "_buffers", "_modules")


def mutants_of(target: Graph, donors: Mapping[str, Graph]) -> Iterator[Mutant]:
    """Every mutant to try: those that turn out to change nothing are told when applied.

    Args:
        target: a run as it was loaded.
        donors: the same run in other states, "fresh" among them.
    """
    snapshot = target.snapshot
    moved = moved_rows(donors["fresh"], target)
    owners = {snapshot.rows[place][0] for place in moved} - {0}
    # the namespace of the global streams is made anew by every look at them
    owners -= {place for place in owners if snapshot.rows[place][:2] == (0, "streams")}
    for kind, donor in donors.items():
        for site in found_sites(donor, target):
            yield Mutant(kind=kind, keypath=site.keypath)
    for owner in sorted(owners):
        yield from _of_owner(snapshot, owner, moved)
    for place in moved:
        for kind in LOCAL:
            if kind_at(snapshot, place) not in _BARRED.get(kind, ()):
                yield Mutant(kind=kind, keypath=snapshot.keypath(place))
        if kind_at(snapshot, place) in ("tensor", "array"):
            yield Mutant(kind=SHARED, keypath=snapshot.keypath(place))
    yield from _twins(snapshot, moved)
    yield from _names(snapshot)
    yield from _unlisted(target)


def moved_rows(fresh: Graph, target: Graph) -> list[int]:
    """The leaves that differ from a fresh build, and all below what a fresh build lacks."""
    snapshot = target.snapshot
    found: set[int] = set()
    whole: set[int] = set()
    for mismatch in compare(fresh.snapshot, snapshot).mismatches:
        place = resolve(snapshot, mismatch.keypath)
        if place:
            (whole if mismatch.kind in _WHOLE else found).add(place)
    for place, row in enumerate(snapshot.rows):
        if place and row[0] in whole:
            whole.add(place)
    return sorted(place for place in found | whole if len(snapshot.rows[place]) != ALIAS)


def kind_at(snapshot: Snapshot, place: int) -> str:
    """The kind of the object of a row; the class of a plain value."""
    row = snapshot.rows[place]
    return str(row[3][0]) if len(row) == NODE else type(row[2]).__name__


def _of_owner(snapshot: Snapshot, owner: int, moved: Sequence[int]) -> Iterator[Mutant]:
    keypath = snapshot.keypath(owner)
    for kind in (*OF_OWNERS, GROUPS[0]):
        yield Mutant(kind=kind, keypath=keypath)
    below = [place for place in moved if snapshot.rows[place][0] == owner]
    if any(type(snapshot.rows[place][2]) is int for place in below):
        yield Mutant(kind=GROUPS[1], keypath=keypath)


def _twins(snapshot: Snapshot, moved: Sequence[int]) -> Iterator[Mutant]:
    groups: dict[Any, list[int]] = defaultdict(list)
    for place in moved:
        if signature := _signature(snapshot, place):
            groups[signature].append(place)
    for group in groups.values():
        for place, twin in zip(group, [*group[1:], group[0]], strict=True):
            if place != twin:
                mine, theirs = snapshot.keypath(place), snapshot.keypath(twin)
                yield Mutant(kind="swapped", keypath=mine, other=theirs)
                if len(snapshot.rows[place]) == NODE:
                    yield Mutant(kind="aliases merged", keypath=mine, other=theirs)


def _signature(snapshot: Snapshot, place: int) -> Any:
    """What two leaves have in common that can be taken for one another."""
    row = snapshot.rows[place]
    if len(row) == ATOM:
        numeric = type(row[2]) in (int, float)
        return (row[0], type(row[2])) if numeric and isinstance(row[1], int | tuple) else None
    if row[3][0] not in _TWINS:
        return None
    shape = snapshot.children[place].keys() if row[3][0] == "dict" else ()
    return (row[2], row[3], tuple(shape), row[0] if shape else 0)


def _names(snapshot: Snapshot) -> Iterator[Mutant]:
    shared: set[int] = set()
    for place, row in enumerate(snapshot.rows):
        if len(row) == ALIAS and kind_at(snapshot, row[2]) not in VALUE_KINDS:
            if snapshot.rows[row[2]][0] == 0:
                shared.add(row[2])  # a root: only its other names can be cut
            for edge in (place, *({row[2]} - shared)):
                yield Mutant(kind="alias cut", keypath=snapshot.keypath(edge))
            shared.add(row[2])


def _unlisted(target: Graph) -> Iterator[Mutant]:
    """Members that Python shows and the snapshot does not: a capture with a hole."""
    for place, owner in target.objects.items():
        if kind_at(target.snapshot, place) not in ("object", "module_object"):
            continue
        known = target.snapshot.children[place]
        for name in members(owner):
            if name not in known and name not in _HELD_APART:
                yield Mutant(kind=UNLISTED, keypath=target.snapshot.keypath(place).child(name))
