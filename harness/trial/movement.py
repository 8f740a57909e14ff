"""Which leaves a run moves, and which of them its save points have met.

A leaf that stood at its fresh value at every save point was not tested: to forget it and to keep
it look the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Protocol, final

from ..core.keypath import KeyPath
from ..core.scenario import Scenario
from ..state.mismatch import Diff
from ..state.snapshot import Snapshot
from ..subjects.capabilities import Capabilities
from .control import Control
from .runs import Course, Save
from .session import Session


@final
@dataclass(frozen=True, kw_only=True)
class StateCoverage:
    """What the save points of a scenario have met.

    Attributes:
        moved: how many leaves moved at all.
        untested: those of them that stood at their fresh value at every save point.
    """

    moved: int
    untested: tuple[KeyPath, ...] = ()


class Arms(Protocol):
    """The runs of one scenario; see `trial.trial`."""

    capabilities: Capabilities
    scenario: Scenario
    session: Session

    @property
    def control(self) -> Control:
        """What of the differences is judged."""

    @property
    def uninterrupted(self) -> Course:
        """The run that never stops."""

    @property
    def saving(self) -> tuple[Save, Mapping[int, Snapshot]]:
        """The run that is saved and goes on."""

    def compare(self, expected: Snapshot, got: Snapshot, *, worded: bool = True) -> Diff:
        """Returns the differences between two snapshots."""


@final
class Movement:
    """What moves in a scenario. Streams that the harness keeps for the subject do not count.

    Args:
        trial: whose run is looked at.
    """

    def __init__(self, trial: Arms) -> None:
        self.trial = trial
        self.keeps_streams = trial.capabilities.keeps_streams

    def between(self, before: Snapshot, after: Snapshot) -> frozenset[KeyPath]:
        """Returns which leaves differ between two states of a run, but for known noise."""
        listed = (m.keypath for m in self.trial.compare(before, after, worded=False).mismatches)
        covers = self.trial.control.covers
        return frozenset(
            at
            for at in listed
            if not (self.keeps_streams and at.segments[0] == "streams") and not covers(at)
        )

    @cached_property
    def counts(self) -> tuple[int, int]:
        """How many leaves differ between the fresh build and the save, and then at a boundary.

        The last boundary is looked at first; what comes and goes may be back there as it was.
        """
        saved, course = self.trial.saving[0].after, self.trial.uninterrupted
        step = self.trial.scenario.save_at
        later = [at for at in sorted(course.at, reverse=True) if at > step]
        counts = (len(self.between(saved, course.at[at])) for at in later)
        before = len(self.between(course.fresh, saved))
        return before, next((count for count in counts if count), 0)

    @cached_property
    def coverage(self) -> StateCoverage:
        """What the save points have met."""
        course = self.trial.uninterrupted
        points = self.trial.scenario.save_points
        saved = [self.between(course.fresh, course.saved[at]) for at in points]
        tested: frozenset[KeyPath] = frozenset().union(*saved)
        untested = frozenset().union(*self._moved.values()) - tested
        # an element has no name but its place: a sequence that was met is not new as it grows
        sequences = {at.parent for at in tested if isinstance(at.segments[-1], int)}
        grown = {at for at in untested if at.parent in sequences and self._is_born_later(at)}
        untested -= grown
        return StateCoverage(moved=len(tested | untested), untested=tuple(sorted(untested)))

    def _is_born_later(self, at: KeyPath) -> bool:
        """Returns whether an element was there at no save point."""
        if not isinstance(at.segments[-1], int):
            return False
        points = self.trial.scenario.save_points
        saved = (self.trial.uninterrupted.saved[step] for step in points)
        return all(state.resolve(at) is None for state in saved)

    @cached_property
    def _moved(self) -> dict[int, frozenset[KeyPath]]:
        """At every boundary, which leaves are not as in the fresh build."""
        course = self.trial.uninterrupted
        return {at: self.between(course.fresh, state) for at, state in sorted(course.at.items())}

    def better_save_points(self, healed: Iterable[KeyPath]) -> tuple[int, ...]:
        """Returns where the run might be saved instead, to show what these save points do not.

        What was not tested, and a loss that healed, show best in the longest stretch in which the
        leaf is not at its fresh value: in its middle, where it has moved far and goes on to move,
        or at its beginning, where it is longest until it returns.

        Args:
            healed: what was lost, and right again at the end.
        """
        length, boundaries = self.trial.scenario.length, self.trial.session.boundaries
        allowed = [at for at in self._moved if at in boundaries and at < length]
        leaves = [*self.coverage.untested, *healed]
        steps = [
            at
            for leaf in leaves
            for at in _in_longest([(at, leaf in self._moved[at]) for at in allowed])
        ]
        # most first: one step may show several leaves
        counts = Counter(at for at in steps if at not in self.trial.scenario.save_points)
        return tuple(at for at, _ in counts.most_common())


def _in_longest(moved: Sequence[tuple[int, bool]]) -> tuple[int, ...]:
    """Returns middle and beginning of the longest stretch of a leaf that has moved; of a part."""
    stretches = [list(group) for has_moved, group in groupby(moved, itemgetter(1)) if has_moved]
    longest: list[tuple[int, bool]] = max(stretches, key=len, default=[])
    if not longest or len(longest) == len(moved):
        return ()
    return longest[len(longest) // 2][0], longest[0][0]
