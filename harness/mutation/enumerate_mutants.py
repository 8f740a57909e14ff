"""Every mutant there is to try on a loaded run: for all that training moved, all that applies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..causes.patch import Graph
from ..state.compare import compare
from ..state.kind import Members
from ..state.mismatch import MismatchKind
from ..state.snapshot import Snapshot
from .graph_edits import is_streams
from .mutant import GROUPS, SHARED, UNLISTED, Mutant, found_sites, members
from .operators import LOCAL, OF_OWNERS

_WHOLE = (MismatchKind.UNEXPECTED, MismatchKind.TYPE)
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
    owners = {snapshot.owner(place) for place in moved} - {0}
    # the namespace of the global streams is made anew by every look at them
    owners -= {place for place in owners if is_streams(snapshot, place)}
    for kind, donor in donors.items():
        for site in found_sites(donor, target):
            yield Mutant(kind=kind, keypath=site.keypath)
    for owner in sorted(owners):
        yield from _of_owner(snapshot, owner, moved)
    for place in moved:
        for kind in LOCAL:
            if kind_at(snapshot, place) not in _BARRED.get(kind, ()):
                yield Mutant(kind=kind, keypath=snapshot.keypath(place))
        if snapshot.kind(place).numeric:
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
        place = snapshot.resolve(mismatch.keypath)
        if place:
            (whole if mismatch.kind in _WHOLE else found).add(place)
    for place in snapshot.places:
        if place and snapshot.owner(place) in whole:
            whole.add(place)
    return sorted(place for place in found | whole if not snapshot.is_alias(place))


def kind_at(snapshot: Snapshot, place: int) -> str:
    """The kind of the object of a row; the class of a plain value."""
    return snapshot.type_name(place) if snapshot.is_plain(place) else snapshot.kind(place).name


def _of_owner(snapshot: Snapshot, owner: int, moved: Sequence[int]) -> Iterator[Mutant]:
    keypath = snapshot.keypath(owner)
    for kind in (*OF_OWNERS, GROUPS[0]):
        yield Mutant(kind=kind, keypath=keypath)
    below = [place for place in moved if snapshot.owner(place) == owner]
    if any(type(snapshot.value(place)) is int for place in below):
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
                if not snapshot.is_plain(place):
                    yield Mutant(kind="aliases merged", keypath=mine, other=theirs)


def _signature(snapshot: Snapshot, place: int) -> Any:
    """What two leaves have in common that can be taken for one another."""
    owner, kind = snapshot.owner(place), snapshot.kind(place)
    if snapshot.is_plain(place):
        value = snapshot.value(place)
        member = isinstance(snapshot.segment(place), int | tuple)
        return (owner, type(value)) if member and type(value) in (int, float) else None
    keyed = kind.members is Members.KEYED
    if not keyed and not kind.numeric:
        return None
    shape = tuple(snapshot.children[place]) if keyed else ()
    facts = (kind.name, snapshot.facts(place))
    return (snapshot.type_name(place), facts, shape, owner if shape else 0)


def _names(snapshot: Snapshot) -> Iterator[Mutant]:
    shared: set[int] = set()
    for place in snapshot.places:
        if snapshot.is_alias(place) and snapshot.kind(place).identity:
            target = snapshot.target(place)
            if snapshot.owner(target) == 0:
                shared.add(target)  # a root: only its other names can be cut
            for edge in (place, *({target} - shared)):
                yield Mutant(kind="alias cut", keypath=snapshot.keypath(edge))
            shared.add(target)


def _unlisted(target: Graph) -> Iterator[Mutant]:
    """Members that Python shows and the snapshot does not: a capture with a hole."""
    for place, owner in target.objects.items():
        if not target.snapshot.kind(place).lists_attributes:
            continue
        known = target.snapshot.children[place]
        for name in members(owner):
            if name not in known and name not in _HELD_APART:
                yield Mutant(kind=UNLISTED, keypath=target.snapshot.keypath(place).child(name))
