"""What of the differences is judged: what differs by itself, and what follows from what."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Protocol, final

from ..core.keypath import KeyPath
from ..core.scenario import Scenario
from ..state.elements import differing
from ..state.mismatch import Diff, Mismatch
from ..state.snapshot import Snapshot
from .noise import Noise
from .reference import Outcome, Reference, Watch, is_stream
from .runs import Course, Moment, Resumed
from .session import Session


class Arms(Protocol):
    """The runs of one scenario; see `trial.trial`."""

    scenario: Scenario
    session: Session

    @property
    def uninterrupted(self) -> Course:
        """The run that never stops."""

    @property
    def repeat(self) -> Course:
        """The same once more."""

    @property
    def segmented(self) -> Course:
        """The same in calls of `train` that end where the resumed run is saved."""

    @property
    def course_once(self) -> Course:
        """The run to agree with where there is one save, and no load or one."""

    @property
    def resumed(self) -> Resumed:
        """The run that comes from the file."""

    def compare(self, expected: Snapshot, got: Snapshot, *, worded: bool = True) -> Diff:
        """Returns the differences between two snapshots."""


@final
class Control:
    """The run that never stops, and what a difference from it means.

    Args:
        trial: whose arms are compared; none is run before it is asked for.
    """

    def __init__(self, trial: Arms) -> None:
        self.trial = trial
        self._references: dict[int, Reference] = {}
        self._asked = False

    @cached_property
    def noise(self) -> Noise:
        """What differs between the run that never stops and its repeat."""
        self._asked = True
        once, again = dict(self.trial.uninterrupted.moments), dict(self.trial.repeat.moments)
        return Noise.between((at, once[at], again[at]) for at in once if at in again)

    @property
    def known_noise(self) -> tuple[str, ...]:
        """The KeyPaths of the noise, in words; none where nobody has asked for it."""
        return tuple(map(str, self.noise.keypaths)) if self._asked else ()

    def covers(self, keypath: KeyPath) -> bool:
        """Returns whether a leaf is known to be noise; asks for no run of its own."""
        return self._asked and self.noise.names(keypath)

    def lasting(self, diff: Diff) -> list[Mismatch]:
        """Returns those of some differences that are of no leaf which is noise, at any moment."""
        return [mismatch for mismatch in diff.mismatches if not self.noise.names(mismatch.keypath)]

    def without_noise(self, diff: Diff, moment: Moment, expected: Snapshot, got: Snapshot) -> Diff:
        """Returns those of the differences of two states, at one moment, that are not noise."""
        noise = self.noise
        judged = (
            mismatch
            for mismatch in diff.mismatches
            if not (noise and noise.covers(mismatch, moment, differing(expected, got, mismatch)))
        )
        return Diff(mismatches=tuple(judged))

    @cached_property
    def flaky(self) -> tuple[KeyPath, ...]:
        """The noise that leaves nothing to judge; none where there is something.

        It is that of what learns, or all that moves.
        """
        noise, course = self.noise, self.trial.uninterrupted
        if not noise:
            return ()
        if learning := noise.of_learning(course.fresh):
            return learning
        return () if self._moved_without_noise(course) else noise.keypaths

    def _moved_without_noise(self, course: Course) -> bool:
        repeated = dict(self.trial.repeat.moments)
        return any(
            self.without_noise(self.trial.compare(course.fresh, state), at, course.fresh, state)
            for at, state in course.moments
            if at in repeated
        )

    def is_stream(self, mismatch: Mismatch) -> bool:
        """Returns whether a leaf is a random stream: where one stands means nothing in itself."""
        if mismatch.keypath.segments[:1] == ("streams",):
            return True
        return is_stream(self.course.fresh, mismatch.keypath)

    @property
    def course(self) -> Course:
        """The run that a resumed one must agree with.

        It is the run that never stops or, for a subject that is saved between calls of `train`,
        the run in calls that end at the save points: the checkpoint is not to blame for these.
        """
        trial = self.trial
        return trial.segmented if trial.session.between_calls else trial.uninterrupted

    def reference(self, cycle: int) -> Reference:
        """Returns the run to agree with from a save point to the end; 0 is the first."""
        if cycle not in self._references:
            step = self.trial.scenario.save_points[cycle]
            later = {at: state for at, state in self.course.at.items() if at > step}
            self._references[cycle] = Reference(step, self.course.saved[step], later, self)
        return self._references[cycle]

    def differences(self, expected: Snapshot, got: Snapshot) -> tuple[Mismatch, ...]:
        """Returns what differs between two states, without words."""
        return self.trial.compare(expected, got, worded=False).mismatches

    def follow_once(self, loaded: Snapshot, at: Mapping[int, Snapshot]) -> Outcome:
        """Returns what became of the losses of one load that was followed to the end.

        Args:
            loaded: the state right after the load of what was saved first.
            at: the states at later boundaries.
        """
        course, step = self.trial.course_once, self.trial.scenario.save_at
        reference = Reference(step, course.saved[step], course.at, self)
        return self._followed(reference, loaded, at)

    def _followed(
        self, reference: Reference, loaded: Snapshot, at: Mapping[int, Snapshot]
    ) -> Outcome:
        watch = Watch(reference, reference.lost(loaded))
        for step, state in sorted(at.items()):
            watch.look(step, state)
        return watch.outcome

    @cached_property
    def aftermath(self) -> tuple[int, Outcome]:
        """What became of what the loads lost, in the resumed run as it went, and after which load.

        After each load the run is followed to the next save, after the last to the end.

        Raises:
            Exception: what training on raised.
        """
        resumed, points = self.trial.resumed, self.trial.scenario.save_points
        ends = resumed.at
        for cycle, load in enumerate(resumed.loads):
            reference, states = self.reference(cycle), ends
            if cycle + 1 < len(points):
                start, step = points[cycle : cycle + 2]
                states = {step: resumed.loads[cycle + 1].saved}
                saved = self.course.saved
                reference = Reference(start, saved[start], {step: saved[step]}, self, "saved")
            outcome = self._followed(reference, load.loaded, states)
            if outcome.spreading:
                break
        return cycle, outcome
