"""Mutants: runs that come back from a checkpoint with one thing broken, for every thing there is.

A mutant is data: a kind and a KeyPath. `Mutated` is the subject whose load breaks that one thing
in the live run it returns; everything else is the subject's own, so that the checks run unchanged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from harness.assignment import Unreachable
from harness.capture import global_streams
from harness.compare import compare
from harness.edges import Edges
from harness.exclusions import Exclusion
from harness.keypath import KeyPath
from harness.leaves.objects import dict_getter
from harness.leaves.reading import VALUE_KINDS
from harness.mismatch import MismatchKind
from harness.mutations import LOCAL, OF_NAMES, OF_OWNERS, NoMutation, require, words
from harness.scenario import Scenario
from harness.snapshot import ALIAS, ATOM, NODE, Snapshot
from harness.subjects import Subject
from harness.transplant import Graph, Site, Transplant, graph_of, is_tensor, resolve, sites

DONORS = ("fresh", "stale")
PAIRS = ("swapped", "aliases merged")
GROUPS = ("part as fresh", "fresh but for the counter")
SHARED = "memory shared with the saved run"
UNLISTED = "not in the snapshot"
KINDS = (*DONORS, *GROUPS, *LOCAL, *PAIRS, *OF_NAMES, *OF_OWNERS, UNLISTED, SHARED)
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


@final
@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One thing that is broken.

    Attributes:
        kind: one of `KINDS`.
        keypath: of the leaf, or of the owner of all that is broken.
        other: the twin it is exchanged or merged with.
    """

    kind: str
    keypath: KeyPath
    other: KeyPath | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.keypath}" + (f" and {self.other}" if self.other else "")


@final
class Mutated:
    """A subject whose load breaks one thing; all else is delegated.

    Args:
        subject: what is loaded.
        mutant: what to break.
        donors: runs in other states, by the kind that takes its values from them.

    Attributes:
        broken: how many loads have lost it so far.
    """

    def __init__(
        self, subject: Subject, mutant: Mutant | None, donors: Mapping[str, Graph]
    ) -> None:
        self.subject: Any = subject
        self.mutant = mutant
        self.donors = donors
        self.saved: Any = None
        self.broken = 0

    def __getattr__(self, name: str) -> Any:
        if name == "subject":  # not yet set, where another process unpickles this
            raise AttributeError(name)
        return getattr(self.subject, name)

    def save(self, live: Any, target: Any) -> None:
        """As the subject does; what was saved may be shared with what is loaded."""
        self.saved = live
        self.subject.save(live, target)

    def load(self, source: Any, scenario: Scenario) -> Any:
        """As the subject does; then one thing is broken.

        Raises:
            NoMutation: it would stay as it is.
            Unreachable: the live object does not take it.
        """
        live = self.subject.load(source, scenario)
        if self.mutant is not None:
            self._break(live, self.mutant)
            self.broken += 1
        return live

    def graph(self, live: Any) -> Graph:
        """A run as it is now, with the global streams."""
        roots = {**self.subject.roots(live), "streams": global_streams()}
        return graph_of(roots, tuple(self.subject.exclusions))

    def _break(self, live: Any, mutant: Mutant) -> None:
        edges = Edges(self.graph(live))
        if mutant.kind in (*DONORS, *GROUPS):
            from_donor(edges, mutant, self.donors)
            return
        if mutant.kind == UNLISTED:
            owner = edges.graph.object_at(mutant.keypath.parent)
            del members(owner)[mutant.keypath.segments[-1]]
            return
        place = place_of(edges.graph.snapshot, mutant.keypath)
        if mutant.kind == SHARED:
            require(self.saved is not None, "nothing was saved beside it")
            share(edges, place, self.graph(self.saved).object_at(mutant.keypath))
        elif mutant.other is not None:
            twin = place_of(edges.graph.snapshot, mutant.other)
            pair(edges, mutant.kind, place, twin, self.subject.exclusions)
        else:
            {**LOCAL, **OF_OWNERS, **OF_NAMES}[mutant.kind](edges, place)


