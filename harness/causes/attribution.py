"""Which differing leaves explain the future and which do not, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, final

from ..core.keypath import KeyPath
from ..state.mismatch import Mismatch

_OF_MISMATCHES = ("causes", "inert", "candidates", "remaining")


@final
@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Which of the leaves that differ after a load explain that the future differs.

    Attributes:
        load: which load of the life it is about, 1 for the first.
        causes: the smallest set that, put back, makes the future agree.
        inert: the others; their loss changes nothing up to the end of the scenario.
        candidates: both together, all that differs right after the load.
        unreachable: KeyPath and reason, of what could not be put back.
        complete: whether putting all of it back makes the future agree; if not, nothing is
            known about causes, and something the capture cannot see or reach was lost.
        remaining: if not complete, what still differs at the first boundary that does.
        minimal: whether none of the causes can be left out; False where there were too many to
            try every one.
        evaluations: how many runs were resumed for this.
        seconds: what they took.
    """

    load: int = 1
    causes: tuple[Mismatch, ...] = ()
    inert: tuple[Mismatch, ...] = ()
    candidates: tuple[Mismatch, ...] = ()
    unreachable: tuple[tuple[str, str], ...] = ()
    complete: bool = True
    remaining: tuple[Mismatch, ...] = ()
    minimal: bool = True
    evaluations: int = 0
    seconds: float = 0.0

    @property
    def groups(self) -> tuple[str, ...]:
        """The owners of the causes: `model._last_obs`, `model.env`, `streams.torch`."""
        return tuple(dict.fromkeys(self.owners))

    @property
    def owners(self) -> tuple[str, ...]:
        """The owner of each cause, in the order of the causes."""
        return tuple(str(KeyPath(*mismatch.keypath.segments[:2])) for mismatch in self.causes)

    def to_plain(self) -> dict[str, Any]:
        """Returns plain data; `from_plain` makes an equal attribution of it."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in _OF_MISMATCHES:
            plain[name] = [mismatch.to_plain() for mismatch in plain[name]]
        return {**plain, "unreachable": [list(pair) for pair in self.unreachable]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Returns the attribution that `to_plain` was called on."""
        known = dict(plain)
        for name in _OF_MISMATCHES:
            known[name] = tuple(map(Mismatch.from_plain, known[name]))
        known["unreachable"] = tuple((path, why) for path, why in known["unreachable"])
        return cls(**known)

    def __str__(self) -> str:
        count = len(self.candidates)
        if not self.complete:
            return (
                f"not explained: with all {count} differing leaves put back the future still "
                f"differs, first {self.remaining[0].keypath if self.remaining else '(it raises)'}; "
                f"{len(self.unreachable)} could not be reached"
            )
        owners = ", ".join(self.groups) or "none of them changes the future"
        return f"explained by {len(self.causes)} of {count} differing leaves: {owners}"
