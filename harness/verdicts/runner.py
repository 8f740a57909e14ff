"""Runs the checks of a scenario and puts what they showed into one record."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import final

from ..checks import CHECKS, Cost, require_checks
from ..core.pace import Deadline, Watch, nobody
from ..core.randomness import preserved_streams
from ..core.scenario import Scenario
from ..subjects.protocol import Subject
from ..trial.runs import Shared
from ..trial.trial import Trial
from .judgement import Judgement
from .verdict import Record

DEFAULT_CHECKS = ("purity", "roundtrip", "resume")


def run(
    subject: Subject,
    scenario: Scenario,
    checks: Sequence[str] = DEFAULT_CHECKS,
    *,
    attribution: bool | None = None,
    deadline: Deadline | None = None,
    watch: Watch = nobody,
) -> Record:
    """Runs the named checks on one scenario; global streams are as before when it returns.

    For a subject that is not `strict` the future decides: what differs after a load and changes
    nothing up to the end is noted, and is no failure.

    What the subject raises is a verdict, ERROR (or UNSUPPORTED, where the class of the exception
    says so, see `core.errors.Unsupported`); what the harness cannot do is raised.

    Args:
        subject: what is under test.
        scenario: how it is run and saved.
        checks: names of `checks.CHECKS`.
        attribution: whether a difference is traced to its cause; only where the subject is not
            `strict` if None.
        deadline: after which nothing more is begun but the first check; what is left is listed
            in the record as not run. With one, the checks that say most for their time come first.
        watch: gets told of every step.

    Raises:
        HarnessError: a check does not exist, or the live state could not be captured.
        Interrupted: on Ctrl-C, with the record of what is known so far.
    """
    listed = [scenario]
    return next(
        run_many(subject, listed, checks, attribution=attribution, deadline=deadline, watch=watch)
    )


def run_many(
    subject: Subject,
    scenarios: Iterable[Scenario],
    checks: Sequence[str] = DEFAULT_CHECKS,
    *,
    attribution: bool | None = None,
    deadline: Deadline | None = None,
    watch: Watch = nobody,
) -> Iterator[Record]:
    """As `run`, for scenarios that share one reference run where only the save differs."""
    names = require_checks(checks)
    if deadline is not None and deadline.seconds is not None:
        names = tuple(sorted(names, key=_cost))
    for name in names:
        if (prepare := CHECKS[name].prepare) is not None:
            prepare(subject)
    listed = list(scenarios)
    shared = Shared(listed)
    for scenario in listed:
        start = time.perf_counter()
        judgement = Judgement(Trial(subject, scenario, shared), deadline or Deadline(), watch)
        try:
            with preserved_streams():
                judgement.judge_all(names)
                judgement.conclude(attribution)
        except KeyboardInterrupt as signal:
            raise Interrupted(judgement.broken_off(time.perf_counter() - start)) from signal
        yield judgement.record(time.perf_counter() - start)


def _cost(check: str) -> tuple[bool, bool]:
    """Those that each scenario answers anew first, the resumed run among them; dear ones last."""
    known = CHECKS[check]
    return not known.per_scenario, known.cost is Cost.HIGH


@final
class Interrupted(KeyboardInterrupt):
    """You see it on Ctrl-C while a scenario is run.

    Attributes:
        record: what is known so far.
    """

    def __init__(self, record: Record) -> None:
        super().__init__()
        self.record = record
