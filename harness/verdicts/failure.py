"""Records that are not EXACT as exceptions, one class a root cause; and records handed on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from ..core.keypath import KeyPath
from ..core.scenario import Scenario
from ..state.mismatch import Mismatch
from ..subjects.protocol import Subject
from . import report
from .raising import require_built
from .runner import run
from .verdict import Record, Verdict

_SINK: ContextVar[Callable[[Record], None] | None] = ContextVar("_SINK", default=None)


class CheckpointMismatch(AssertionError):
    """A check does not hold. Every root cause has a subclass of its own; see `failure_class`.

    Attributes:
        record: what the scenario showed.
    """

    def __init__(self, text: str, record: Record | None = None) -> None:
        super().__init__(text)
        self.record = record


@cache
def failure_class(kind: str, part: str) -> type[CheckpointMismatch]:
    """Returns the exception for one way in which one part of the state differs.

    Hypothesis tells bugs apart by type and line: with one type for all of them it would report
    one of several.
    """
    name = f"CheckpointMismatch[{kind} {part}]"
    return type(name, (CheckpointMismatch,), {"__doc__": f"{part}: {kind}."})


def passed(
    subject: Subject, planned: Sequence[tuple[Scenario, Sequence[str]]]
) -> tuple[Record, ...]:
    """Returns the records of scenarios, vacuous ones included, if all their checks hold.

    Raises:
        CheckpointMismatch: a check does not hold.
        InvalidSubject: it raised, and cannot even be built.
    """
    __tracebackhide__ = True
    records = []
    for scenario, names in planned:
        record = run(subject, scenario, names)
        if record.verdict is Verdict.ERROR:
            require_built(subject, scenario)
        publish(record)
        if record.verdict not in (Verdict.EXACT, Verdict.UNSUPPORTED):
            raise failure_of(record)
        records.append(record)
    return tuple(records)


def failure_of(record: Record) -> CheckpointMismatch:
    """Returns the exception that a record which is not EXACT raises."""
    verbose = bool(os.environ.get("CKPT_VERBOSE"))
    text = report.failure(record, verbose=verbose)
    text += f"\n  scenario: {record.scenario!r}"
    first = _first_mismatch(record)
    if first is None:
        return failure_class(record.verdict.value, record.subject)(text, record)
    segments = first.keypath.segments  # the first is the root's name, the same for all
    part = str(KeyPath(*segments[1:2])) if len(segments) > 1 else str(first.keypath)
    return failure_class(first.kind.value, part)(text, record)


def _first_mismatch(record: Record) -> Mismatch | None:
    """The first that was lost where that is known, otherwise the first difference."""
    causes = record.attribution.lost if record.attribution else ()
    listed = [mismatch for finding in record.findings for mismatch in finding.diff.mismatches]
    return next(iter([*causes, *listed]), None)


@contextmanager
def collecting(sink: Callable[[Record], None]) -> Iterator[None]:
    """Hands every record made within the block to `sink`."""
    token = _SINK.set(sink)
    try:
        yield
    finally:
        _SINK.reset(token)


def publish(record: Record) -> None:
    """Hands a record to whoever collects."""
    sink = _SINK.get()
    if sink is not None:
        sink(record)
