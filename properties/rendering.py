"""What many scenarios say at the end, and the lines they leave: for gate and fuzz alike."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from resumeproof.subjects.by_name import Case
from resumeproof.verdicts.failure import failure_of
from resumeproof.verdicts.summary import matrix
from resumeproof.verdicts.verdict import Record, Verdict


@final
@dataclass(frozen=True, kw_only=True)
class Result:
    """One scenario that was run.

    Attributes:
        name: of the subject, in the table.
        record: what the scenario showed.
        checks: that were asked for.
        target: `module:name` of the subject, where it has one by which it can be run again.
        bare_seconds: what the same run takes that is only trained, where that was measured.
    """

    name: str
    record: Record
    checks: tuple[str, ...]
    target: str = ""
    bare_seconds: float | None = None

    @property
    def judged(self) -> tuple[str, ...]:
        """The checks that apply, and so were reached."""
        skipped = {each.check for each in self.record.skipped}
        return tuple(check for check in self.checks if check not in skipped)

    @property
    def failed(self) -> bool:
        """Whether a check does not hold, or no answer was found."""
        return self.record.verdict not in (Verdict.EXACT, Verdict.UNSUPPORTED)


def line_of(result: Result) -> str:
    """Returns one line of JSON; with a target, `resumeproof replay` takes it."""
    plain = {**result.record.to_plain(), "name": result.name, "checks": list(result.judged)}
    if result.target:
        plain |= Case(target=result.target, scenario=result.record.scenario).to_dict()
    if result.bare_seconds is not None:
        plain["bare_seconds"] = result.bare_seconds
    return json.dumps(plain, sort_keys=True) + "\n"


def summary(results: Sequence[Result]) -> Iterator[str]:
    """Yields subject by save point, a word in each cell, the totals, and what was compared."""
    yield from matrix([dataclasses.replace(r.record, subject=r.name) for r in results])
    yield f"{sum(result.record.compared for result in results)} leaves compared"


def failures(results: Sequence[Result]) -> Iterator[str]:
    """Yields what the harness says of each scenario that failed."""
    for result in results:
        if result.failed:
            yield f"\n{result.record.verdict.value}: {result.name}\n{failure_of(result.record)}"
