"""A stretch of a fuzzing campaign: generated scenarios of one subject until the time is up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, cast, final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from resumeproof.core.randomness import preserved_streams, seed_all
from resumeproof.core.scenario import Scenario
from resumeproof.fuzzing.corpus import store
from resumeproof.fuzzing.strategies import profile, scenarios
from resumeproof.subjects.by_name import resolve
from resumeproof.subjects.protocol import Subject
from resumeproof.verdicts.failure import failure_of
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record, Verdict

from properties.rendering import Result

_MOST = 60
"""Scenarios of one stretch; Hypothesis makes the first tenth of them small."""
_BARE_EVERY = 4


@final
@dataclass(frozen=True, kw_only=True)
class Stretch:
    """What one worker is to do.

    Attributes:
        target: `module:name` of the subject.
        checks: checks on each scenario.
        seed: of the generator.
        seconds: how long to draw.
        shrink_seconds: how long to shrink a failure.
        known: failures that need no shrinking again.
    """

    target: str
    checks: tuple[str, ...]
    seed: int
    seconds: float
    shrink_seconds: float
    known: frozenset[str] = frozenset()


@final
@dataclass(frozen=True, kw_only=True)
class Failure:
    """A scenario that failed, shrunk as far as time allowed; `path` is where it is stored."""

    key: str
    text: str
    path: str = ""


@final
@dataclass(kw_only=True)
class Outcome:
    """What a stretch has shown: one result for each scenario, failures, and what scenarios cost.

    Attributes:
        results: by target, for some with what bare training takes.
        failures: shrunk.
        repeated: how often a known failure was met again.
    """

    results: list[Result] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    repeated: int = 0


class TimeUp(BaseException):
    """Ends a stretch from within; no `Exception`, or Hypothesis would take it for a failure."""


def run_stretch(stretch: Stretch) -> Outcome:
    """Draws scenarios and checks them until the time is up; a failure is shrunk and stored."""
    worker = _Worker(stretch)
    try:
        _draw(worker)
    except TimeUp:
        pass
    except Exception as error:  # whatever a scenario raised is the result of the campaign
        if worker.failing is None:
            worker.failing = _Failing(text=f"{type(error).__name__}: {error}")
            worker.key = f"{worker.subject.name} {type(error).__name__}"
    worker.conclude()
    return worker.outcome


def _draw(worker: _Worker) -> None:
    phases = (Phase.reuse, Phase.generate, Phase.shrink)
    chosen = settings(
        profile("ckpt-nightly"),
        max_examples=_MOST,
        phases=phases,
        report_multiple_bugs=False,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    drawn: st.SearchStrategy[Scenario] = scenarios(worker.subject)
    cast(Any, seed(worker.stretch.seed)(chosen(given(drawn)(worker.check))))()


@final
@dataclass(frozen=True, kw_only=True)
class _Failing:
    """The smallest failing scenario so far."""

    text: str
    scenario: Scenario | None = None
    record: Record | None = None

    @property
    def size(self) -> tuple[int, ...]:
        s = self.scenario
        return () if s is None else (s.cycles, len(s.options), s.length, s.save_at, s.gap, s.seed)


@final
class _Worker:
    def __init__(self, stretch: Stretch) -> None:
        self.stretch = stretch
        self.subject: Subject = resolve(stretch.target, {})
        self.outcome = Outcome()
        self.failing: _Failing | None = None
        self.key = ""
        self.until = time.monotonic() + stretch.seconds
        self.seen: dict[str, Exception | None] = {}

    def check(self, scenario: Scenario) -> None:
        """One scenario; raises what it showed, unless that is known."""
        text = scenario.to_json()
        if text not in self.seen:
            if time.monotonic() > self.until:
                raise TimeUp
            self.seen[text] = self._judged(scenario)
        error = self.seen[text]
        if error is not None:
            raise error

    def _judged(self, scenario: Scenario) -> Exception | None:
        try:
            record = run(self.subject, scenario, self.stretch.checks)
        except Exception as error:  # the harness itself could not go on
            return self._failed(
                scenario, None, f"{self.subject.name} {type(error).__name__}", error
            )
        self._keep(record)
        if record.verdict in (Verdict.EXACT, Verdict.UNSUPPORTED):
            return None
        mismatch = failure_of(record)
        key = f"{self.subject.name} {record.failed_check} {type(mismatch).__name__}"
        return self._failed(scenario, record, key, mismatch)

    def _failed(
        self, scenario: Scenario, record: Record | None, key: str, error: Exception
    ) -> Exception | None:
        if key in self.stretch.known:
            self.outcome.repeated += 1
            return None
        if self.failing is None:
            self.until = time.monotonic() + self.stretch.shrink_seconds
        failing = _Failing(text=str(error), scenario=scenario, record=record)
        if self.failing is None or (key == self.key and failing.size < self.failing.size):
            self.failing, self.key = failing, key
        return error

    def _keep(self, record: Record) -> None:
        measured = len(self.outcome.results) % _BARE_EVERY == 0 and record.verdict is Verdict.EXACT
        result = Result(
            name=self.subject.name,
            target=self.stretch.target,
            record=record,
            checks=self.stretch.checks,
            bare_seconds=bare_seconds(self.subject, record.scenario) if measured else None,
        )
        self.outcome.results.append(result)

    def conclude(self) -> None:
        """Stores the failure, if there was one."""
        failing = self.failing
        if failing is None:
            return
        path = ""
        if failing.record is not None:
            path = str(store(self.subject, failing.record.failed_check, failing.record))
        self.outcome.failures.append(Failure(key=self.key, text=failing.text, path=path))


def bare_seconds(subject: Subject, scenario: Scenario) -> float:
    """What the same run takes that is only trained, from its build to its end."""
    with preserved_streams():
        start = time.perf_counter()
        seed_all(scenario.seed)
        live = subject.build(scenario)
        subject.train(live, until=scenario.length, visits={})
        return time.perf_counter() - start
