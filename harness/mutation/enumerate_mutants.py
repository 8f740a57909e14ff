"""Every mutant there is to try on a loaded run: for all that training moved, all that applies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..core.keypath import KeyPath
from ..state.compare import compare
from ..state.kind import Members
from ..state.mismatch import MismatchKind
from ..state.snapshot import Snapshot
from ..transplant.sites import Graph
from .exchange_operators import differing_sites
from .graph_edits import attributes_of, is_streams
from .mutant import Mutant
from .operator import Place, Scope
from .operators import of_scope

_WHOLE = (MismatchKind.UNEXPECTED, MismatchKind.TYPE)
_HELD_APART = ("_parameters", "_buffers", "_modules")


def mutants_of(target: Graph, donors: Mapping[str, Graph]) -> Iterator[Mutant]:
    """Yields every mutant to try; which of them change nothing shows when they are applied.

    Args:
        target: a run as it was loaded.
        donors: the same run in other states, "fresh" among them.
    """
    snapshot = target.snapshot
    moved = moved_rows(donors["fresh"], target)
    owners = {snapshot.owner(place) for place in moved} - {0}
    # the namespace of the global streams is made anew by every look at them
    owners -= {place for place in owners if is_streams(snapshot, place)}
    yield from _differences(target, donors)
    for scope, places in ((Scope.OWNER, sorted(owners)), (Scope.LEAF, moved)):
        for row in places:
            yield from _at(scope, Place(snapshot=snapshot, row=row, moved=moved))
    for row, twin in _twins(snapshot, moved):
        other = snapshot.keypath(twin)
        yield from _at(Scope.TWINS, Place(snapshot=snapshot, row=row, moved=moved), other)
    for row in _names(snapshot):
        yield from _at(Scope.NAME, Place(snapshot=snapshot, row=row, moved=moved))
    for keypath in _unlisted(target):
        for operator in of_scope(Scope.UNLISTED):
            yield Mutant(operator=operator.name, keypath=keypath)


def _at(scope: Scope, place: Place, other: KeyPath | None = None) -> Iterator[Mutant]:
    """Yields a mutant for every operator of a scope that applies at a place."""
    for operator in of_scope(scope):
        if operator.applies(place):
            keypath = place.snapshot.keypath(place.row)
            yield Mutant(operator=operator.name, keypath=keypath, other=other)


def _differences(target: Graph, donors: Mapping[str, Graph]) -> Iterator[Mutant]:
    for operator in of_scope(Scope.DIFFERENCE):
        if operator.donor in donors:
            for site in differing_sites(donors[operator.donor], target):
                yield Mutant(operator=operator.name, keypath=site.keypath)


def moved_rows(fresh: Graph, target: Graph) -> list[int]:
    """Returns the leaves that differ from a fresh build, and all below what that build lacks."""
    snapshot = target.snapshot
    single: set[int] = set()
    whole: set[int] = set()
    for mismatch in compare(fresh.snapshot, snapshot).mismatches:
        place = snapshot.resolve(mismatch.keypath)
        if place:
            (whole if mismatch.kind in _WHOLE else single).add(place)
    for place in snapshot.places:
        if place and snapshot.owner(place) in whole:
            whole.add(place)
    return sorted(place for place in single | whole if not snapshot.is_alias(place))


def _twins(snapshot: Snapshot, moved: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields each leaf with the next one that it can be taken for, in a ring."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for place in moved:
        if signature := _signature(snapshot, place):
            groups[signature].append(place)
    for group in groups.values():
        pairs = zip(group, [*group[1:], group[0]], strict=True)
        yield from ((place, twin) for place, twin in pairs if place != twin)


def _signature(snapshot: Snapshot, place: int) -> Any:
    """Returns what two leaves have in common that can be taken for one another."""
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


def _names(snapshot: Snapshot) -> Iterator[int]:
    """Yields every edge to an object that has several, but for those of the caller."""
    shared: set[int] = set()
    for place in snapshot.places:
        if snapshot.is_alias(place) and snapshot.kind(place).identity:
            target = snapshot.target(place)
            if snapshot.owner(target) == 0:
                shared.add(target)  # a root: only its other names can be cut
            yield from (place, *({target} - shared))
            shared.add(target)


def _unlisted(target: Graph) -> Iterator[KeyPath]:
    """Yields the members that Python shows and the snapshot does not."""
    snapshot = target.snapshot
    for place, owner in target.objects.items():
        if not snapshot.kind(place).lists_attributes:
            continue
        for name in attributes_of(owner):
            if name not in snapshot.children[place] and name not in _HELD_APART:
                yield snapshot.keypath(place).child(name)
