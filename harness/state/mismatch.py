"""What a comparison finds, as data; `verdicts.report` turns it into text."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, final

from ..core.exclusions import Exclusion
from ..core.keypath import KeyPath


@final
class MismatchKind(StrEnum):
    """The one way in which two leaves differ."""

    MISSING = "MISSING"
    """Expected, and not there."""
    UNEXPECTED = "UNEXPECTED"
    """There, and not expected."""
    TYPE = "TYPE"
    """Of another class or kind."""
    DTYPE = "DTYPE"
    """Elements of another type or byte order."""
    SHAPE = "SHAPE"
    """Of another shape."""
    LAYOUT = "LAYOUT"
    """Same content, held differently: strides, offset, device, lazy bits, flags."""
    VALUE = "VALUE"
    """Other bits, other facts, or another order of keys."""
    ALIASING = "ALIASING"
    """Two names no longer share an object or memory, or newly do."""


@final
@dataclass(frozen=True, kw_only=True, slots=True)
class Mismatch:
    """One difference at one KeyPath.

    Attributes:
        keypath: where.
        kind: in which way.
        type_name: class of the expected object, or of the one got where none was expected.
        expected: text of what was expected.
        got: text of what was there.
        stats: how much of an array differs and how far; "" elsewhere. Never decides anything.
        other: for ALIASING, the KeyPath that the object is, or should be, shared with.
    """

    keypath: KeyPath
    kind: MismatchKind
    type_name: str
    expected: str
    got: str
    stats: str = ""
    other: KeyPath | None = None

    def __str__(self) -> str:
        tail = f" ({self.stats})" if self.stats else ""
        short = self.type_name.rpartition(".")[2]
        text = f"expected {self.expected}, got {self.got}{tail}"
        return f"{self.kind:<10} {self.keypath}  {short}  {text}"

    def to_plain(self) -> dict[str, Any]:
        """Returns plain data; `from_plain` makes an equal mismatch of it."""
        return {
            "keypath": self.keypath.to_plain(),
            "kind": self.kind.value,
            "type_name": self.type_name,
            "expected": self.expected,
            "got": self.got,
            "stats": self.stats,
            "other": None if self.other is None else self.other.to_plain(),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Returns the mismatch that `to_plain` was called on."""
        other = plain["other"]
        return cls(
            keypath=KeyPath.from_plain(plain["keypath"]),
            kind=MismatchKind(plain["kind"]),
            type_name=plain["type_name"],
            expected=plain["expected"],
            got=plain["got"],
            stats=plain["stats"],
            other=None if other is None else KeyPath.from_plain(other),
        )


@final
@dataclass(frozen=True, kw_only=True, slots=True)
class Diff:
    """What differs, in the order of the expected graph; true if anything does.

    Attributes:
        mismatches: every difference that no exclusion covers.
        excluded: every difference that one covers, with the exclusion.
        used: exclusions that cover at least one KeyPath of either snapshot, differing or not.
    """

    mismatches: tuple[Mismatch, ...] = ()
    excluded: tuple[tuple[Exclusion, Mismatch], ...] = ()
    used: frozenset[Exclusion] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.mismatches)

    def __str__(self) -> str:
        return "\n".join(map(str, self.mismatches)) or "no difference"
