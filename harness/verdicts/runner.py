"""Runs the checks of a scenario and puts what they showed into one record."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import final

from ..causes.attribution import Attribution
from ..causes.search import attribute, harmless
from ..checks import CHECKS
from ..core.errors import HarnessError, NotApplicable, StepFailed, UnknownCheck
from ..core.randomness import preserved_streams
from ..core.scenario import Scenario
from ..state.compare import Diff
from ..subjects.protocol import Subject
from ..trial.runs import Shared
from ..trial.trial import Trial
from .verdict import Finding, Record, Verdict

DEFAULT_CHECKS = ("purity", "roundtrip", "resume")
# differences that a load leaves behind, which may or may not change the future
_OF_LOAD = ("roundtrip", "resume", "completeness", "fresh_process")
_HERE = Path(__file__).parent
# no law of a checkpoint, but what FLAKY rests on: the run that never stopped, once more
REPEAT = "repeat"
_NOT_REENTRANT = (
    "train() is not re-entrant: two calls differ from one without any checkpoint (first at step "
    "{step}: {mismatch}); the resumed run is compared with the run in two calls"
)


def run(
    subject: Subject,
    scenario: Scenario,
    checks: Sequence[str] = DEFAULT_CHECKS,
    *,
    attribution: bool | None = None,
) -> Record:
    """Runs the named checks on one scenario; global streams are as before when it returns.

    For a subject that is not `strict` the future decides: what differs after a load and changes
    nothing up to the end is noted, and is no failure.

    What the subject raises is a verdict, ERROR (or UNSUPPORTED, where its message says so); what
    the harness cannot do is raised.

    Args:
        subject: what is under test.
        scenario: one life of it.
        checks: names of `checks.CHECKS`.
        attribution: whether a difference is traced to its cause; only where the subject is not
            `strict` if None.

    Raises:
        HarnessError: a check does not exist, or the live state could not be captured.
    """
    return next(run_many(subject, [scenario], checks, attribution=attribution))


def run_many(
    subject: Subject,
    scenarios: Iterable[Scenario],
    checks: Sequence[str] = DEFAULT_CHECKS,
    *,
    attribution: bool | None = None,
) -> Iterator[Record]:
    """As `run`, for scenarios that share one reference run where only the save differs."""
    require_checks(checks)
    listed = list(scenarios)
    shared = Shared(listed)
    for scenario in listed:
        start = time.perf_counter()
        judgement = _Judgement(Trial(subject, scenario, shared))
        with preserved_streams():
            for check in checks:
                judgement.judge(check)
            judgement.conclude(attribution)
        yield judgement.record(time.perf_counter() - start)


def require_checks(names: Iterable[str], where: str = "checks=") -> tuple[str, ...]:
    """The names, if all are those of checks.

    Args:
        names: what was given.
        where: how the message calls the place where it was given.

    Raises:
        UnknownCheck: lists those that are not, and the valid ones.
    """
    listed = (names,) if isinstance(names, str) else tuple(names)
    unknown = [name for name in listed if name not in CHECKS]
    if isinstance(names, str) or unknown:
        raise UnknownCheck(where, unknown or listed, sorted(CHECKS))
    return listed


@final
class _Judgement:
    """What the checks showed so far."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.verdict = Verdict.EXACT
        self.findings: list[Finding] = []
        self.error = self.unsupported = ""
        self.notes: list[str] = []
        self.passed = 0
        self.strict = bool(getattr(trial.subject, "strict", False))
        self.attribution: Attribution | None = None

    def judge(self, check: str) -> None:
        """Runs one check, unless the subject has already raised."""
        if self.verdict is Verdict.ERROR:
            return
        self.trial.step = self.trial.scenario.save_at
        try:
            diff = CHECKS[check](self.trial)
        except NotApplicable as reason:
            self.notes.append(f"{check} does not apply: {reason}")
        except HarnessError:
            raise
        except Exception as error:  # whatever a foreign subject raises is a result
            told = f"{type(error).__name__}: {error}{_where(error)}"
            if str(error).startswith("UNSUPPORTED"):  # as foreign code says it
                self.unsupported = self.unsupported or f"{check}: {told}"
                self.notes.append(f"{check} does not apply: {told}")
                return
            self.verdict = Verdict.ERROR
            self.error = f"{check}: {told}"
        else:
            self.passed += 1
            if diff:
                self.findings.append(Finding(check=check, step=self.trial.step, diff=diff))

    def conclude(self, attribution: bool | None) -> None:
        """The verdict: who is to blame for a difference, if anyone is."""
        if self.verdict is Verdict.EXACT and not self.findings:
            if self.unsupported or not self.passed:
                self.verdict, self.error = Verdict.UNSUPPORTED, self.unsupported
            return
        raised = self.verdict is Verdict.ERROR
        if not raised:
            self.verdict = self.blame()
        of_load = any(finding.check in _OF_LOAD for finding in self.findings)
        wanted = not self.strict if attribution is None else attribution
        if self.verdict is Verdict.FLAKY or not (of_load or self.raised_after_a_load()):
            return
        if wanted:
            self.attribute()

    def raised_after_a_load(self) -> bool:
        """Whether it was the resumed run that raised, so that what a load lost may tell why."""
        resumed = vars(self.trial).get("resumed")
        return resumed is not None and resumed.error is not None

    def attribute(self) -> None:
        """Traces the difference to its cause; where there is none, the future has decided."""
        self.attribution = found = attribute(self.trial)
        if self.strict or not found.complete or found.causes or not harmless(self.trial):
            return
        self.notes.append(
            f"{len(found.inert)} leaves differ after the load and change nothing up to the end"
        )
        self.findings = [
            finding
            for finding in self.findings
            if finding.check not in _OF_LOAD or self.only_elsewhere(finding)
        ]
        if self.verdict is not Verdict.ERROR:
            self.verdict = Verdict.DIFFERS if self.findings else Verdict.EXACT
        self.attribution = None  # nothing is left that it could explain

    def only_elsewhere(self, finding: Finding) -> bool:
        """Whether another process lost what no load of this one has lost: nothing excuses that."""
        if finding.check != "fresh_process":
            return False
        load = self.trial.resumed.loads[0]
        here = {m.keypath for m in self.trial.compare(load.saved, load.loaded).mismatches}
        return any(mismatch.keypath not in here for mismatch in finding.diff.mismatches)

    def blame(self) -> Verdict:
        """Whether the subject repeats itself and had any chance, and what was lost."""
        trial = self.trial
        if again := trial.first_difference(trial.uninterrupted.at, trial.repeat.at):
            self.findings.insert(0, Finding(check=REPEAT, step=trial.step, diff=again))
            return Verdict.FLAKY
        if trial.between_calls:
            split = trial.first_difference(trial.uninterrupted.at, trial.segmented.at)
            if split:
                first = split.mismatches[0]
                self.notes.append(_NOT_REENTRANT.format(step=trial.step, mismatch=first))
        return Verdict.LOST_WORK if self.lost_work() else Verdict.DIFFERS

    def lost_work(self) -> bool:
        """Whether what was loaded is an older state of the run: whole, but out of date."""
        if "resumed" not in vars(self.trial):
            return False
        older = [(0, self.trial.uninterrupted.fresh)]
        for load in self.trial.resumed.loads:
            lost = self.trial.compare(load.saved, load.loaded)
            if not _of_streams(lost) and any(
                _of_streams(self.trial.compare(snapshot, load.loaded))
                for step, snapshot in older
                if step < load.step
            ):
                return True
            older.append((load.step, load.saved))
        return False

    def record(self, seconds: float) -> Record:
        """What has been found, as data."""
        trial = self.trial
        moved, moved_later = self.movement()
        return Record(
            subject=trial.subject.name,
            scenario=trial.scenario,
            verdict=self.verdict,
            findings=tuple(self.findings),
            error=self.error,
            notes=tuple(self.notes),
            attribution=self.attribution,
            compared=trial.compared,
            moved=moved,
            moved_later=moved_later,
            seconds=seconds,
            used=frozenset(trial.used),
        )

    def movement(self) -> tuple[int, int] | tuple[None, None]:
        """How many leaves moved before the save point and after it; None where nobody looked."""
        trial = self.trial
        if "saving" not in vars(trial) or "uninterrupted" not in vars(trial):
            return None, None
        return trial.movement


def _of_streams(diff: Diff) -> bool:
    """Whether nothing but random streams differs."""
    return all(mismatch.keypath.segments[0] == "streams" for mismatch in diff.mismatches)


def _where(error: BaseException) -> str:
    """The place in foreign code that raised; nothing where only the harness was running."""
    raised = error.cause if isinstance(error, StepFailed) else error
    frames = traceback.extract_tb(raised.__traceback__)
    foreign = [frame for frame in frames if not Path(frame.filename).is_relative_to(_HERE)]
    if not foreign:
        return ""
    own = [frame for frame in foreign if "site-packages" not in frame.filename]
    last = (own or foreign)[-1]
    return f" (in {last.name}, {last.filename}:{last.lineno})"
