"""One subject under one scenario: its arms, each run at most once, as snapshots.

| arm | what it does |
|---|---|
| `uninterrupted` | builds and trains to the end; never saves |
| `repeat` | the same once more: the control that tells a nondeterministic subject |
| `segmented` | the same in calls of `train` that end at the save points, without a checkpoint |
| `saving` | saves at the save point and goes on |
| `resumed` | loads into a poisoned target, saves and loads again for every cycle, goes on |

Subjects may offer more than `subjects.protocol.Subject` asks for (`subjects.capabilities`); what
they lack is not checked, and said so (`NotApplicable`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, final

from ..core.errors import HarnessError, InvalidScenario
from ..core.randomness import preserved_streams
from ..core.scenario import Scenario
from ..state.mismatch import Diff
from ..state.snapshot import Snapshot
from ..subjects.capabilities import capabilities_of
from ..subjects.protocol import Subject
from .control import Control
from .defaults import media
from .expected import Expected
from .finding import Finding
from .movement import Movement
from .runs import Course, Load, Resumed, Save, Shared, build_key, save_key
from .session import Session


@final
class Trial:
    """One subject under one scenario; global streams are as before after every call.

    Args:
        subject: what is under test.
        scenario: how it is run and saved.
        shared: what it has in common with trials of the same subject.

    Attributes:
        session: builds, trains, saves, loads and captures; the arms are made with it.
        expected: loads, and puts back what is expected to be lost.
        compared: how many rows of snapshots have been compared so far.
        loads: every load of the resumed arm so far; none before that arm is asked for.
        error: what training on raised after one of these loads, if anything.

    Raises:
        InvalidScenario: the subject cannot be saved where the scenario says.
    """

    def __init__(self, subject: Subject, scenario: Scenario, shared: Shared | None = None) -> None:
        self.subject = subject
        self.scenario = scenario
        self.shared = shared or Shared([scenario])
        self.session = Session(subject, scenario, self.shared.taken)
        self.expected = Expected(self.session)
        self.capabilities = capabilities_of(subject)
        self.compared = 0
        self.loads: tuple[Load, ...] = ()
        self.error: Exception | None = None
        self._reference: Course | None = None
        self._saving: tuple[Save, Mapping[int, Snapshot]] | None = None
        self._of_library: dict[int, Trial] = {}
        self._require_save_points()

    def _require_save_points(self) -> None:
        allowed = self.session.boundaries | {0, self.scenario.length}
        for step in self.scenario.save_points:
            if self.session.between_calls and step not in allowed:
                raise InvalidScenario(
                    f"save point {step}: {self.subject.name} can be saved only where a call of "
                    f"train() ends; expected one of {sorted(allowed)}"
                )

    @property
    def uninterrupted(self) -> Course:
        """The run that never stops."""
        if self._reference is None:
            key = build_key(self.scenario)
            if key not in self.shared.courses:
                self.shared.courses[key] = self._course(0, sorted(self.shared.moments[key]))
            self._reference = self.shared.courses[key]
        return self._reference

    @cached_property
    def repeat(self) -> Course:
        """The run that never stops, once more."""
        return self._course(self.scenario.save_at, self.scenario.save_points)

    @cached_property
    def segmented(self) -> Course:
        """The run in calls of `train` that end where the resumed run is saved."""
        return self._segmented(self.scenario.save_points)

    @cached_property
    def course_once(self) -> Course:
        """The run to agree with where there is one save, and no load or one."""
        if not self.session.between_calls:
            return self.uninterrupted
        if self.scenario.cycles == 1:
            return self.segmented
        return self._segmented(self.scenario.save_points[:1])

    def _segmented(self, save_points: Sequence[int]) -> Course:
        session, done = self.session, 0
        saved: dict[int, Snapshot] = {}
        at: dict[int, Snapshot] = {}
        with preserved_streams():
            live = session.build()
            fresh = session.capture(live)
            for step in save_points:
                session.advance(live, done, step, at)
                saved[step], done = session.capture(live), step
            at |= session.finish(live, done)
        return Course(fresh=fresh, at=at, saved=saved)

    @property
    def saving(self) -> tuple[Save, Mapping[int, Snapshot]]:
        """The run that is saved and goes on: the save of this scenario, and its states after it.

        Scenarios that share a build share this run, too: it is saved at every one's save point.
        """
        if self._saving is None:
            self._saving = self._saved_alone() if self.session.between_calls else self._saved()
        return self._saving

    def _saved_alone(self) -> tuple[Save, Mapping[int, Snapshot]]:
        session, step = self.session, self.scenario.save_at
        with preserved_streams():
            live = session.build()
            session.advance(live, 0, step)
            return session.save(live, step, session.folder / "0.zip"), session.finish(live, step)

    def _saved(self) -> tuple[Save, Mapping[int, Snapshot]]:
        step, key = self.scenario.save_at, save_key(self.scenario)
        if key not in self.shared.savings:
            self.shared.savings[key] = self._saved_everywhere(
                self.shared.points[build_key(self.scenario)]
            )
        saves, at = self.shared.savings[key]
        if step not in saves:
            raise self.session.not_visited(step)
        return saves[step], {s: snapshot for s, snapshot in at.items() if s > step}

    def _saved_everywhere(self, steps: set[int]) -> tuple[dict[int, Save], dict[int, Snapshot]]:
        saves: dict[int, Save] = {}
        session = self.session

        def save_at(step: int) -> Callable[[Any], None]:
            def act(live: Any) -> None:
                saves[step] = session.save(live, step, self.shared.folder / f"{key}-{step}.zip")

            return act

        key = len(self.shared.savings)
        with preserved_streams():
            live = session.build()
            if 0 in steps:
                save_at(0)(live)
            at = session.finish(live, min(steps), {step: save_at(step) for step in steps if step})
        return saves, at

    @cached_property
    def resumed(self) -> Resumed:
        """The run that comes from the file of the saving arm, in as many cycles as asked for."""
        loads: list[Load] = []
        course: Mapping[int, Snapshot] = {}
        with preserved_streams():
            try:
                for again, load in self.loading():
                    loads.append(load)
                    live = again
                course = self.session.finish(live, load.step)
            except HarnessError:
                raise
            except Exception as error:  # whatever a foreign subject raises after a load
                if not loads:
                    raise
                self.error = error
        self.loads = tuple(loads)
        return Resumed(loads=self.loads, course=course, error=self.error)

    def loading(self) -> Iterator[tuple[Any, Load]]:
        """Yields the run after each load, saved and loaded again for every cycle."""
        session, (save, _) = self.session, self.saving
        for cycle, later in enumerate((*self.scenario.save_points[1:], None), start=1):
            live = self.expected.load(save.path, cycle - 1)
            yield live, Load(step=save.step, saved=save.after, loaded=session.capture(live))
            if later is not None:
                save = session.save_later(live, save.step, later, cycle)

    @cached_property
    def control(self) -> Control:
        """What of the differences is judged: what differs by itself, and what follows from what."""
        return Control(self)

    def compare(self, expected: Snapshot, got: Snapshot, *, worded: bool = True) -> Diff:
        """Returns the differences between two snapshots.

        Args:
            expected: what must hold.
            got: what was found.
            worded: whether their texts are needed, which cost most of a comparison.
        """
        self.compared += len(expected.rows)
        if expected.same_bytes(got):
            return Diff()
        return Diff(mismatches=tuple(self.session.differences(expected, got, worded=worded)))

    @cached_property
    def movement(self) -> Movement:
        """Which leaves the run moves, and whether the save points have met them."""
        return Movement(self)

    def of_library(self, number: int) -> Trial | None:
        """Returns a trial of the library's own class that the subject is built on, if there is one.

        Args:
            number: added to the seed; with 0 it is this trial, where the subject is of that class.
        """
        stock = self.session.library
        if stock is None or (stock is self.subject and number == 0):
            return None if stock is None else self
        if number not in self._of_library:
            offered = media(stock)
            medium = self.scenario.medium if self.scenario.medium in offered else offered[0]
            scenario = dataclasses.replace(
                self.scenario, seed=self.scenario.seed + number, medium=medium, options={}
            )
            self._of_library[number] = Trial(stock, scenario)
        return self._of_library[number]

    @property
    def has_shown_movement(self) -> bool:
        """Whether a check has asked for the runs that show what moves."""
        return self._saving is not None and self._reference is not None

    def first_difference(
        self, expected: Mapping[int, Snapshot], got: Mapping[int, Snapshot]
    ) -> Finding | None:
        """Returns the earliest boundary at which two runs differ, and how; None if they agree."""
        for step, snapshot in sorted(got.items()):
            if diff := self.compare(expected[step], snapshot):
                return Finding(step=step, diff=diff)
        return None

    def future(self, at: Mapping[int, Snapshot], *, loads: bool = True) -> Finding | None:
        """Returns where a run first differs from its reference, but for noise; None if nowhere.

        Args:
            at: its states at boundaries.
            loads: whether it was saved and loaded at every save point, or only at the first.
        """
        course = self.control.course if loads else self.course_once
        return self.difference_without_noise(course.at, at)

    def difference_without_noise(
        self, expected: Mapping[int, Snapshot], got: Mapping[int, Snapshot]
    ) -> Finding | None:
        """Returns as `first_difference`, but for noise."""
        for step, state in sorted(got.items()):
            diff = self.compare(expected[step], state)
            if diff and (
                judged := self.control.without_noise(diff, ("at", step), expected[step], state)
            ):
                return Finding(step=step, diff=judged)
        return None

    def _course(self, after: int, moments: Sequence[int]) -> Course:
        session = self.session
        saved: dict[int, Snapshot] = {}

        def capture_at(step: int) -> Callable[[Any], None]:
            def act(live: Any) -> None:
                saved[step] = session.capture(live)

            return act

        with preserved_streams():
            live = session.build()
            fresh = session.capture(live)
            saved |= {0: fresh} if 0 in moments else {}
            visits = {step: capture_at(step) for step in moments if step}
            return Course(fresh=fresh, at=session.finish(live, after, visits), saved=saved)
