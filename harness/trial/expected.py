"""Losses that are expected: put back after every load, so that all the rest is judged exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, final

from ..core.expected import ExpectedLoss, PutBack
from ..core.keypath import KeyPath, covers
from ..core.randomness import preserved_streams
from ..core.scenario import INTO
from ..state.kind import Members
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from ..subjects.capabilities import capabilities_of
from ..subjects.protocol import Subject
from ..transplant.patch import Transplant
from ..transplant.sites import Graph, sites
from .session import Session

# one repaired alias uncovers what hangs on it
_MAX_ROUNDS = 5
_OF_STOCK = "stock {name} does not restore it"


@final
class Expected:
    """The losses that are put back after every load of one scenario.

    Args:
        session: builds, trains, saves and loads.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._donors: dict[int, Graph] = {}
        self._counts: dict[ExpectedLoss, set[KeyPath]] = {}
        self._why_not: dict[ExpectedLoss, str] = {}

    @cached_property
    def declared(self) -> tuple[ExpectedLoss, ...]:
        """Those that someone wrote."""
        return tuple(capabilities_of(self.session.subject).expected_losses)

    @cached_property
    def of_stock(self) -> tuple[ExpectedLoss, ...]:
        """Those of the stock class that the subject's is built on, where they are asked for."""
        if not capabilities_of(self.session.subject).beside_stock:
            return ()
        stock = self.session.library
        return () if stock is None else tuple(losses_of(stock, self.session))

    def load(self, path: Path, cycle: int = 0) -> Any:
        """Returns the run read back, with what is expected to be lost put back.

        Args:
            path: of the checkpoint.
            cycle: at which of the save points it was written; 0 is the first.
        """
        live = self.session.load(path)
        if self.declared or self.of_stock:
            self._put_back(live, cycle)
        return live

    def donor(self, cycle: int) -> Graph:
        """Returns the run as it was saved: built, and trained to a save point, once more."""
        if cycle not in self._donors:
            with preserved_streams():
                self._donors[cycle] = self._trained_to(cycle)
        return self._donors[cycle]

    @property
    def outcome(self) -> tuple[PutBack, ...]:
        """What became of each; what the stock class loses counts where the run has it at all."""
        seen = [loss for loss in self.of_stock if loss in self._counts] if self._counts else []
        return tuple(
            PutBack(
                pattern=loss.pattern,
                reason=loss.reason,
                leaves=len(self._counts.get(loss, ())),
                why_not=self._why_not.get(loss, ""),
            )
            for loss in (*self.declared, *seen)
        )

    def _put_back(self, live: Any, cycle: int) -> None:
        donor = self.donor(cycle)
        tried: set[tuple[KeyPath, MismatchKind]] = set()
        for _ in range(_MAX_ROUNDS):
            target = self.session.graph(live)
            lost = self._expected(donor.snapshot, target.snapshot)
            new = [m for m in lost if (m.keypath, m.kind) not in tried]
            if not new:
                break
            tried |= {(m.keypath, m.kind) for m in new}
            refused = Transplant(donor, target).put_all(sites(new, donor, target))
            for keypath, reason in refused.items():
                self._note(keypath, reason)
        for mismatch in lost:
            self._note(mismatch.keypath, "was put back, and is not there")
        self._count({keypath for keypath, _ in tried}, cycle)

    def _note(self, keypath: KeyPath, why_not: str) -> None:
        for loss in self._covering(keypath):
            self._why_not.setdefault(loss, f"{keypath}: {why_not}")

    def _count(self, lost: Iterable[KeyPath], cycle: int) -> None:
        for keypath in lost:
            for loss in self._covering(keypath):
                self._counts.setdefault(loss, set()).add(keypath)
        for loss in set(self.of_stock) - self._counts.keys():
            if any(covers(loss.pattern, str(at)) for at in self._moved(cycle)):
                self._counts[loss] = set()  # it is there, and has come back

    def _covering(self, keypath: KeyPath) -> Iterator[ExpectedLoss]:
        rendered = str(keypath)
        return (x for x in (*self.declared, *self.of_stock) if covers(x.pattern, rendered))

    def _expected(self, saved: Snapshot, loaded: Snapshot) -> list[Mismatch]:
        listed = self.session.differences(saved, loaded, worded=False)
        return [m for m in listed if any(self._covering(m.keypath))]

    def _moved(self, cycle: int) -> set[KeyPath]:
        return _between(self.session, self._fresh, self.donor(cycle).snapshot)

    @cached_property
    def _fresh(self) -> Snapshot:
        with preserved_streams():
            return self.session.capture(self.session.build())

    def _trained_to(self, cycle: int) -> Graph:
        session, points = self.session, self.session.scenario.save_points
        graphs: list[Graph] = []
        live, done = session.build(), 0
        for step in points[:cycle]:
            if session.between_calls:
                session.advance(live, done, step)
                done = step
        session.visit(live, done, points[cycle], lambda at: graphs.append(session.graph(at)))
        return graphs[0]


