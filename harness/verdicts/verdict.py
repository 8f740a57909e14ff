"""What a scenario showed: a verdict, the findings behind it, and one record as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, final

from ..causes.attribution import Attribution
from ..core.scenario import Scenario
from ..state.compare import Diff


@final
class Verdict(StrEnum):
    """One word for a scenario."""

    EXACT = "EXACT"
    DIFFERS = "DIFFERS"
    ERROR = "ERROR"
    LOST_WORK = "LOST_WORK"
    FLAKY = "FLAKY"
    UNSUPPORTED = "UNSUPPORTED"


@final
@dataclass(frozen=True, kw_only=True)
class Finding:
    """One law that did not hold.

    Attributes:
        check: the law, by its name in `checks.CHECKS`.
        step: environment or loop steps done when it was seen.
        diff: what differed.
    """

    check: str
    step: int
    diff: Diff


@final
@dataclass(frozen=True, kw_only=True)
class Record:
    """The result of one scenario, and one line of the report.

    Attributes:
        subject: the subject's name.
        scenario: what was run.
        verdict: in one word.
        findings: the laws that did not hold, first seen first.
        error: type and text of an exception, for ERROR and UNSUPPORTED.
        notes: what else is to be said: checks that do not apply, a `train` not re-entrant.
        attribution: which leaves explain a difference, where that was asked for.
        compared: rows of the object graph compared, all comparisons together.
        moved: leaves that differ between the fresh build and the save point; None where the
            checks asked for no run that shows it.
        moved_later: leaves that differ between the save point and the end, or None.
        seconds: what the whole scenario took.
        used: patterns of the exclusions that covered something.
    """

    subject: str
    scenario: Scenario
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    error: str = ""
    notes: tuple[str, ...] = ()
    attribution: Attribution | None = None
    compared: int = 0
    moved: int | None = None
    moved_later: int | None = None
    seconds: float = 0.0
    used: frozenset[str] = field(default=frozenset())

    @property
    def vacuous(self) -> bool:
        """Nothing had moved before the save, or nothing moved after it: no loss could show."""
        return self.verdict is Verdict.EXACT and 0 in (self.moved, self.moved_later)

    def to_json(self) -> str:
        """One line; the only source of every report."""
        content: dict[str, Any] = {
            "subject": self.subject,
            "scenario": json.loads(self.scenario.to_json()),
            "verdict": self.verdict.value,
            "findings": [
                {
                    "check": f.check,
                    "step": f.step,
                    "mismatches": [str(m) for m in f.diff.mismatches],
                }
                for f in self.findings
            ],
            "error": self.error,
            "notes": list(self.notes),
            "attribution": _as_plain(self.attribution),
            "compared": self.compared,
            "moved": self.moved,
            "moved_later": self.moved_later,
            "vacuous": self.vacuous,
            "seconds": round(self.seconds, 3),
            "used": sorted(self.used),
        }
        return json.dumps(content, sort_keys=True)


def _as_plain(attribution: Attribution | None) -> dict[str, Any] | None:
    if attribution is None:
        return None
    return {
        "summary": str(attribution),
        "load": attribution.load,
        "causes": [str(mismatch) for mismatch in attribution.causes],
        "owners": list(attribution.owners),
        "inert": [str(mismatch.keypath) for mismatch in attribution.inert],
        "unreachable": [list(pair) for pair in attribution.unreachable],
        "complete": attribution.complete,
        "minimal": attribution.minimal,
        "evaluations": attribution.evaluations,
        "seconds": round(attribution.seconds, 3),
    }
