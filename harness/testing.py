"""Checks as plain calls and as pytest parameters."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any, final

from harness import report
from harness.checks import CHECKS
from harness.errors import NothingApplies, NothingToRun, UnknownCheck
from harness.keypath import KeyPath
from harness.lives import plan
from harness.meaningful import require_meaningful
from harness.mismatch import Mismatch
from harness.runner import require_checks, run
from harness.scenario import Scenario
from harness.subjects import Subject, require_subject
from harness.verdict import Record, Verdict

_SINK: ContextVar[Callable[[str], None] | None] = ContextVar("_SINK", default=None)


class CheckpointMismatch(AssertionError):
    """A law does not hold. Every root cause has a subclass of its own; see `failure_class`.

    Attributes:
        record: what the scenario showed.
    """

    def __init__(self, text: str, record: Record | None = None) -> None:
        super().__init__(text)
        self.record = record


@cache
def failure_class(kind: str, part: str) -> type[CheckpointMismatch]:
    """The exception for one way in which one part of the state differs.

    Hypothesis tells bugs apart by type and line: with one type for all of them it would report
    one of several.
    """
    name = f"CheckpointMismatch[{kind} {part}]"
    return type(name, (CheckpointMismatch,), {"__doc__": f"{part}: {kind}."})


def check_resume(
    subject: Subject,
    scenarios: Sequence[Scenario] | None = None,
    checks: Sequence[str] | None = None,
) -> tuple[Record, ...]:
    """Runs the checks on every scenario; returns the records if all laws hold.

    Args:
        subject: made by `sb3(...)`, `component(...)` or `loop(...)`.
        scenarios: lives to run; two short ones of the subject's own if None.
        checks: names of `harness.checks.CHECKS`; all if None.

    Raises:
        CheckpointMismatch: a law does not hold; the text says which, where and what to do.
        InvalidSubject: it is no subject, or cannot be built, saved or loaded.
        NothingApplies: none of the checks applies to the subject; says why.
        UnknownCheck: a name is not that of a check; lists the valid ones.
        UnusedExclusion: an exclusion of the subject's own covered nothing; with near KeyPaths.
        VacuousLife: no scenario moved anything, so that no loss could have shown.
    """
    __tracebackhide__ = True
    names = CHECKS if checks is None else checks
    records = check(subject, scenarios, names)
    if all(record.verdict is Verdict.UNSUPPORTED for record in records):
        raise NothingApplies(subject.name, tuple(names), _reasons(records))
    return records


def check(
    subject: Subject, scenarios: Sequence[Scenario] | None, checks: Iterable[str]
) -> tuple[Record, ...]:
    """As `check_resume`, but for records that are UNSUPPORTED: nothing applied to these."""
    __tracebackhide__ = True
    require_subject(subject)
    names = require_checks(checks)
    if isinstance(scenarios, Scenario) or (not scenarios and scenarios is not None) or not names:
        raise NothingToRun(names, scenarios)
    planned = plan(subject, names) if scenarios is None else [(s, names) for s in scenarios]
    records = passed(subject, planned)
    require_meaningful(subject, records, names)
    return records


def passed(
    subject: Subject, planned: Sequence[tuple[Scenario, Sequence[str]]]
) -> tuple[Record, ...]:
    """The records of scenarios, each with its checks, vacuous ones included, if all laws hold.

    Raises:
        CheckpointMismatch: a law does not hold.
    """
    __tracebackhide__ = True
    records = []
    for scenario, names in planned:
        record = run(subject, scenario, names)
        publish(record)
        if record.verdict not in (Verdict.EXACT, Verdict.UNSUPPORTED):
            raise failure_of(record)
        records.append(record)
    return tuple(records)


def failure_of(record: Record) -> CheckpointMismatch:
    """The exception that a record which is not EXACT raises."""
    verbose = bool(os.environ.get("CKPT_VERBOSE"))
    text = report.failure(json.loads(record.to_json()), verbose=verbose)
    text += f"\n  scenario: {record.scenario!r}"
    first = _first_mismatch(record)
    if first is None:
        return failure_class(record.verdict.value, record.subject)(text, record)
    segments = first.keypath.segments  # the first is the root's name, the same for all
    part = str(KeyPath(*segments[1:2])) if len(segments) > 1 else str(first.keypath)
    return failure_class(first.kind.value, part)(text, record)


def _first_mismatch(record: Record) -> Mismatch | None:
    """The first cause where there is one, otherwise the first difference."""
    causes = record.attribution.causes if record.attribution else ()
    listed = [mismatch for finding in record.findings for mismatch in finding.diff.mismatches]
    return next(iter([*causes, *listed]), None)


@final
@dataclass(frozen=True, kw_only=True)
class BoundCheck:
    """One check by name: call it with a subject. It skips where it does not apply."""

    name: str
    scenarios: Sequence[Scenario] | None = field(default=None)

    def __call__(self, subject: Subject) -> None:
        """Runs the check.

        Raises:
            CheckpointMismatch: the law does not hold.
        """
        __tracebackhide__ = True
        records = check(subject, self.scenarios, (self.name,))
        if all(record.verdict is Verdict.UNSUPPORTED for record in records):
            import pytest

            pytest.skip("; ".join(_reasons(records)))


def _reasons(records: Sequence[Record]) -> tuple[str, ...]:
    """Why nothing applied, each reason once."""
    told = [reason for record in records for reason in (*record.notes, record.error)]
    return tuple(dict.fromkeys(filter(None, told)))


def parametrize_with_checks(
    subjects: Sequence[Subject],
    *,
    expected_failures: Mapping[str, str] | None = None,
    strict: bool = True,
    scenarios: Sequence[Scenario] | None = None,
) -> Any:
    """A `pytest.mark.parametrize` over `subject` and `check`; the test calls `check(subject)`.

    Args:
        subjects: what to test.
        expected_failures: name of a check -> why it is known to fail.
        strict: whether an expected failure that passes is a failure.
        scenarios: as for `check_resume`.

    Raises:
        UnknownCheck: an expected failure is not the name of a check; lists the valid ones.
    """
    import pytest

    if not isinstance(expected_failures, Mapping | None):
        raise UnknownCheck("expected_failures={name: reason}", expected_failures, sorted(CHECKS))
    expected = dict(expected_failures or {})
    require_checks(expected, "expected_failures=")
    params = []
    for ident, subject in sorted(_identified(subjects).items()):
        for name in sorted(CHECKS):
            known = pytest.mark.xfail(reason=expected.get(name, ""), strict=strict)
            marks = [known] if name in expected else []
            check = BoundCheck(name=name, scenarios=scenarios)
            params.append(pytest.param(subject, check, id=f"{ident}-{name}", marks=marks))
    return pytest.mark.parametrize(("subject", "check"), params)


def _identified(subjects: Sequence[Subject]) -> dict[str, Subject]:
    """Subjects by name; the second of one name is called `name#2`."""
    seen: Counter[str] = Counter()
    named = {}
    for subject in map(require_subject, subjects):
        seen[subject.name] += 1
        count = seen[subject.name]
        named[subject.name if count == 1 else f"{subject.name}#{count}"] = subject
    return named


@contextmanager
def collecting(sink: Callable[[str], None]) -> Iterator[None]:
    """Hands every record made within the block to `sink`, as JSON."""
    token = _SINK.set(sink)
    try:
        yield
    finally:
        _SINK.reset(token)


def publish(record: Record) -> None:
    """Hands a record to whoever collects."""
    sink = _SINK.get()
    if sink is not None:
        sink(record.to_json())