def losses_of(stock: Subject, beside: Session) -> Iterator[ExpectedLoss]:
    """Yields what a subject loses in a scenario, each as high in the graph as nothing comes back.

    Args:
        stock: what is saved and loaded; nothing of it is judged.
        beside: the session whose scenario it is run in.
    """
    session = Session(stock, beside.scenario)
    with preserved_streams():
        seen = _Losses.of(session)
    reason = _OF_STOCK.format(name=stock.name.partition(":")[2])
    for top in sorted(dict.fromkeys(map(seen.top_of, sorted(seen.lost, key=str))), key=str):
        yield ExpectedLoss(pattern=str(top), reason=reason)


@final
@dataclass(frozen=True, kw_only=True)
class _Losses:
    """What a run loses at any of its save points, and what of all that can be told comes back."""

    lost: frozenset[KeyPath]
    back: frozenset[KeyPath]

    @classmethod
    def of(cls, session: Session) -> _Losses:
        # what has another value in a run of another seed, or has moved, shows whether it comes back
        other_seed = replace(session.scenario, seed=session.other_seed)
        others = [session.capture(session.build(other_seed))]
        live = session.build()
        others.append(session.capture(live))
        told: set[KeyPath] = set()
        lost: set[KeyPath] = set()

        def look(step: int, live: Any) -> None:
            save = session.save(live, step, session.folder / f"{step}.zip")
            for other in others:
                told.update(_between(session, other, save.after))
            for into in INTO:  # what is right in a used target may be so by chance
                loader = Session(session.subject, replace(session.scenario, into=into))
                with preserved_streams():
                    loaded = session.capture(loader.load(save.path))
                lost.update(_between(session, save.after, loaded))

        _train(session, live, look)
        return cls(lost=frozenset(lost), back=frozenset(told - lost))

    def top_of(self, keypath: KeyPath) -> KeyPath:
        """Returns the highest owner of a lost leaf below which nothing comes back."""
        segments = keypath.segments
        for end in range(2, len(segments)):
            owner = KeyPath(*segments[:end])
            if not any(back.startswith(owner) for back in self.back):
                return owner
        return keypath


def _between(session: Session, before: Snapshot, after: Snapshot) -> set[KeyPath]:
    """Returns what differs, but for the order of a mapping: its members are not lost with it."""
    listed = session.differences(before, after, worded=False)
    return {m.keypath for m in listed if not _is_order(m, before)}


def _is_order(mismatch: Mismatch, snapshot: Snapshot) -> bool:
    place = snapshot.resolve(mismatch.keypath)
    if place is None or snapshot.is_plain(place) or mismatch.kind is not MismatchKind.VALUE:
        return False
    return snapshot.kind(place).members is Members.KEYED


def _train(session: Session, live: Any, look: Callable[[int, Any], None]) -> None:
    """Trains to the last save point, looking at every one."""
    points = session.scenario.save_points
    if 0 in points or session.between_calls:
        done = 0
        for step in points:
            session.advance(live, done, step)
            look(step, live)
            done = step
        return
    visits = {step: partial(look, step) for step in points}
    session.subject.train(live, until=session.scenario.length, visits=visits)
