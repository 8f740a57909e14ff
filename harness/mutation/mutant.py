"""Mutants and what the checks made of them, as data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, final

from ..core.keypath import KeyPath

KILLED, SURVIVED = "killed", "survived"
UNCHANGED, UNREACHABLE = "no change", "unreachable"
LOST_ANYWAY, EXCLUDED, UNASKED = "not in the checkpoint", "excluded", "no check looks"

CONTAINED = "contained: it stays wrong up to the end, and reaches nothing else"
HEALED = "healed: it is written anew before anything reads it, and right at the end"
NEVER_READ = "never read: nothing moves it or reads it, and it stays as it was broken"
"""What became of something broken that the future does not show."""


@final
@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One thing that is broken.

    Attributes:
        operator: the name of what breaks it.
        keypath: of the leaf, or of the owner of all that is broken.
        other: the twin it is exchanged or merged with.
    """

    operator: str
    keypath: KeyPath
    other: KeyPath | None = None

    @property
    def places(self) -> tuple[KeyPath, ...]:
        """Where something is broken."""
        return (self.keypath,) if self.other is None else (self.keypath, self.other)

    def __str__(self) -> str:
        return spelled(self.to_plain())

    def to_plain(self) -> dict[str, str]:
        """Returns it as data for JSON, with its places spelled out."""
        other = {} if self.other is None else {"other": str(self.other)}
        return {"operator": self.operator, "keypath": str(self.keypath), **other}


def spelled(plain: dict[str, str]) -> str:
    """Returns a mutant that travelled as data as one line of text."""
    other = f" and {plain['other']}" if "other" in plain else ""
    return f"{plain['operator']}: {plain['keypath']}{other}"


@final
@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one check made of one mutant.

    Attributes:
        mutant: what was broken.
        check: who looked; "" where nothing was broken.
        result: killed or survived; or why there was no mutant to kill.
        named: whether a difference at, above or below the broken place was reported.
        reason: the error, or why nothing was seen.
    """

    mutant: Mutant
    check: str
    result: str
    named: bool = False
    reason: str = ""

    def to_plain(self) -> dict[str, Any]:
        """Returns it as data for JSON."""
        return {
            "mutant": self.mutant.to_plain(),
            "check": self.check,
            "result": self.result,
            "named": self.named,
            "reason": self.reason,
        }


@final
@dataclass(frozen=True, kw_only=True)
class KillMatrix:
    """Every outcome on one subject.

    Attributes:
        subject: its name.
        outcomes: of every mutant and check.
        lost: KeyPaths of what its load loses as it is, of which no mutant can tell anything.
    """

    subject: str
    outcomes: tuple[Outcome, ...]
    lost: tuple[str, ...] = ()

    def of(self, *results: str) -> tuple[Outcome, ...]:
        """Returns the outcomes with one of these results."""
        return tuple(outcome for outcome in self.outcomes if outcome.result in results)

    def count(self, result: str, check: str | None = None, operator: str | None = None) -> int:
        """Returns how many outcomes are such."""
        return sum(
            check in (None, outcome.check) and operator in (None, outcome.mutant.operator)
            for outcome in self.of(result)
        )

    def survivors(self, *checks: str) -> tuple[Outcome, ...]:
        """Returns what these checks did not see; of all checks if none is named."""
        return tuple(o for o in self.of(SURVIVED) if not checks or o.check in checks)

    def table(self) -> dict[str, dict[str, tuple[int, int]]]:
        """Returns operator -> check -> (killed, tried)."""
        cells: dict[str, dict[str, tuple[int, int]]] = {}
        for outcome in self.of(KILLED, SURVIVED):
            row = cells.setdefault(outcome.mutant.operator, {})
            killed, tried = row.get(outcome.check, (0, 0))
            row[outcome.check] = killed + (outcome.result == KILLED), tried + 1
        return cells

    def to_plain(self) -> dict[str, Any]:
        """Returns it as data for one line of JSON: the counts, and all that needs a look."""
        table = {name: {c: list(n) for c, n in row.items()} for name, row in self.table().items()}
        # an error names no place, and is loud enough
        unnamed = [o for o in self.of(KILLED) if not o.reason and not o.named]
        skipped = Counter((o.result, o.reason) for o in self.outcomes if not o.check)
        return {
            "mutants_of": self.subject,
            "matrix": table,
            "unnamed": [outcome.to_plain() for outcome in unnamed],
            "not_mutants": [
                {"result": result, "reason": reason, "count": count}
                for (result, reason), count in skipped.items()
            ],
            "survivors": [outcome.to_plain() for outcome in self.survivors()],
        }
