"""What a check, or a comparison of two runs, has seen: where a run stood, and what differed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, final

from ..state.mismatch import Diff, Mismatch


@final
@dataclass(frozen=True, kw_only=True)
class Finding:
    """What differed at one step; true if anything did.

    Attributes:
        step: environment or loop steps done when it was seen.
        diff: what differed.
        check: the name of the check that saw it; `Check` fills it in.
        notes: what it has seen and holds only against a subject that is strict, and why; no part
            of the plain data.
    """

    step: int
    diff: Diff
    check: str = ""
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.diff)

    def to_plain(self) -> dict[str, Any]:
        """Returns plain data; `from_plain` makes an equal finding of it."""
        mismatches = [mismatch.to_plain() for mismatch in self.diff.mismatches]
        return {"check": self.check, "step": self.step, "mismatches": mismatches}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Returns the finding that `to_plain` was called on, without what exclusions cover."""
        mismatches = tuple(map(Mismatch.from_plain, plain["mismatches"]))
        return cls(check=plain["check"], step=plain["step"], diff=Diff(mismatches=mismatches))
