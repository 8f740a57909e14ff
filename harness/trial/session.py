"""What can be done with one subject in one scenario: build, train, save, load and look."""

from __future__ import annotations

import copy
import dataclasses
import io
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, final

from ..core.errors import HarnessError, InvalidSubject, NotApplicable
from ..core.keypath import compiled
from ..core.randomness import poison, preserved_streams, seed_all
from ..core.scenario import Scenario
from ..state.capture import capture_roots, global_streams
from ..state.diff import differences
from ..state.mismatch import Mismatch
from ..state.snapshot import Snapshot
from ..subjects.capabilities import capabilities_of
from ..subjects.protocol import Subject, Visits
from ..transplant.sites import Graph, graph_of
from .media import Again, take
from .runs import Save, temporary_folder
from .unwritable import unwritable


class Stop(BaseException):
    """Ends a run at a save point, as a killed process would."""


@final
class Session:
    """One subject in one scenario, and the live runs that are made of it.

    Args:
        subject: what is built, trained, saved and loaded.
        scenario: how.
        taken: what a medium has taken beside a file, by its path; shared with other sessions.

    Attributes:
        between_calls: whether the subject can be saved only between two calls of `train`.
        boundaries: the steps at which the runs are looked at.
        used: patterns of the exclusions that have covered something so far.
    """

    def __init__(
        self,
        subject: Subject,
        scenario: Scenario,
        taken: MutableMapping[Path, Again | None] | None = None,
    ) -> None:
        self.subject = subject
        self.scenario = scenario
        self.taken = {} if taken is None else taken
        self.between_calls = capabilities_of(subject).between_calls
        self.boundaries = frozenset(subject.boundaries(scenario))
        self.used: set[str] = set()

    @cached_property
    def folder(self) -> Path:
        """Where its checkpoints lie; removed with it."""
        return temporary_folder(self)

    @property
    def other_seed(self) -> int:
        """A seed that no run of this scenario has."""
        return (self.scenario.seed + 7919) % 2**32

    def build(self, scenario: Scenario | None = None) -> Any:
        """Returns a fresh run, all global streams seeded by the scenario.

        Raises:
            InvalidSubject: building returned None.
        """
        scenario = scenario or self.scenario
        seed_all(scenario.seed)
        live = self.subject.build(scenario)
        if live is None:
            raise InvalidSubject(
                f"{self.subject.name}: building returned None, expected the object to train; "
                "return it from the factory"
            )
        return live

    def trained(self, seed: int, until: int | None = None) -> Any:
        """Returns a run of its own, trained by one call to the save point, or to another step."""
        with preserved_streams():
            live = self.build(dataclasses.replace(self.scenario, seed=seed))
            self.advance(live, 0, self.scenario.save_at if until is None else until)
            return live

    def save(self, live: Any, step: int, path: Path) -> Save:
        """Saves a run, and looks at it before and after."""
        before = self.capture(live)
        self.write(live, path)
        return Save(step=step, before=before, after=self.capture(live), path=path)

    def write(self, live: Any, path: Path) -> None:
        """Writes the file, and takes what the scenario's medium takes beside it."""
        try:
            self.subject.save(live, path)
            self.taken[path] = take(self.subject, live, self.scenario.medium)
        except HarnessError:
            raise
        except Exception as error:  # whatever a foreign save raises: which part it could not write
            part = unwritable(self.subject.roots(live), error)
            if part is not None:
                error.add_note(f"cannot be written: {part}")
            raise

    def load(self, path: Path) -> Any:
        """Returns the run read back into a poisoned target, every global stream moved before."""
        again = self.taken.get(path)
        if again is not None:
            return again(lambda: self._read(path), lambda: self.trained(self.other_seed))
        return self._read(path)

    def _read(self, path: Path) -> Any:
        source = self._source(path)
        poison(self.other_seed)
        return self.subject.load(source, self.scenario)

    def load_into(self, path: Path, target: Callable[[], Any]) -> Any:
        """As `load`, into a target that was made before, where the subject can.

        Args:
            path: of the file.
            target: returns the poisoned target; asked for when the file was read.
        """
        load_into = capabilities_of(self.subject).load_into
        if load_into is None:
            return self.load(path)
        source = self._source(path)
        poison(self.other_seed)
        return load_into(source, self.scenario, target)

    def _source(self, path: Path) -> Any:
        memory = self.scenario.medium == "memory"
        return io.BytesIO(path.read_bytes()) if memory else path

    @cached_property
    def stated(self) -> tuple[Snapshot, Any]:
        """The state of a run trained to the save point by one call, and what it has in memory.

        Raises:
            NotApplicable: it has nothing there.
        """
        live = self.trained(self.scenario.seed)
        read = capabilities_of(self.subject).state
        if read is None:
            raise NotApplicable(f"{self.subject.name} has no state in memory")
        with preserved_streams():
            return self.capture(live), copy.deepcopy(read(live))

    @cached_property
    def stateless(self) -> NotApplicable | None:
        """Why no run has a state in memory, asked of a fresh one; None where some may have one."""
        read = capabilities_of(self.subject).state
        with preserved_streams(), suppress(Exception):  # one that has trained may be able to
            live = self.build()
            try:
                if read is not None:
                    read(live)
            except NotApplicable as reason:
                return reason
        return None

    def advance(
        self, live: Any, done: int, until: int, seen: dict[int, Snapshot] | None = None
    ) -> None:
        """Trains on by a call of its own.

        Args:
            live: the run.
            done: the steps it has done.
            until: the steps to be done in all.
            seen: takes its states at the boundaries on the way; none are taken without it.
        """
        if until <= done:
            return

        def look(step: int) -> Callable[[Any], None]:
            def act(live: Any) -> None:
                if seen is not None:
                    seen[step] = self.capture(live)

            return act

        on_the_way = () if seen is None else (at for at in self.boundaries if done < at <= until)
        self.subject.train(live, until=until, visits={at: look(at) for at in on_the_way})

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
        saves: list[Save] = []
        path = self.folder / f"{cycle}.zip"
        self.visit(live, done, step, lambda live: saves.append(self.save(live, step, path)))
        return saves[0]

    def finish(self, live: Any, after: int, extra: Visits | None = None) -> dict[int, Snapshot]:
        """Trains to the end; returns the states at every boundary after a step, and at the end."""
        states: dict[int, Snapshot] = {}

        def visit(step: int) -> Callable[[Any], None]:
            def act(live: Any) -> None:
                if extra and step in extra:
                    extra[step](live)
                if step in self.boundaries and step > after:
                    states[step] = self.capture(live)

            return act

        steps = {step for step in self.boundaries if step > after} | {*(extra or {})}
        self.subject.train(live, until=self.scenario.length, visits={s: visit(s) for s in steps})
        if passed_by := steps - states.keys() - {*(extra or {})}:
            raise self.not_visited(min(passed_by))
        states[self.scenario.length + 1] = self.capture(live)  # after the last update
        return states

    def roots(self, live: Any) -> Mapping[str, Any]:
        """Returns the objects whose graphs are the state: the subject's, and global streams."""
        return {**self.subject.roots(live), "streams": global_streams()}

    def capture(self, live: Any) -> Snapshot:
        """Returns the live state of a run, global streams included."""
        snapshot = capture_roots(self.roots(live), tuple(self.subject.exclusions))
        self.used |= {pattern for _, pattern in snapshot.excluded}
        return snapshot

    @cached_property
    def library(self) -> Subject | None:
        """The library's own class that the subject is built on, as a subject, if there is one."""
        find = capabilities_of(self.subject).library
        if find is None:
            return None
        with preserved_streams():
            found: Subject | None = find(self.scenario)
        return found

    def differences(self, expected: Snapshot, got: Snapshot, *, worded: bool) -> list[Mismatch]:
        """Returns the differences between two states, without what is excluded.

        Args:
            expected: what must hold.
            got: what was found.
            worded: whether their texts are needed, which cost most of a comparison.
        """
        # an edge that is cut where it was met may still show where only one of the two has it
        listed = differences(expected, got, worded=worded)
        return [mismatch for mismatch in listed if not self._excluded(str(mismatch.keypath))]

    @cached_property
    def _excluded(self) -> Callable[[str], Any]:
        return compiled(*(item.pattern for item in self.subject.exclusions)).match

    def graph(self, live: Any) -> Graph:
        """Returns a run with its live objects, global streams included."""
        return graph_of(self.roots(live), tuple(self.subject.exclusions))

    def not_visited(self, step: int) -> InvalidSubject:
        """Returns what is raised when a subject does not keep the promise of `train`."""
        return InvalidSubject(
            f"{self.subject.name} did not pass step {step} on its way to {self.scenario.length}: "
            "expected train(live, until, visits) to call visits[t] when t steps are done"
        )
