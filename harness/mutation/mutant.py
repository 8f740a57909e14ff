"""Mutants: runs that come back from a checkpoint with one thing broken, for every thing there is.

A mutant is data: a kind and a KeyPath. `Mutated` is the subject whose load breaks that one thing
in the live run it returns; everything else is the subject's own, so that the checks run unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from ..causes.patch import Graph, Site, Transplant, graph_of, sites
from ..causes.write import Unreachable, is_tensor
from ..core.exclusions import Exclusion
from ..core.keypath import KeyPath
from ..core.scenario import Scenario
from ..state.capture import global_streams
from ..state.compare import compare
from ..state.readers.objects import dict_getter
from ..state.snapshot import Snapshot
from ..subjects.protocol import Subject
from .graph_edits import Edges
from .operators import LOCAL, OF_NAMES, OF_OWNERS, NoMutation, require, words

DONORS = ("fresh", "stale")
PAIRS = ("swapped", "aliases merged")
GROUPS = ("part as fresh", "fresh but for the counter")
SHARED = "memory shared with the saved run"
UNLISTED = "not in the snapshot"
KINDS = (*DONORS, *GROUPS, *LOCAL, *PAIRS, *OF_NAMES, *OF_OWNERS, UNLISTED, SHARED)


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
    place = target.snapshot.resolve(keypath)
    return place is not None and type(target.snapshot.value(place)) is int


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
    place = snapshot.edge(keypath)
    if place is None:
        raise Unreachable(f"nothing is at {keypath}")
    return place


__all__ = ["KINDS", "Mutant", "Mutated", "NoMutation", "Unreachable"]
