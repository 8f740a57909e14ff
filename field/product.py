"""What resumeproof says of a row, with no exclusion."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any, final

from resumeproof import CheckpointMismatch, Exclusion, check_resume, component, loop
from resumeproof.verdicts.failure import collecting
from resumeproof.verdicts.verdict import Record

from .row import Row

REFUSED = "REFUSED"
"""Where no record came back, but an error."""


@final
@dataclass(frozen=True, kw_only=True)
class Said:
    """The answer.

    Attributes:
        verdict: in one word.
        checks: those that do not hold.
        named: the first leaves that it names as lost or different.
        text: the error of a refusal.
        seconds: what it took.
    """

    verdict: str
    checks: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    text: str = ""
    seconds: float = 0.0

    def to_plain(self) -> dict[str, Any]:
        """Returns plain data."""
        return asdict(self)


def product(row: Row) -> Said:
    """Runs every check on a row, in the scenarios that resumeproof chooses itself."""
    start = time.perf_counter()
    records: list[Record] = []
    text = ""
    with collecting(records.append):
        try:
            check_resume(subject_of(row))
        except CheckpointMismatch:
            pass
        except Exception as error:  # what it refuses, in whatever way, is a result
            text = f"{type(error).__name__}: {error}"
    seconds = round(time.perf_counter() - start, 1)
    if text:
        return Said(verdict=REFUSED, text=text, seconds=seconds)
    worst = records[-1]
    checks = tuple(dict.fromkeys(finding.check for finding in worst.findings))
    verdict, said = worst.verdict.value, worst.error
    return Said(verdict=verdict, checks=checks, named=_named(worst), text=said, seconds=seconds)


def subject_of(row: Row) -> Any:
    """Returns the subject, made as its user would make it."""
    cut = [Exclusion(pattern=pattern, reason="no run can lose it") for pattern in row.excluded]
    if row.way == "sb3":
        from resumeproof import sb3

        return sb3(row.make, **row.options, exclusions=cut)
    make = {"component": component, "loop": lambda m, **k: loop(make=m, **k)}[row.way]
    return make(row.make, step=row.step, save=row.save, load=row.load, exclusions=cut)


def _named(record: Record) -> tuple[str, ...]:
    lost = record.attribution.lost if record.attribution else ()
    found = [m for finding in record.findings for m in finding.diff.mismatches]
    return tuple(dict.fromkeys(str(m.keypath) for m in [*lost, *found]))[:6]
