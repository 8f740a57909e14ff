"""What the checks of one scenario have shown, and who is to blame for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

from ..causes import ranks
from ..causes.attribution import Attribution, Operation
from ..causes.operation import first_operation
from ..causes.outcomes import outcome_of
from ..causes.search import attribute
from ..checks import CHECKS, Aspect, Cost, aspect_of
from ..core.errors import HarnessError, NotApplicable, is_unsupported
from ..core.pace import Deadline, Progress, Watch
from ..state.compare import Diff
from ..trial.finding import Finding
from ..trial.reference import Outcome
from ..trial.trial import Trial
from .raising import place_of, text_of
from .verdict import Raised, Record, Skipped, Spared, Verdict

# no check of a checkpoint, but what FLAKY rests on: the run that never stopped, once more
REPEAT = "repeat"
# what stands for a value that is noise
_ANY = "a value that no other run has"
_NOT_REENTRANT = (
    "train() is not re-entrant: two calls differ from one without any checkpoint (first at step "
    "{step}: {mismatch}); the resumed run is compared with the run in two calls"
)


@final
class Judgement:
    """What the checks showed so far."""

    def __init__(self, trial: Trial, deadline: Deadline, watch: Watch) -> None:
        self.trial = trial
        self.deadline = deadline
        self.watch = watch
        self.not_run: list[str] = []
        self.verdict = Verdict.EXACT
        self.findings: list[Finding] = []
        self.raised: Raised | None = None
        self.skipped: list[Skipped] = []
        self.spared: list[Spared] = []
        self.notes: list[str] = []
        self.unsupported = False
        self.passed = 0
        self.strict = trial.capabilities.strict
        self.attribution: Attribution | None = None
        self.found: dict[int, Attribution] = {}
        self.operation: Operation | None = None

    def judge_all(self, checks: Sequence[str]) -> None:
        """Runs the checks, the first in any case and the others while there is time."""
        self.not_run = list(checks)
        for number, check in enumerate(checks, start=1):
            if self.deadline.seconds is not None and CHECKS[check].cost is Cost.HIGH:
                self.trace_early()
            if number > 1 and self.deadline.is_over:
                return
            self.watch(Progress(check=check, number=number, of=len(checks)))
            self.judge(check)
            self.not_run.remove(check)

    def trace_early(self) -> None:
        """Searches for the causes while there is time: they say more than what costs much does."""
        traceable = self.raised is None and any(map(_of_load, self.findings))
        if self.found or self.strict or not traceable or ranks.count() > 1:
            return
        if self.trial.control.flaky:
            return
        cycle, outcome = self.aftermath
        if outcome.spreading and not self.deadline.is_over:
            self.search(cycle)

    def judge(self, check: str) -> None:
        """Runs one check, unless the subject has already raised."""
        if self.raised is not None:
            return
        try:
            finding = CHECKS[check](self.trial)
        except NotApplicable as reason:
            self.skipped.append(Skipped(check=check, reason=str(reason)))
        except Exception as error:  # whatever a foreign subject raises is a result
            self.judge_error(check, error)
        else:
            self.passed += 1
            self.spared += [Spared(check=check, reason=note) for note in finding.notes]
            if finding:
                self.findings.append(dataclasses.replace(finding, notes=()))

    def judge_error(self, check: str, error: Exception) -> None:
        """Tells what is not supported, by the class of the exception, from what went wrong.

        Raises:
            HarnessError: the harness itself could not go on.
        """
        if is_unsupported(error):
            self.unsupported = True
            self.skipped.append(Skipped(check=check, reason=str(error)))
        elif isinstance(error, HarnessError):
            raise error
        else:
            self.verdict = Verdict.ERROR
            self.raised = Raised(
                check=check, type=type(error).__name__, text=text_of(error), where=place_of(error)
            )

    def conclude(self, attribution: bool | None) -> None:
        """Decides on the verdict: who is to blame for a difference, if anyone is."""
        if self.raised is None and not self.findings:
            if self.unsupported or not self.passed:
                self.verdict = Verdict.UNSUPPORTED
            return
        if self.raised is None:
            self.verdict = self.blame()
        # where the resumed run raised, what a load lost may tell why
        traceable = self.trial.error is not None or any(map(_of_load, self.findings))
        wanted = not self.strict if attribution is None else attribution
        if wanted and any(ranks.of_all(traceable and self.verdict is not Verdict.FLAKY)):
            self.attribute()

    def attribute(self) -> None:
        """Traces the difference to its cause; where nothing spreads, the future has decided."""
        raised = self.trial.error
        cycle, outcome = (len(self.trial.loads) - 1, None) if raised else self.aftermath
        spreads = outcome is None or bool(outcome.spreading)
        loads = [load for load in ranks.of_all(cycle if spreads else None) if load is not None]
        found = self.search(min(loads)) if loads else None
        if outcome is None or spreads:
            self.attribution = found
            if raised and found and found.complete and found.causes:
                self.explain_error()
            return
        self.attribution = outcome_of(self.trial, cycle, outcome)
        contained = self.attribution.contained
        if not self.strict and all(map(self.trial.control.is_stream, contained)):
            self.acquit(self.attribution)

    def search(self, cycle: int) -> Attribution | None:
        """Searches for the causes while there is time, once a load; tells of every run it takes."""
        if cycle in self.found:
            return self.found[cycle]
        if any(ranks.of_all(self.deadline.is_over)):
            self.notes.append("the budget was spent before the causes were searched for")
            return None

        def tell(evaluation: int, at_most: int) -> None:
            step = Progress(check="causes", number=1, of=1, evaluation=evaluation, at_most=at_most)
            self.watch(step)

        self.found[cycle] = attribute(self.trial, cycle, deadline=self.deadline, tell=tell)
        return self.found[cycle]

    def broken_off(self, seconds: float) -> Record:
        """Returns what is known where the run was interrupted; nobody is blamed for more.

        What a load left behind has not been judged: it may change nothing.
        """
        judged = [finding for finding in self.findings if not _of_load(finding)]
        open_ = [finding.check for finding in self.findings if _of_load(finding)]
        self.findings = judged
        if self.raised is None and judged:
            self.verdict = Verdict.DIFFERS
        elif self.raised is None:  # what was not judged is not EXACT
            self.verdict = Verdict.UNSUPPORTED
        tail = f"; differences that were not judged yet: {', '.join(open_)}" if open_ else ""
        self.notes.append(f"interrupted: what is listed is what was known then{tail}")
        return self.record(seconds)

    @property
    def aftermath(self) -> tuple[int, Outcome]:
        """What became of what the loads lost, and after which load."""
        return self.trial.control.aftermath

    def explain_error(self) -> None:
        """A loss explains that the resumed run raised: it differs, and nothing else is wrong."""
        self.notes.append(f"the resumed run raises: {self.raised}")
        self.raised, self.verdict = None, Verdict.DIFFERS

    def acquit(self, found: Attribution) -> None:
        """Drops the differences that a load leaves behind and that change nothing to the end."""
        if found.contained:
            streams = ", ".join(str(mismatch.keypath) for mismatch in found.contained)
            self.notes.append(
                f"contained: {streams} comes back otherwise, and what is drawn from it reaches "
                "nothing up to the end"
            )
        count = len(found.inert) + len(found.healed)
        if count:
            leaves = "1 leaf differs" if count == 1 else f"{count} leaves differ"
            change = "changes" if count == 1 else "change"
            self.notes.append(f"{leaves} after the load and {change} nothing up to the end")
        self.findings = [finding for finding in self.findings if not _of_load(finding)]
        self.verdict = Verdict.DIFFERS if self.findings else Verdict.EXACT

    def blame(self) -> Verdict:
        """Returns whether the subject repeats itself and had any chance, and what was lost."""
        trial = self.trial
        if trial.control.flaky:
            again = trial.first_difference(trial.uninterrupted.at, trial.repeat.at)
            if again is not None:
                self.findings.insert(0, dataclasses.replace(again, check=REPEAT))
            self.operation = first_operation(trial)
            return Verdict.FLAKY
        if trial.session.between_calls:
            self.tell_reentrance()
        return Verdict.LOST_WORK if self.lost_work() else Verdict.DIFFERS

    def tell_reentrance(self) -> None:
        """Notes where calls of `train` already change the run, without any checkpoint."""
        trial = self.trial
        split = trial.difference_without_noise(trial.uninterrupted.at, trial.segmented.at)
        if split:
            first = split.diff.mismatches[0]
            self.notes.append(_NOT_REENTRANT.format(step=split.step, mismatch=first))

    def lost_work(self) -> bool:
        """Whether what was loaded is an older state of the run: whole, but out of date."""
        older = [(0, self.trial.uninterrupted.fresh)]
        for load in self.trial.loads:
            lost = self.trial.compare(load.saved, load.loaded)
            # a single leaf that is out of date is forgotten: no older state is to be seen in it
            if _count_of_state(lost) > 1 and any(
                _of_streams(self.trial.compare(snapshot, load.loaded))
                for step, snapshot in older
                if step < load.step
            ):
                return True
            older.append((load.step, load.saved))
        return False

    def without_values_of_noise(self, finding: Finding) -> Finding:
        """The same without what is another value in every run, so that the record is the same."""
        control = self.trial.control
        noise = {*control.known_noise}
        if not noise or self.verdict is Verdict.FLAKY:
            return finding
        mismatches = (
            dataclasses.replace(m, expected=_ANY, got=_ANY, stats="")
            if control.covers(m.keypath) or str(m.keypath) in noise
            else m
            for m in finding.diff.mismatches
        )
        return dataclasses.replace(finding, diff=Diff(mismatches=tuple(mismatches)))

    def record(self, seconds: float) -> Record:
        """What has been found, as data."""
        trial = self.trial
        shown = trial.has_shown_movement
        moved, moved_later = trial.movement.counts if shown else (None, None)
        coverage = trial.movement.coverage if shown else None
        healed = self.attribution.healed if self.attribution else ()
        better = trial.movement.better_save_points(m.keypath for m in healed) if shown else ()
        return Record(
            subject=trial.subject.name,
            scenario=trial.scenario,
            verdict=self.verdict,
            findings=tuple(map(self.without_values_of_noise, self.findings)),
            raised=self.raised,
            skipped=tuple(self.skipped),
            spared=tuple(self.spared),
            notes=tuple(self.notes),
            noise=trial.control.known_noise,
            state_moved=coverage.moved if coverage else None,
            untested=tuple(map(str, coverage.untested)) if coverage else (),
            better_save_at=better,
            attribution=self.attribution,
            operation=self.operation,
            compared=trial.compared,
            moved=moved,
            moved_later=moved_later,
            seconds=round(seconds, 3),
            used=frozenset(trial.session.used),
            expected=trial.expected.outcome,
            not_run=tuple(self.not_run),
        )


def _of_load(finding: Finding) -> bool:
    """Whether it is of what a load leaves behind, which may or may not change the future.

    A check in another process has judged so itself: what it saw is not what this one has seen.
    """
    aspect = aspect_of(finding.check)
    return Aspect.LOADED in aspect and Aspect.ELSEWHERE not in aspect


def _count_of_state(diff: Diff) -> int:
    """How many leaves differ that are no random streams."""
    return sum(mismatch.keypath.segments[0] != "streams" for mismatch in diff.mismatches)


def _of_streams(diff: Diff) -> bool:
    """Whether nothing but random streams differs."""
    return all(mismatch.keypath.segments[0] == "streams" for mismatch in diff.mismatches)
