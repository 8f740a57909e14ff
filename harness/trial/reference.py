"""The run to agree with from one save point on, and what a difference from it means.

| what a leaf is | when |
|---|---|
| spreading | it was right after the load and became wrong |
| contained | it was wrong after the load, is wrong at the end, and moves in the reference |
| healed | it was wrong after the load, and is right at the end |
| inert | it was wrong after the load, is so at the end, and nothing moves it |
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, final

from ..core.keypath import KeyPath
from ..state.elements import Elements, differing
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from .noise import Noise
from .runs import Moment

# kinds that are about all that lies below, too
_WHOLE = (MismatchKind.MISSING, MismatchKind.UNEXPECTED, MismatchKind.TYPE)


class Comparison(Protocol):
    """What differs between two states, and what of it is noise."""

    @property
    def noise(self) -> Noise:
        """What differs between two runs of the same scenario."""

    def differences(self, expected: Snapshot, got: Snapshot) -> tuple[Mismatch, ...]:
        """Returns what differs between two states, without words."""


@final
class Reference:
    """A run to agree with, from one save point on.

    Args:
        step: of the save point.
        saved: its state there.
        at: its states at later boundaries, by steps done.
        compare: what differs between two states, and what of it is noise.
        when: what kind of moment these are.
    """

    def __init__(
        self,
        step: int,
        saved: Snapshot,
        at: Mapping[int, Snapshot],
        compare: Comparison,
        when: str = "at",
    ) -> None:
        self.step = step
        self.when = when
        self.saved = saved
        self.at = at
        self._compare = compare
        self._moves: dict[int, _Moves] = {}

    def lost(self, loaded: Snapshot) -> tuple[Mismatch, ...]:
        """Returns what is wrong right after a load, without noise."""
        return self._judged(("saved", self.step), self.saved, loaded)

    def differences(self, step: int, got: Snapshot) -> tuple[Mismatch, ...]:
        """Returns all that differs at a boundary, without noise."""
        return self._judged((self.when, step), self.at[step], got)

    def _judged(self, moment: Moment, expected: Snapshot, got: Snapshot) -> tuple[Mismatch, ...]:
        listed = self._compare.differences(expected, got)
        if not listed:
            return ()
        noise = self._compare.noise
        return tuple(
            mismatch
            for mismatch in listed
            if not (noise and noise.covers(mismatch, moment, differing(expected, got, mismatch)))
        )

    def moves(self, step: int) -> _Moves:
        """Returns what has moved between the save point and a boundary."""
        if step not in self._moves:
            self._moves[step] = _Moves(self.saved, self.at[step], self._compare)
        return self._moves[step]


@final
class _Moves:
    """What a run has moved between two moments."""

    def __init__(self, before: Snapshot, after: Snapshot, compare: Comparison) -> None:
        self._before, self._after = before, after
        self._kinds: dict[KeyPath, list[Mismatch]] = {}
        for move in compare.differences(before, after):
            self._kinds.setdefault(move.keypath, []).append(move)
        self._wholes = [at for at, moves in self._kinds.items() if _any_whole(moves)]

    @cached_property
    def _above(self) -> frozenset[KeyPath]:
        """Every KeyPath at or below which something has moved."""
        return frozenset(
            KeyPath(*at.segments[:end]) for at in self._kinds for end in range(len(at.segments) + 1)
        )

    def touch(self, mismatch: Mismatch, elements: Elements | None) -> bool:
        """Returns whether what differs is of what has moved, element by element where it can."""
        at = self._own(mismatch.keypath)
        if any(at.startswith(whole) for whole in self._wholes):
            return True
        if mismatch.kind in _WHOLE and at in self._above:
            return True
        return any(self._overlap(move, elements) for move in self._kinds.get(at, ()))

    def _own(self, at: KeyPath) -> KeyPath:
        """Returns where the object at a KeyPath was first met: under that name it has moved."""
        place = self._before.resolve(at)
        return at if place is None else self._before.keypath(place)

    def _overlap(self, move: Mismatch, elements: Elements | None) -> bool:
        moved = differing(self._before, self._after, move)
        if moved is None or elements is None or moved.shape != elements.shape:
            return True
        return bool((moved & elements).any())


def _any_whole(moves: list[Mismatch]) -> bool:
    return any(move.kind in _WHOLE for move in moves)


# a loss of these kinds is one of all that lies below; that of an order of keys, say, is not
_COVERING = (*_WHOLE, MismatchKind.ALIASING)


@final
class Watch:
    """Follows a resumed run along its reference, boundary by boundary.

    Args:
        reference: the run to agree with.
        left: what was wrong right after the load.

    Attributes:
        spreading: what was right after the load and is wrong at the first such boundary.
        step: of that boundary; None where there is none.
        wrong: where anything differed at any boundary so far.
        moving: the same without losses that nothing had moved.
    """

    def __init__(self, reference: Reference, left: Collection[Mismatch]) -> None:
        self.reference = reference
        self.left = frozenset(mismatch.keypath for mismatch in left)
        self._cut = frozenset(m.keypath for m in left if m.kind is MismatchKind.ALIASING)
        self._whole = frozenset(m.keypath for m in left if m.kind in _COVERING)
        self.spreading: tuple[Mismatch, ...] = ()
        self.step: int | None = None
        self.wrong: set[KeyPath] = set()
        self.moving: set[KeyPath] = set()
        # of the last boundary looked at: losses that still show, and those the reference has moved
        self._wrong: set[KeyPath] = set()
        self._moving: set[KeyPath] = set()

    def look(self, step: int, got: Snapshot) -> bool:
        """Returns whether the run still agrees, but for what a loss has left as it was."""
        expected = self.reference.at[step]
        self._wrong, self._moving = set(), set()
        spreading = []
        for mismatch in self.reference.differences(step, got):
            loss = self._loss_of(mismatch.keypath)
            self.wrong.add(mismatch.keypath)
            if loss is None:
                spreading.append(mismatch)
                self.moving.add(mismatch.keypath)
                continue
            self._wrong.add(loss)
            if loss in self._cut and is_stream(expected, mismatch.keypath):
                continue  # a copy of a space has a stream of its own, and nobody draws from it
            if self.reference.moves(step).touch(mismatch, differing(expected, got, mismatch)):
                self._moving.add(loss)
                self.moving.add(mismatch.keypath)
        if spreading and self.step is None:
            self.spreading, self.step = tuple(spreading), step
        return not spreading

    def _loss_of(self, keypath: KeyPath) -> KeyPath | None:
        if keypath in self.left:
            return keypath
        segments = keypath.segments
        above = (KeyPath(*segments[:end]) for end in range(len(segments) - 1, 0, -1))
        return next((path for path in above if path in self._whole), None)

    @property
    def outcome(self) -> Outcome:
        """Returns what became of each loss, once the last boundary has been looked at."""
        return Outcome(
            spreading=self.spreading,
            step=self.step,
            contained=frozenset(self._moving),
            healed=self.left - self._wrong,
            wrong=frozenset(self.wrong),
            moving=frozenset(self.moving),
        )


def is_stream(state: Snapshot, keypath: KeyPath) -> bool:
    """Returns whether a random stream stands at a KeyPath, by what its kind sets aside."""
    place = state.resolve(keypath)
    return place is not None and state.kind(place).take is not None


@final
@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of what a load had lost.

    Attributes:
        spreading: the first differences of what was right after the load.
        step: where they were seen; None where there are none.
        contained: KeyPaths that stayed wrong while the reference moved them.
        healed: KeyPaths that were wrong and are right at the end.
        wrong: where anything differed at any boundary.
        moving: the same without losses that nothing had moved.
    """

    spreading: tuple[Mismatch, ...] = ()
    step: int | None = None
    contained: frozenset[KeyPath] = frozenset()
    healed: frozenset[KeyPath] = frozenset()
    wrong: frozenset[KeyPath] = frozenset()
    moving: frozenset[KeyPath] = frozenset()
