"""Runs one scenario: the arms of a life, compared bit for bit at every boundary.

```
uninterrupted   build, train to the end                       never saves
saving          build, train, save at the save point, go on   purity: before = after, future equal
resumed         poison, load, (save, load) x cycles, go on    roundtrip, and every boundary equal
control         the uninterrupted run once more               only when something differs: FLAKY?
```
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path
from typing import Any, final

from harness.capture import capture_roots, global_streams
from harness.compare import Diff, compare
from harness.errors import HarnessError
from harness.randomness import poison, preserved_streams, seed_all
from harness.scenario import Scenario
from harness.snapshot import Snapshot
from harness.subjects import Subject, Visits
from harness.verdict import Finding, Record, Verdict


def run(subject: Subject, scenario: Scenario) -> Record:
    """Runs every arm of a scenario; global streams are as before when it returns.

    What the subject raises is a verdict, ERROR (or UNSUPPORTED, where its message says so); what
    the harness cannot do is raised.

    Raises:
        HarnessError: the live state could not be captured.
    """
    start = time.perf_counter()
    trial = Trial(subject, scenario)
    with preserved_streams(), tempfile.TemporaryDirectory() as folder:
        try:
            trial.run(Path(folder))
        except HarnessError:
            raise
        except Exception as error:  # whatever a foreign subject raises is a result
            unsupported = str(error).startswith("UNSUPPORTED")
            trial.verdict = Verdict.UNSUPPORTED if unsupported else Verdict.ERROR
            trial.error = f"{type(error).__name__}: {error}"
    return trial.record(time.perf_counter() - start)


class _Stop(BaseException):
    """Ends a run at a save point, as a killed process would."""


@final
class Trial:
    """One subject under one scenario: what its arms showed."""

    def __init__(self, subject: Subject, scenario: Scenario) -> None:
        self.subject = subject
        self.scenario = scenario
        self.verdict = Verdict.EXACT
        self.findings: list[Finding] = []
        self.error = ""
        self.used: set[str] = set()
        self.compared = self.moved = self.moved_later = 0
        self.boundaries = [step for step in subject.boundaries(scenario) if step > scenario.save_at]

    def run(self, folder: Path) -> None:
        """The arms one after another; a finding in one does not stop the next."""
        reference, fresh = self.uninterrupted()
        saved = self.saving(folder / "0.zip", reference)
        self.moved = len(self.compare(fresh, saved).mismatches)
        end = max(reference)
        self.moved_later = len(self.compare(saved, reference[end]).mismatches)
        self.resumed(folder, saved, reference)
        if self.findings:
            self.verdict = Verdict.DIFFERS
            again, _ = self.uninterrupted()
            flaky = [s for s in reference if self.compare(reference[s], again[s]).mismatches]
            if flaky:
                self.verdict = Verdict.FLAKY

    def record(self, seconds: float) -> Record:
        """What has been found so far."""
        return Record(
            subject=self.subject.name,
            scenario=self.scenario,
            verdict=self.verdict,
            findings=tuple(self.findings),
            error=self.error,
            compared=self.compared,
            moved=self.moved,
            moved_later=self.moved_later,
            seconds=seconds,
            used=frozenset(self.used),
        )

    def uninterrupted(self) -> tuple[dict[int, Snapshot], Snapshot]:
        """The run that never stops: its boundaries by step, and its fresh build."""
        live = self.build()
        fresh = self.capture(live)
        return self.finish(live), fresh

    def saving(self, target: Path, reference: dict[int, Snapshot]) -> Snapshot:
        """Saves at the save point and goes on; returns the state that was saved."""
        live = self.build()
        taken: list[Snapshot] = []

        def save(live: Any) -> None:
            before = self.capture(live)
            self.subject.save(live, target)
            taken.append(self.capture(live))
            self.judge("purity", self.scenario.save_at, before, taken[0])

        if self.scenario.save_at == 0:
            save(live)
        for step, snapshot in self.finish(live, {self.scenario.save_at: save}).items():
            self.judge("purity", step, reference[step], snapshot)
        return taken[0]

    def resumed(self, folder: Path, saved: Snapshot, reference: dict[int, Snapshot]) -> None:
        """Loads into a poisoned target, once a cycle, and finishes the run."""
        live, step = self.load(folder / "0.zip"), self.scenario.save_at
        self.judge("roundtrip", step, saved, self.capture(live))
        for cycle, step in enumerate(self.scenario.save_points[1:], start=1):
            target = folder / f"{cycle}.zip"
            saved = self.advance_and_save(live, step, target)
            live = self.load(target)
            self.judge("roundtrip", step, saved, self.capture(live))
        for boundary, snapshot in self.finish(live, after=step).items():
            self.judge("resume", boundary, reference[boundary], snapshot)

    def advance_and_save(self, live: Any, step: int, target: Path) -> Snapshot:
        """Trains to a later save point, saves there and stops, as a killed process would."""
        taken: list[Snapshot] = []

        def save(live: Any) -> None:
            self.subject.save(live, target)
            taken.append(self.capture(live))

        def save_and_stop(live: Any) -> None:
            save(live)
            raise _Stop

        if self.scenario.gap == 0:
            save(live)
            return taken[0]
        try:
            self.subject.train(live, until=self.scenario.length, visits={step: save_and_stop})
        except _Stop:
            return taken[0]
        raise HarnessError(
            f"{self.subject.name} did not pass step {step} on its way to {self.scenario.length}: "
            "expected train(live, until, visits) to call visits[t] when t steps are done"
        )

    def build(self) -> Any:
        """A fresh run, all global streams seeded by the scenario."""
        seed_all(self.scenario.seed)
        return self.subject.build(self.scenario)

    def load(self, source: Path) -> Any:
        """The run read back, with every global stream moved elsewhere before."""
        poison(self.scenario.seed + 1)
        if self.scenario.medium == "file":
            return self.subject.load(source, self.scenario)
        return self.subject.load(io.BytesIO(source.read_bytes()), self.scenario)

    def finish(
        self, live: Any, extra: Visits | None = None, after: int = -1
    ) -> dict[int, Snapshot]:
        """Trains to the end; returns the state at every boundary after `after`, and at the end."""
        taken: dict[int, Snapshot] = {}

        def visit(step: int) -> Any:
            def act(live: Any) -> None:
                if extra and step in extra:
                    extra[step](live)
                if step in self.boundaries and step > after:
                    taken[step] = self.capture(live)

            return act

        steps = {*self.boundaries, *(extra or {})}
        self.subject.train(live, until=self.scenario.length, visits={s: visit(s) for s in steps})
        taken[self.scenario.length + 1] = self.capture(live)  # after the last update
        return taken

    def capture(self, live: Any) -> Snapshot:
        """The live state of a run, global streams included."""
        roots = {**self.subject.roots(live), "streams": global_streams()}
        snapshot = capture_roots(roots, tuple(self.subject.exclusions))
        self.used |= {pattern for _, pattern in snapshot.excluded}
        return snapshot

    def compare(self, expected: Snapshot, got: Snapshot) -> Diff:
        """The differences between two snapshots."""
        self.compared += len(expected.rows)
        # an edge that is cut in both may still be there in one of them only
        return compare(expected, got, tuple(self.subject.exclusions))

    def judge(self, check: str, step: int, expected: Snapshot, got: Snapshot) -> None:
        """Notes a finding where a law does not hold."""
        diff = self.compare(expected, got)
        if diff.mismatches:
            self.findings.append(Finding(check=check, step=step, diff=diff))
