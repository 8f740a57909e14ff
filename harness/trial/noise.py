"""What differs between two runs of one scenario though nothing was saved: noise, never a verdict.

In foreign code there is nearly always some: folders with a time in their names, clocks, weak
references, a space that is sampled once for its shape, memory that nobody has written yet. It is
set aside and listed; everything else is judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import final

from ..core.keypath import PARAMETER, KeyPath
from ..state.diff import differences
from ..state.elements import Elements, differing
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from .runs import Moment

_ABSENT = (MismatchKind.MISSING, MismatchKind.UNEXPECTED)
# kinds that are about all that lies below, too
_WHOLE = (*_ABSENT, MismatchKind.TYPE)


@final
@dataclass(frozen=True, kw_only=True)
class Noise:
    """What the control found; empty and false where two runs agree.

    Attributes:
        trees: KeyPaths that are noise with all that lies below them.
        leaves: KeyPaths that are noise themselves.
        members: KeyPaths of mappings and sets of which it is noise what is in them.
        elements: for each moment, KeyPath of a tensor or array -> which of its elements are noise
            then: a row of a buffer is noise until it is written, and state from then on.
    """

    trees: frozenset[KeyPath] = frozenset()
    leaves: frozenset[KeyPath] = frozenset()
    members: frozenset[KeyPath] = frozenset()
    elements: Mapping[Moment, Mapping[KeyPath, Elements]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.trees or self.leaves or self.members or self.elements)

    @property
    def keypaths(self) -> tuple[KeyPath, ...]:
        """Returns every KeyPath that is noise, whole or in part, in order; none below another."""
        # by the mapping, where its very keys are noise: an address or a time is no name
        tops = {
            path.parent if path.parent in self.members else path
            for path in self.trees
            if not self._below(path.parent)
        }
        others = {*self.leaves, *self.members, *self._in_part}
        return tuple(sorted(tops | {path for path in others if not self._below(path)}))

    @property
    def _in_part(self) -> frozenset[KeyPath]:
        return frozenset(at for marked in self.elements.values() for at in marked)

    def names(self, keypath: KeyPath) -> bool:
        """Returns whether a leaf is noise as a whole."""
        return keypath in self.leaves or self._below(keypath)

    def covers(self, mismatch: Mismatch, moment: Moment, elements: Elements | None = None) -> bool:
        """Returns whether a difference is noise.

        Args:
            mismatch: the difference.
            moment: when it was seen.
            elements: of a tensor or array, which of its elements differ.
        """
        at = mismatch.keypath
        if self.names(at):
            return True
        if mismatch.kind in _ABSENT and at.parent in self.members:
            return True
        known = self.elements.get(moment, {}).get(at)
        if known is None or elements is None or known.shape != elements.shape:
            return False
        return not (elements & ~known).any()

    def _below(self, keypath: KeyPath) -> bool:
        if not self.trees:
            return False
        segments = keypath.segments
        return any(KeyPath(*segments[:end]) in self.trees for end in range(len(segments) + 1))

    @staticmethod
    def between(states: Iterable[tuple[Moment, Snapshot, Snapshot]]) -> Noise:
        """Returns what differs between states of two runs that were taken at the same moments."""
        collected = _Collected()
        for moment, first, second in states:
            if not first.same_bytes(second):
                collected.add(moment, first, second)
        return Noise(
            trees=frozenset(collected.trees),
            leaves=frozenset(collected.leaves),
            members=frozenset(collected.members),
            elements=collected.elements,
        )

    def of_learning(self, snapshot: Snapshot) -> tuple[KeyPath, ...]:
        """Returns the noise in what learns: parameters, states of optimizers, global streams.

        Args:
            snapshot: a state of the run, which says which leaves are parameters.
        """
        exact = {*self.leaves, *self._in_part, *self.trees}
        return tuple(sorted(path for path in exact if _learns(path, snapshot)))


@final
class _Collected:
    """Noise while it is gathered."""

    def __init__(self) -> None:
        self.trees: set[KeyPath] = set()
        self.leaves: set[KeyPath] = set()
        self.members: set[KeyPath] = set()
        self.elements: dict[Moment, dict[KeyPath, Elements]] = {}

    def add(self, moment: Moment, first: Snapshot, second: Snapshot) -> None:
        places: Counter[KeyPath] = Counter()
        for mismatch in differences(first, second, worded=False):
            at, mask = mismatch.keypath, differing(first, second, mismatch)
            if isinstance(at.segments[-1], int):
                places[at.parent] += 1
            if mask is not None:
                self.elements.setdefault(moment, {})[at] = mask
            elif mismatch.kind in _WHOLE:
                self._cut(at, mismatch)
            else:
                self.leaves.add(at)
        # a sequence in which every place differs is noise, however long it is
        self.trees |= {at for at, count in places.items() if count >= _length(first, at)}

    def _cut(self, at: KeyPath, mismatch: Mismatch) -> None:
        if mismatch.kind in _ABSENT and isinstance(at.segments[-1], int):
            self.trees.add(at.parent)  # the places of a sequence that grows by itself mean nothing
            return
        self.trees.add(at)
        if isinstance(at.segments[-1], tuple):
            self.members.add(at.parent)


def _length(snapshot: Snapshot, keypath: KeyPath) -> int:
    place = snapshot.resolve(keypath)
    return 0 if place is None else len(snapshot.children[place])


def _learns(keypath: KeyPath, snapshot: Snapshot) -> bool:
    if keypath.segments[:1] == ("streams",):
        return True
    if any(isinstance(part, tuple) and part[0] == PARAMETER for part in keypath.segments):
        return True  # kept for a parameter, by its name
    place = snapshot.resolve(keypath)
    return place is not None and snapshot.type_name(place) == "torch.nn.parameter.Parameter"
