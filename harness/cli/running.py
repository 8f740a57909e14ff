"""The commands that run scenarios: check and replay."""

from __future__ import annotations

import argparse
import dataclasses
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, final

from ..core.pace import Deadline
from .asked import (
    cases_of,
    checks_of,
    expected_of,
    import_modules,
    of_one_scenario,
    options_of,
)
from .baseline import update
from .outputs import Outputs
from .progress import Teller

if TYPE_CHECKING:
    from ..subjects.by_name import Case
    from ..verdicts.verdict import Record

Planned: TypeAlias = "tuple[Case, tuple[str, ...]]"
"""A case, and the names of the checks to run in it."""

INTERRUPTED = 130
_DIFFER = ("DIFFERS", "LOST_WORK")
_QUICK = 30.0  # seconds


def run_check(parsed: argparse.Namespace) -> int:
    """Runs the checks on a subject, on one given scenario or on its own short ones."""
    import_modules(parsed.modules)
    parsed.expected = expected_of(parsed)
    if parsed.update_baseline:
        return update(parsed)
    if parsed.baseline is not None:
        from ..verdicts.baseline import Baseline

        parsed.expected |= Baseline.read(parsed.baseline).of(parsed.target)
    own = not of_one_scenario(parsed)
    planned = list(cases_of(parsed, checks_of(parsed)))
    if parsed.quick:
        planned = _quick(planned)
    return _run(parsed, planned, follows_up=own and not parsed.quick)


def run_replay(parsed: argparse.Namespace) -> int:
    """Runs the cases of a file again."""
    from ..subjects.by_name import read_cases

    # a file names code: nothing is imported before all of it has been read and validated
    cases = read_cases(parsed.file, parsed.target, options_of(parsed))
    import_modules(parsed.modules)
    checks = checks_of(parsed)
    return _run(parsed, [(case, checks) for case in cases])


def _quick(planned: Sequence[Planned]) -> list[Planned]:
    """One scenario, and the checks that cost little."""
    from ..checks import CHECKS, Cost

    case, names = planned[0]
    return [(case, tuple(name for name in names if CHECKS[name].cost is Cost.LOW))]


def _run(parsed: argparse.Namespace, planned: list[Planned], *, follows_up: bool = False) -> int:
    """Runs cases, and where asked to, after the last, what shows what they have not."""
    budget = getattr(parsed, "budget", None)
    if budget is None and getattr(parsed, "quick", False):
        budget = _QUICK
    outputs, running = Outputs(parsed), _Running(planned, Deadline(budget), follows_up)
    interrupted = False
    try:
        for case, record in running.records():
            outputs.write(case, record)
    except KeyboardInterrupt:
        interrupted = True
        with_no_more_interrupts()
    records = running.done
    outputs.close(records, running.left_out(interrupted))
    if interrupted:
        return INTERRUPTED
    if not running.deadline.is_over:
        running.require_meaningful()
    return _status({record.verdict.value for record in records}) or outputs.require_floor(records)


def with_no_more_interrupts() -> None:
    """Lets what is known be written: whoever is impatient has been heard once."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def _status(verdicts: set[str]) -> int:
    return 1 if verdicts & {*_DIFFER} else 3 if verdicts - {"EXACT"} else 0


@final
class _Running:
    """The cases of one command as they are run.

    Args:
        planned: what to run.
        deadline: after which no scenario is begun but the first.
        follows_up: whether scenarios are added that show what these have not.
    """

    def __init__(self, planned: list[Planned], deadline: Deadline, follows_up: bool) -> None:
        self.planned = planned
        self.deadline = deadline
        self.follows_up = follows_up
        self.teller = Teller(deadline)
        self.done: list[Record] = []
        self._shown: dict[str, tuple[Any, list[Record], tuple[str, ...]]] = {}

    def records(self) -> Iterator[tuple[Case, Record]]:
        """Yields every case with its record.

        Raises:
            Interrupted: after the record of what was known then.
        """
        from ..subjects.by_name import require_available
        from ..verdicts.runner import Interrupted

        require_available(case for case, _ in self.planned)
        last = len(self.planned)
        for number, (case, names) in enumerate(self.planned, start=1):  # may grow by follow-ups
            if number > 1 and self.deadline.is_over:
                return
            self.teller.scenario(number, len(self.planned), case.scenario.length)
            try:
                record = self._record(case, names)
            except Interrupted as signal:
                self.teller.pause()
                self.done.append(signal.record)
                yield case, signal.record
                raise
            self.teller.pause()
            self.done.append(record)
            yield case, record
            if self.follows_up and number == last:
                self.planned += self._more(case, names)

    def _record(self, case: Case, names: tuple[str, ...]) -> Record:
        from ..verdicts.runner import run

        subject = case.subject()
        record = run(subject, case.scenario, names, deadline=self.deadline, watch=self.teller)
        self._shown.setdefault(case.subject_key, (subject, [], names))[1].append(record)
        fitted = _fitted(subject, case.scenario)
        return dataclasses.replace(record, notes=(*record.notes, *fitted))

    def _more(self, case: Case, names: tuple[str, ...]) -> list[Planned]:
        from ..verdicts.plan import follow_ups, per_scenario

        again = per_scenario(names)
        more = follow_ups(self.done) if again else ()
        return [(dataclasses.replace(case, scenario=scenario), again) for scenario in more]

    def left_out(self, interrupted: bool) -> list[str]:
        """Returns, in words, which scenarios were not begun."""
        why = "interrupted" if interrupted else f"the budget of {self.deadline.seconds} s was spent"
        return [
            f"not run, {why}: scenario saved at {case.scenario.save_at}"
            for case, _ in self.planned[len(self.done) :]
        ]

    def require_meaningful(self) -> None:
        """Requires of every subject that something moved, and that all said of it was of use."""
        from ..verdicts.coverage import require_meaningful

        for subject, records, names in self._shown.values():
            require_meaningful(subject, records, names)


def _fitted(subject: Any, scenario: Any) -> list[str]:
    """What the harness chose for a short run, so that nobody takes it for the algorithm's own."""
    from ..subjects.capabilities import capabilities_of

    fitted = capabilities_of(subject).fitted(scenario)
    chosen = ", ".join(f"{name}={value}" for name, value in fitted.items())
    return [f"fitted to this short run: {chosen}; set your own with -s"] if chosen else []
