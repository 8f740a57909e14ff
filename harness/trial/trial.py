"""One subject under one scenario: its arms, each run at most once, as snapshots.

| arm | what it does |
|---|---|
| `uninterrupted` | builds and trains to the end; never saves |
| `repeat` | the same once more: the control that tells a nondeterministic subject |
| `segmented` | the same in two calls of `train`, without a checkpoint |
| `saving` | saves at the save point and goes on |
| `resumed` | loads into a poisoned target, saves and loads again for every cycle, goes on |

Subjects may offer more than `subjects.protocol.Subject` asks for (`subjects.capabilities`); what
they lack is not checked, and said so (`NotApplicable`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, final

from ..core.errors import HarnessError, InvalidScenario
from ..core.keypath import compiled
from ..core.randomness import preserved_streams
from ..core.scenario import Scenario
from ..state.compare import Diff, compare
from ..state.diff import changed
from ..state.snapshot import Snapshot
from ..subjects.capabilities import capabilities_of
from ..subjects.protocol import Subject
from .finding import Finding
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
        self.capabilities = capabilities_of(subject)
        self.excluded = compiled(*(item.pattern for item in subject.exclusions)).match
        self.compared = 0
        self.loads: tuple[Load, ...] = ()
        self.error: Exception | None = None
        self._reference: Course | None = None
        self._saving: tuple[Save, Mapping[int, Snapshot]] | None = None
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
                self.shared.courses[key] = self._course(min(self.shared.points[key]))
            self._reference = self.shared.courses[key]
        return self._reference

    @cached_property
    def repeat(self) -> Course:
        """The run that never stops, once more."""
        return self._course(self.scenario.save_at)

    @cached_property
    def segmented(self) -> Course:
        """The run in two calls of `train`, split at the first save point."""
        session, step = self.session, self.scenario.save_at
        with preserved_streams():
            live = session.build()
            fresh = session.capture(live)
            session.advance(live, 0, step)
            return Course(fresh=fresh, at=session.finish(live, step))

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
            live = session.load(save.path)
            yield live, Load(step=save.step, saved=save.after, loaded=session.capture(live))
            if later is not None:
                save = session.save_later(live, save.step, later, cycle)

    def compare(self, expected: Snapshot, got: Snapshot) -> Diff:
        """Returns the differences between two snapshots."""
        self.compared += len(expected.rows)
        # an edge that is cut where it was met may still show where only one of the two has it
        mismatches = compare(expected, got).mismatches
        return Diff(mismatches=tuple(m for m in mismatches if not self.excluded(str(m.keypath))))

    def count_moved(self, before: Snapshot, after: Snapshot) -> int:
        """Returns how many leaves differ between two states of a run.

        Streams that the harness itself keeps for the subject are none of the subject's doing.
        """
        kept = self.capabilities.keeps_streams
        moved = [str(k) for k in changed(before, after) if not kept or k.segments[0] != "streams"]
        return sum(not self.excluded(keypath) for keypath in moved)

    @property
    def movement(self) -> tuple[int, int]:
        """How many leaves differ between the fresh build and the save, and then at a boundary.

        The last boundary is looked at first; what comes and goes may be back there as it was.
        """
        saved, reference = self.saving[0].after, self.uninterrupted
        before = self.count_moved(reference.fresh, saved)
        later = [
            step for step in sorted(reference.at, reverse=True) if step > self.scenario.save_at
        ]
        counts = (self.count_moved(saved, reference.at[step]) for step in later)
        return before, next((count for count in counts if count), 0)

    @property
    def movement_seen(self) -> tuple[int, int] | tuple[None, None]:
        """As `movement`; None twice where no check has asked for the runs that show it."""
        if self._saving is None or self._reference is None:
            return None, None
        return self.movement

    def first_difference(
        self, expected: Mapping[int, Snapshot], got: Mapping[int, Snapshot]
    ) -> Finding | None:
        """Returns the earliest boundary at which two runs differ, and how; None if they agree."""
        for step, snapshot in sorted(got.items()):
            if diff := self.compare(expected[step], snapshot):
                return Finding(step=step, diff=diff)
        return None

    def future(self, at: Mapping[int, Snapshot]) -> Finding | None:
        """Returns where a run first differs from the run that never stopped; None if nowhere.

        Where splitting `train` in two already changes the run, the split one is the reference:
        the checkpoint is not to blame.
        """
        found = self.first_difference(self.uninterrupted.at, at)
        if found and self.session.between_calls:
            return self.first_difference(self.segmented.at, at)
        return found

    def _course(self, after: int) -> Course:
        with preserved_streams():
            live = self.session.build()
            fresh = self.session.capture(live)
            return Course(fresh=fresh, at=self.session.finish(live, after))