def from_donor(edges: Edges, mutant: Mutant, donors: Mapping[str, Graph]) -> None:
    """Puts the donor's values into the run: of one leaf, or of all below an owner."""
    donor = donors["stale" if mutant.kind == "stale" else "fresh"]
    target = edges.graph
    listed = found_sites(donor, target)
    if mutant.kind in DONORS:
        wanted = [site for site in listed if site.keypath == mutant.keypath]
    else:
        wanted = [s for s in listed if s.keypath.startswith(mutant.keypath)]
        if mutant.kind == "fresh but for the counter":
            wanted = [s for s in wanted if not is_counter(target, s.keypath, mutant.keypath)]
    require(bool(wanted))
    transplant = Transplant(donor, target)
    for site in wanted:
        transplant.put(site)


def found_sites(donor: Graph, target: Graph) -> list[Site]:
    """Where two runs differ, as places that can be put back."""
    return sites(compare(donor.snapshot, target.snapshot).mismatches, donor, target)


def is_counter(target: Graph, keypath: KeyPath, owner: KeyPath) -> bool:
    """Whether it is an integer that the owner itself holds."""
    if keypath.parent != owner:
        return False
    place = resolve(target.snapshot, keypath)
    return place is not None and type(target.snapshot.rows[place][2]) is int


def pair(edges: Edges, kind: str, place: int, twin: int, exclusions: Sequence[Exclusion]) -> None:
    """Exchanges the content of two places of one kind, or makes them one."""
    mine, theirs = edges.value(place), edges.value(twin)
    if kind == "aliases merged":
        if is_tensor(mine):
            theirs.data = mine.detach()
        else:
            edges.replace(twin, mine)
    elif is_tensor(mine) or hasattr(mine, "dtype"):
        ours, others = words(mine), words(theirs)
        require(bool((ours != others).any()))
        ours[...], others[...] = others.copy(), ours.copy()
    else:
        keypath = edges.graph.snapshot.keypath(place)
        require(_differ(mine, theirs, keypath, exclusions), "alike in all that is compared")
        edges.put(place, theirs)
        edges.put(twin, mine)


def _differ(mine: Any, theirs: Any, at: KeyPath, exclusions: Sequence[Exclusion]) -> bool:
    """Whether two values differ, or two dicts of the same keys in an item that is compared."""
    if not isinstance(mine, dict):
        return repr(mine) != repr(theirs)
    compared = [k for k in mine if not any(e.covers(str(at.child((k,)))) for e in exclusions)]
    return any(
        mine[k] is not theirs[k] and (hasattr(mine[k], "dtype") or repr(mine[k]) != repr(theirs[k]))
        for k in compared
    )


def share(edges: Edges, place: int, saved: Any) -> None:
    """Lets a leaf lie in the memory of another run."""
    mine = edges.value(place)
    require(is_tensor(mine) or hasattr(mine, "strides"), "no memory of its own")
    if is_tensor(mine):
        mine.data = saved.detach()
    else:
        edges.replace(place, saved)


def members(owner: Any) -> dict[Any, Any]:
    """What an object holds by name, read without the harness's readers."""
    getter = dict_getter(type(owner))
    found: dict[Any, Any] = owner if isinstance(owner, dict) else getter(owner) if getter else {}
    return found


def place_of(snapshot: Snapshot, keypath: KeyPath) -> int:
    """The row of the edge itself, also where it is an alias.

    Raises:
        Unreachable: there is none.
    """
    above = resolve(snapshot, keypath.parent)
    place = None if above is None else snapshot.children[above].get(keypath.segments[-1])
    if place is None:
        raise Unreachable(f"nothing is at {keypath}")
    return place


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


__all__ = ["KINDS", "Mutant", "Mutated", "NoMutation", "Unreachable", "mutants_of"]
