"""Which differing leaves explain the future, and which operation differs by itself, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, final

from ..core.keypath import KeyPath
from ..state.mismatch import Mismatch

_OF_MISMATCHES = ("causes", "contained", "healed", "inert", "candidates", "remaining")
_OF_PAIRS = ("unreachable", "stored")
_OF_NAMES = ("untried", "untried_owners")


@final
@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Which of the leaves that differ after a load explain that the future differs.

    Attributes:
        load: which load of the scenario it is about, 1 for the first.
        causes: the smallest set without which something spreads: what was right after the load
            becomes wrong.
        contained: the others that stay wrong while the run that never stopped moves them; up to
            the end of the scenario they reach nothing else.
        healed: the others that are right again at the end.
        inert: the others that stay as they were lost, and that nothing moves.
        candidates: all of these, all that differs right after the load.
        unreachable: KeyPath and reason, of what could not be put back.
        stored: KeyPath of what was lost, and the place in the checkpoint that holds it all the
            same, so that the load does not apply it, or something after it overwrites it.
        complete: whether putting all of it back makes the future agree; if not, nothing is
            known about causes, and something the capture cannot see or reach was lost.
        remaining: if not complete, what still differs at the first boundary that does.
        elsewhere: of a run over several ranks, what others have lost that changes the future here:
            rank and KeyPaths, in words.
        minimal: whether none of the causes can be left out; False where there were too many to
            try every one, or too little time.
        untried: KeyPaths of the causes that were not left out alone: they are at most needed.
        untried_owners: the owners that were not left out alone.
        evaluations: how many runs were resumed for this.
        seconds: what they took.
    """

    load: int = 1
    causes: tuple[Mismatch, ...] = ()
    contained: tuple[Mismatch, ...] = ()
    healed: tuple[Mismatch, ...] = ()
    inert: tuple[Mismatch, ...] = ()
    candidates: tuple[Mismatch, ...] = ()
    unreachable: tuple[tuple[str, str], ...] = ()
    stored: tuple[tuple[str, str], ...] = ()
    complete: bool = True
    remaining: tuple[Mismatch, ...] = ()
    elsewhere: str = ""
    minimal: bool = True
    untried: tuple[str, ...] = ()
    untried_owners: tuple[str, ...] = ()
    evaluations: int = 0
    seconds: float = 0.0

    @property
    def lost(self) -> tuple[Mismatch, ...]:
        """What is to be saved and restored: the causes, and what is contained."""
        return (*self.causes, *self.contained)

    @property
    def groups(self) -> tuple[str, ...]:
        """The owners of what was lost: `model._last_obs`, `model.env`, `streams.torch`."""
        return tuple(dict.fromkeys(owner_of(mismatch) for mismatch in self.lost))

    def to_plain(self) -> dict[str, Any]:
        """Returns plain data; `from_plain` makes an equal attribution of it."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in _OF_MISMATCHES:
            plain[name] = [mismatch.to_plain() for mismatch in plain[name]]
        for name in _OF_PAIRS:
            plain[name] = [list(pair) for pair in plain[name]]
        for name in _OF_NAMES:
            plain[name] = list(plain[name])
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Returns the attribution that `to_plain` was called on."""
        known = dict(plain)
        for name in _OF_MISMATCHES:
            known[name] = tuple(map(Mismatch.from_plain, known[name]))
        for name in _OF_PAIRS:
            known[name] = tuple((path, what) for path, what in known.get(name, ()))
        for name in _OF_NAMES:
            known[name] = tuple(known.get(name, ()))
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
        if self.causes or not self.contained:
            return f"explained by {len(self.causes)} of {count} differing leaves: {owners}"
        return f"{len(self.contained)} of {count} differing leaves are contained: {owners}"


@final
@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation of torch that gave something else in a second run.

    Attributes:
        name: as torch calls it, such as `aten.add.Tensor`.
        call: which operation of the run it is, 1 for the first.
        given: whether what it was given differs already: it does not come from torch.
        where: function, file and line of the code that called it; "" where there is none.
    """

    name: str
    call: int
    given: bool = False
    where: str = ""

    def __str__(self) -> str:
        where = f", in {self.where}" if self.where else ""
        given = "; what it is given differs already" if self.given else ""
        return f"{self.name} (operation {self.call}{where}){given}"


def owner_of(mismatch: Mismatch) -> str:
    """Returns what a leaf belongs to, as one would name it in a save: `model.env`."""
    return str(KeyPath(*mismatch.keypath.segments[:2]))
