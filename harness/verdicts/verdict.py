"""What a scenario showed: a verdict, and the record behind it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self, final

from ..causes.attribution import Attribution, Operation
from ..core.expected import PutBack
from ..core.scenario import Scenario
from ..trial.finding import Finding


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
class Skipped:
    """A check that did not apply, and why."""

    check: str
    reason: str

    def __str__(self) -> str:
        return f"{self.check} does not apply: {self.reason}"


@final
@dataclass(frozen=True, kw_only=True)
class Spared:
    """What a check has seen and holds against nobody who is not strict, and why."""

    check: str
    reason: str

    def __str__(self) -> str:
        return self.reason


@final
@dataclass(frozen=True, kw_only=True)
class Raised:
    """An exception that a check has met.

    Attributes:
        check: which check.
        type: name of its class.
        text: its message.
        where: the function, file and line in foreign code that raised; "" where there is none.
    """

    check: str
    type: str
    text: str
    where: str = ""

    def __str__(self) -> str:
        where = f" (in {self.where})" if self.where else ""
        return f"{self.check}: {self.type}: {self.text}{where}"


@final
@dataclass(frozen=True, kw_only=True)
class Record:
    """The result of one scenario, and one line of the report.

    Attributes:
        subject: the subject's name.
        scenario: what was run.
        verdict: in one word.
        findings: of the checks that did not hold, first seen first.
        raised: the exception behind ERROR.
        skipped: the checks that did not apply.
        spared: what fails only a subject that is strict: a library does it by itself, or it
            reaches nothing.
        notes: what else is to be said, as that `train` is not re-entrant.
        state_moved: how many leaves moved in the scenario, or None.
        untested: KeyPaths of those that stood at their fresh value at every save point.
        better_save_at: steps at which saving would show more: what is untested, or has healed.
        noise: KeyPaths of what differs between two identical runs, and was not judged.
        attribution: which leaves explain a difference, where that was asked for.
        operation: of FLAKY, the first operation of torch in which two identical runs differ, or
            None where there is none.
        compared: rows of the object graph compared, all comparisons together.
        moved: leaves that differ between the fresh build and the save point; None where the
            checks asked for no run that shows it.
        moved_later: leaves that differ between the save point and the end, or None.
        seconds: what the whole scenario took.
        used: patterns of the exclusions that covered something.
        expected: what became of the losses that are expected, in the loads of the scenario.
        not_run: checks that were asked for, and not begun: there was no time.
    """

    subject: str
    scenario: Scenario
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    raised: Raised | None = None
    skipped: tuple[Skipped, ...] = ()
    spared: tuple[Spared, ...] = ()
    notes: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    state_moved: int | None = None
    untested: tuple[str, ...] = ()
    better_save_at: tuple[int, ...] = ()
    attribution: Attribution | None = None
    operation: Operation | None = None
    compared: int = 0
    moved: int | None = None
    moved_later: int | None = None
    seconds: float = 0.0
    used: frozenset[str] = field(default=frozenset())
    expected: tuple[PutBack, ...] = ()
    not_run: tuple[str, ...] = ()

    @property
    def state_coverage(self) -> tuple[int, int] | None:
        """How many of the leaves that moved were saved at another value than their fresh one."""
        if self.state_moved is None:
            return None
        return self.state_moved - len(self.untested), self.state_moved

    @property
    def vacuous(self) -> bool:
        """Nothing had moved before the save, or nothing moved after it: no loss could show."""
        return self.verdict is Verdict.EXACT and 0 in (self.moved, self.moved_later)

    @property
    def error(self) -> str:
        """The exception behind ERROR, in words; "" without one."""
        return "" if self.raised is None else str(self.raised)

    @property
    def failed_check(self) -> str:
        """The check that did not hold first, or that met an exception; "" without either."""
        if self.findings:
            return self.findings[0].check
        return "" if self.raised is None else self.raised.check

    def to_plain(self) -> dict[str, Any]:
        """Returns plain data; `from_plain` makes an equal record of it."""
        plain = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {
            **plain,
            "scenario": json.loads(self.scenario.to_json()),
            "verdict": self.verdict.value,
            "findings": [finding.to_plain() for finding in self.findings],
            "raised": None if self.raised is None else dataclasses.asdict(self.raised),
            "skipped": [dataclasses.asdict(skipped) for skipped in self.skipped],
            "spared": [dataclasses.asdict(spared) for spared in self.spared],
            "notes": list(self.notes),
            "noise": list(self.noise),
            "untested": list(self.untested),
            "better_save_at": list(self.better_save_at),
            "attribution": None if self.attribution is None else self.attribution.to_plain(),
            "operation": None if self.operation is None else dataclasses.asdict(self.operation),
            "used": sorted(self.used),
            "expected": [dataclasses.asdict(put_back) for put_back in self.expected],
            "not_run": list(self.not_run),
            "vacuous": self.vacuous,  # for whoever reads the lines; no fact of its own
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Returns the record that `to_plain` was called on; other keys are ignored."""
        names = {item.name for item in dataclasses.fields(cls)}
        known = {name: value for name, value in plain.items() if name in names}
        raised, attribution = plain["raised"], plain["attribution"]
        made = {
            "scenario": Scenario.from_json(json.dumps(plain["scenario"])),
            "verdict": Verdict(plain["verdict"]),
            "findings": tuple(map(Finding.from_plain, plain["findings"])),
            "raised": None if raised is None else Raised(**raised),
            "skipped": tuple(Skipped(**skipped) for skipped in plain["skipped"]),
            "spared": tuple(Spared(**spared) for spared in plain.get("spared", ())),
            "notes": tuple(plain["notes"]),
            "noise": tuple(plain.get("noise", ())),
            "untested": tuple(plain.get("untested", ())),
            "better_save_at": tuple(plain.get("better_save_at", ())),
            "attribution": None if attribution is None else Attribution.from_plain(attribution),
            "operation": Operation(**plain["operation"]) if plain.get("operation") else None,
            "used": frozenset(plain["used"]),
            "expected": tuple(map(PutBack.from_plain, plain.get("expected", ()))),
            "not_run": tuple(plain.get("not_run", ())),
        }
        return cls(**{**known, **made})

    def to_json(self) -> str:
        """Returns one line of JSON, the form in which records are kept in files."""
        return json.dumps(self.to_plain(), sort_keys=True)
