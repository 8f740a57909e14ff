"""Operators that take a value from elsewhere: a run in another state, or another place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.exclusions import Exclusion
from ..core.keypath import KeyPath
from ..state.compare import compare
from ..transplant.patch import Transplant
from ..transplant.sites import Graph, Site, sites
from ..transplant.write import is_tensor
from .numeric_operators import words
from .operator import Operand, Operator, Place, Scope, require


def differing_sites(donor: Graph, target: Graph) -> list[Site]:
    """Returns where two runs differ, as places that can be put back."""
    return sites(compare(donor.snapshot, target.snapshot).mismatches, donor, target)


def _leaf_of_donor(operand: Operand) -> None:
    keypath = operand.mutant.keypath
    _put_back(operand, [site for site in _sites(operand) if site.keypath == keypath])


def _part_of_donor(operand: Operand) -> None:
    keypath = operand.mutant.keypath
    _put_back(operand, [site for site in _sites(operand) if site.keypath.startswith(keypath)])


def _part_without_counter(operand: Operand) -> None:
    keypath, target = operand.mutant.keypath, operand.edges.graph
    below = [site for site in _sites(operand) if site.keypath.startswith(keypath)]
    _put_back(operand, [s for s in below if not _is_counter(target, s.keypath, keypath)])


def _sites(operand: Operand) -> list[Site]:
    require(operand.donor is not None, "there is no run in this state")
    assert operand.donor is not None
    return differing_sites(operand.donor, operand.edges.graph)


def _put_back(operand: Operand, wanted: Sequence[Site]) -> None:
    require(bool(wanted))
    assert operand.donor is not None
    transplant = Transplant(operand.donor, operand.edges.graph)
    for site in wanted:
        transplant.put(site)


def _is_counter(target: Graph, keypath: KeyPath, owner: KeyPath) -> bool:
    """Returns whether it is an integer that the owner itself holds."""
    if keypath.parent != owner:
        return False
    place = target.snapshot.resolve(keypath)
    return place is not None and type(target.snapshot.value(place)) is int


def _holds_counter(place: Place) -> bool:
    snapshot = place.snapshot
    below = (row for row in place.moved if snapshot.owner(row) == place.row)
    return any(type(snapshot.value(row)) is int for row in below)


def _swapped(operand: Operand) -> None:
    edges, place, twin = operand.edges, operand.place, operand.twin
    mine, theirs = operand.value, edges.value(twin)
    if operand.kind.numeric:
        elements = operand.kind.elements or (lambda item: item)
        ours, others = words(elements(mine)), words(elements(theirs))
        require(bool((ours != others).any()))
        ours[...], others[...] = others.copy(), ours.copy()
        return
    differ = _differ(mine, theirs, operand.mutant.keypath, operand.exclusions)
    require(differ, "alike in all that is compared")
    edges.put(place, theirs)
    edges.put(twin, mine)


def _differ(mine: Any, theirs: Any, at: KeyPath, exclusions: Sequence[Exclusion]) -> bool:
    """Returns whether two values differ, or two dicts of the same keys in a compared item."""
    if not isinstance(mine, dict):
        return repr(mine) != repr(theirs)
    compared = [k for k in mine if not any(e.covers(str(at.child((k,)))) for e in exclusions)]
    return any(
        mine[k] is not theirs[k] and (hasattr(mine[k], "dtype") or repr(mine[k]) != repr(theirs[k]))
        for k in compared
    )


def _merged(operand: Operand) -> None:
    mine, theirs = operand.value, operand.edges.value(operand.twin)
    if is_tensor(mine):
        theirs.data = mine.detach()
    else:
        operand.edges.replace(operand.twin, mine)


def _shared(operand: Operand) -> None:
    mine, saved = operand.value, operand.saved().object_at(operand.mutant.keypath)
    if is_tensor(mine):
        mine.data = saved.detach()
    else:
        operand.replace(saved)


OPERATORS = (
    Operator(name="fresh", apply=_leaf_of_donor, scope=Scope.DIFFERENCE, donor="fresh"),
    Operator(name="stale", apply=_leaf_of_donor, scope=Scope.DIFFERENCE, donor="stale"),
    Operator(name="part as fresh", apply=_part_of_donor, scope=Scope.OWNER, donor="fresh"),
    Operator(
        name="fresh but for the counter",
        apply=_part_without_counter,
        scope=Scope.OWNER,
        applies=_holds_counter,
        donor="fresh",
    ),
    Operator(name="swapped", apply=_swapped, scope=Scope.TWINS),
    Operator(
        name="aliases merged",
        apply=_merged,
        scope=Scope.TWINS,
        applies=lambda place: not place.snapshot.is_plain(place.row),
    ),
    Operator(
        name="memory shared with the saved run",
        apply=_shared,
        applies=lambda place: place.kind.numeric,
        of_memory=True,
    ),
)
