"""One subject under one scenario: its arms, each run at most once, as snapshots.

| arm | what it does |
|---|---|
| `uninterrupted` | builds and trains to the end; never saves |
| `repeat` | the same once more: the control that tells a nondeterministic subject |
| `segmented` | the same in two calls of `train`, without a checkpoint |
| `saving` | saves at the save point and goes on |
| `resumed` | loads into a poisoned target, saves and loads again for every cycle, goes on |

Subjects may offer more than `subjects.protocol.Subject` asks for; what they lack is not checked,
and said so (`NotApplicable`):

| optional member | promise |
|---|---|
| `between_calls: bool` | True: a run is saved only between two calls of `train` |
| `state(live)`, `restore(live, state)` | as `state_dict` and `load_state_dict` |
| `overrides`, `load_with(source, scenario, overrides)` | options passed explicitly at a load |
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, final

from ..core.errors import HarnessError, InvalidScenario, InvalidSubject
from ..core.keypath import compiled
from ..core.randomness import poison, preserved_streams, seed_all
from ..core.scenario import Scenario
from ..state.capture import capture_roots, global_streams
from ..state.compare import Diff, compare
from ..state.diff import changed
from ..state.snapshot import Snapshot
from ..subjects.protocol import Subject, Visits
from .media import take
from .runs import Course, Load, Resumed, Save, Shared, build_key, save_key, temporary_folder


class Stop(BaseException):
    """Ends a run at a save point, as a killed process would."""


@final
class Trial:
    """One subject under one scenario; global streams are as before after every call.

    Raises:
        InvalidScenario: the subject cannot be saved where the scenario says.
    """

    def __init__(self, subject: Subject, scenario: Scenario, shared: Shared | None = None) -> None:
        self.subject = subject
        self.scenario = scenario
        self.shared = shared or Shared([scenario])
        self.between_calls = bool(getattr(subject, "between_calls", False))
        self.boundaries = frozenset(subject.boundaries(scenario))
        self.step = scenario.save_at
        self.excluded = compiled(*(item.pattern for item in subject.exclusions)).match
        self.used: set[str] = set()
        self.compared = 0
        self._require_save_points()

    def _require_save_points(self) -> None:
        allowed = self.boundaries | {0, self.scenario.length}
        for step in self.scenario.save_points:
            if self.between_calls and step not in allowed:
                raise InvalidScenario(
                    f"save point {step}: {self.subject.name} can be saved only where a call of "
                    f"train() ends; expected one of {sorted(allowed)}"
                )

    @cached_property
    def folder(self) -> Path:
        """Where the checkpoints of this trial lie; removed with the trial."""
        return temporary_folder(self)

    @cached_property
    def uninterrupted(self) -> Course:
        """The run that never stops."""
        key = build_key(self.scenario)
        if key not in self.shared.courses:
            self.shared.courses[key] = self._course(min(self.shared.points[key]))
        return self.shared.courses[key]

    @cached_property
    def repeat(self) -> Course:
        """The run that never stops, once more."""
        return self._course(self.scenario.save_at)

    @cached_property
    def segmented(self) -> Course:
        """The run in two calls of `train`, split at the first save point."""
        with preserved_streams():
            live = self.build()
            fresh = self.capture(live)
            if self.scenario.save_at:
                self.subject.train(live, until=self.scenario.save_at, visits={})
            return Course(fresh=fresh, at=self.finish(live, self.scenario.save_at))

    @cached_property
    def saving(self) -> tuple[Save, Mapping[int, Snapshot]]:
        """The run that is saved and goes on: the save of this scenario, and its states after it.

        Scenarios that share a build share this run, too: it is saved at every one's save point.
        """
        step, key = self.scenario.save_at, save_key(self.scenario)
        if self.between_calls:
            with preserved_streams():
                live = self.build()
                self.advance(live, 0, step)
                return self.save(live, step, self.folder / "0.zip"), self.finish(live, step)
        if key not in self.shared.savings:
            self.shared.savings[key] = self._saved_everywhere(
                self.shared.points[build_key(self.scenario)]
            )
        saves, at = self.shared.savings[key]
        if step not in saves:
            raise self.not_visited(step)
        return saves[step], {s: snapshot for s, snapshot in at.items() if s > step}

    def _saved_everywhere(self, steps: set[int]) -> tuple[dict[int, Save], dict[int, Snapshot]]:
        saves: dict[int, Save] = {}

        def save_at(step: int) -> Callable[[Any], None]:
            def act(live: Any) -> None:
                saves[step] = self.save(live, step, self.shared.folder / f"{key}-{step}.zip")

            return act

        key = len(self.shared.savings)
        with preserved_streams():
            live = self.build()
            if 0 in steps:
                save_at(0)(live)
            at = self.finish(live, min(steps), {step: save_at(step) for step in steps if step})
        return saves, at

    @cached_property
    def resumed(self) -> Resumed:
        """The run that comes from the file of the saving arm, in as many cycles as asked for."""
        loads: list[Load] = []
        with preserved_streams():
            try:
                for again, load in self.loading():
                    loads.append(load)
                    live = again
                return Resumed(loads=tuple(loads), course=self.finish(live, load.step))
            except HarnessError:
                raise
            except Exception as error:  # whatever a foreign subject raises after a load
                if not loads:
                    raise
                return Resumed(loads=tuple(loads), course={}, error=error)

    def loading(self) -> Iterator[tuple[Any, Load]]:
        """The run after each load, saved and loaded again for every cycle of the scenario."""
        save, _ = self.saving
        for cycle, later in enumerate((*self.scenario.save_points[1:], None), start=1):
            live = self.load(save.path)
            yield live, Load(step=save.step, saved=save.after, loaded=self.capture(live))
            if later is not None:
                save = self.save_later(live, save.step, later, cycle)

    def build(self, scenario: Scenario | None = None) -> Any:
        """A fresh run, all global streams seeded by the scenario."""
        scenario = scenario or self.scenario
        seed_all(scenario.seed)
        live = self.subject.build(scenario)
        if live is None:
            raise InvalidSubject(
                f"{self.subject.name}: building returned None, expected the object to train; "
                "return it from the factory"
            )
        return live

    def save(self, live: Any, step: int, path: Path) -> Save:
        """Saves the run, and looks at it before and after."""
        before = self.capture(live)
        self.write(live, path)
        return Save(step=step, before=before, after=self.capture(live), path=path)

    def write(self, live: Any, path: Path) -> None:
        """Writes the file, and takes what the scenario's medium takes beside it."""
        self.subject.save(live, path)
        self.shared.taken[path] = take(self.subject, live, self.scenario.medium)

    def load(self, path: Path) -> Any:
        """The run read back into a poisoned target, every global stream moved elsewhere before."""
        again = self.shared.taken.get(path)
        if again is not None:
            return again(lambda: self._read(path), lambda: self.trained(self.other_seed))
        return self._read(path)

    def _read(self, path: Path) -> Any:
        memory = self.scenario.medium == "memory"
        source = io.BytesIO(path.read_bytes()) if memory else path
        poison(self.other_seed)
        return self.subject.load(source, self.scenario)

    @property
    def other_seed(self) -> int:
        """A seed that no run of this scenario has."""
        return (self.scenario.seed + 7919) % 2**32

    def advance(self, live: Any, done: int, until: int) -> None:
        """Trains on by a call of its own."""
        if until > done:
            self.subject.train(live, until=until, visits={})

    def visit(self, live: Any, done: int, step: int, act: Callable[[Any], None]) -> None:
        """Trains to a step, acts there on the run and stops it, as a killed process would."""

        def act_and_stop(live: Any) -> None:
            act(live)
            raise Stop

        if self.between_calls or step == done:
            self.advance(live, done, step)
            act(live)
            return
        try:
            self.subject.train(live, until=self.scenario.length, visits={step: act_and_stop})
        except Stop:
            return
        raise self.not_visited(step)

    def save_later(self, live: Any, done: int, step: int, cycle: int) -> Save:
        """Trains to a later save point, saves there and stops."""
        taken: list[Save] = []
        path = self.folder / f"{cycle}.zip"
        self.visit(live, done, step, lambda live: taken.append(self.save(live, step, path)))
        return taken[0]

    def finish(self, live: Any, after: int, extra: Visits | None = None) -> dict[int, Snapshot]:
        """Trains to the end; the states at every boundary after a step, and at the end."""
        taken: dict[int, Snapshot] = {}

        def visit(step: int) -> Callable[[Any], None]:
            def act(live: Any) -> None:
                if extra and step in extra:
                    extra[step](live)
                if step in self.boundaries and step > after:
                    taken[step] = self.capture(live)

            return act

        steps = {step for step in self.boundaries if step > after} | {*(extra or {})}
        self.subject.train(live, until=self.scenario.length, visits={s: visit(s) for s in steps})
        if passed_by := steps - taken.keys() - {*(extra or {})}:
            raise self.not_visited(min(passed_by))
        taken[self.scenario.length + 1] = self.capture(live)  # after the last update
        return taken

    def roots(self, live: Any) -> Mapping[str, Any]:
        """The objects whose graphs are the state: the subject's, and the global streams."""
        return {**self.subject.roots(live), "streams": global_streams()}

    def capture(self, live: Any) -> Snapshot:
        """The live state of a run, global streams included."""
        snapshot = capture_roots(self.roots(live), tuple(self.subject.exclusions))
        self.used |= {pattern for _, pattern in snapshot.excluded}
        return snapshot

    def compare(self, expected: Snapshot, got: Snapshot) -> Diff:
        """The differences between two snapshots."""
        self.compared += len(expected.rows)
        # an edge that is cut where it was met may still show where only one of the two has it
        found = compare(expected, got).mismatches
        return Diff(mismatches=tuple(m for m in found if not self.excluded(str(m.keypath))))

    def count_moved(self, before: Snapshot, after: Snapshot) -> int:
        """How many leaves differ between two states of a run.

        Streams that the harness itself keeps for the subject are none of the subject's doing.
        """
        kept = getattr(self.subject, "keeps_streams", False)
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

    def first_difference(
        self, expected: Mapping[int, Snapshot], got: Mapping[int, Snapshot]
    ) -> Diff:
        """The earliest boundary at which two runs differ; `step` then says which."""
        for step, snapshot in sorted(got.items()):
            if diff := self.compare(expected[step], snapshot):
                self.step = step
                return diff
        return Diff()

    def future(self, at: Mapping[int, Snapshot]) -> Diff:
        """How the boundaries of a run differ from those of the run that never stopped.

        Where splitting `train` in two already changes the run, the split one is the reference:
        the checkpoint is not to blame.
        """
        diff = self.first_difference(self.uninterrupted.at, at)
        if diff and self.between_calls:
            diff = self.first_difference(self.segmented.at, at)
        return diff

    def trained(self, seed: int) -> Any:
        """A run of its own, trained to the save point by one call that ends there."""
        with preserved_streams():
            live = self.build(dataclasses.replace(self.scenario, seed=seed))
            self.advance(live, 0, self.scenario.save_at)
            return live

    def not_visited(self, step: int) -> HarnessError:
        """What is raised when a subject does not keep the promise of `train`."""
        return InvalidSubject(
            f"{self.subject.name} did not pass step {step} on its way to {self.scenario.length}: "
            "expected train(live, until, visits) to call visits[t] when t steps are done"
        )

    def _course(self, after: int) -> Course:
        with preserved_streams():
            live = self.build()
            fresh = self.capture(live)
            return Course(fresh=fresh, at=self.finish(live, after))
