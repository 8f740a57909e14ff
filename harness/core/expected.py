"""Losses that are known and accepted, each with a reason: the harness puts them back itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

from .errors import HarnessError
from .keypath import is_everything

STOCK = "sb3"
"""Stands for what the stock base class of an SB3 algorithm loses."""


@final
class InvalidExpectedLoss(HarnessError):
    """You see it when an expected loss has no pattern, covers everything, or gives no reason.

    What to do: name the KeyPath and write one sentence on why it may be lost.
    """


@final
class NoLongerLost(HarnessError):
    """You see it when an expected loss was lost in no load of any scenario.

    What to do: remove the line. An expectation that outlives its loss hides the next one.
    """

    def __init__(
        self, subject: str, patterns: Sequence[str], left: Mapping[str, str], known: Sequence[str]
    ) -> None:
        """Keeps the parts of the message, and writes it.

        Args:
            subject: its name.
            patterns: of what is lost no longer, or was never there.
            left: the expected losses without these.
            known: which of the patterns name something that the run has.
        """
        self.arguments = (subject, tuple(patterns), dict(left), tuple(known))
        mended = [repr(p) for p in patterns if p in known]
        absent = [repr(p) for p in patterns if p not in known]
        told = [f"no longer lost: {', '.join(mended)}"] if mended else []
        told += [f"nothing is at {', '.join(absent)}"] if absent else []
        super().__init__(
            f"expected every expected loss of {subject} to be lost, got {'; '.join(told)}: remove "
            f"{'this line' if len(patterns) == 1 else 'these lines'}, so that "
            f"expected_losses={dict(left)!r}"
        )

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        return type(self), self.arguments


@final
@dataclass(frozen=True, kw_only=True)
class ExpectedLoss:
    """State that a load is known not to bring back, and why that is accepted.

    Attributes:
        pattern: KeyPath pattern as in `KeyPath.matches`; all that lies below is covered too.
        reason: one sentence on why it may be lost.

    Raises:
        InvalidExpectedLoss: the pattern is empty or covers everything, or there is no reason.
    """

    pattern: str
    reason: str

    def __post_init__(self) -> None:
        if is_everything(self.pattern):
            raise InvalidExpectedLoss(
                f"expected a pattern that names a KeyPath, got pattern={self.pattern!r}: to expect "
                "that everything is lost judges nothing"
            )
        if not self.reason.strip():
            raise InvalidExpectedLoss(
                f"expected a reason for {self.pattern!r}, got {self.reason!r}: write one sentence "
                "on why it may be lost"
            )


@final
@dataclass(frozen=True, kw_only=True)
class PutBack:
    """What became of one expected loss in a scenario.

    Attributes:
        pattern: of the expected loss.
        reason: of the expected loss.
        leaves: how many KeyPaths were put back, in all loads together.
        why_not: why something could not be put back; "" where all was.
    """

    pattern: str
    reason: str
    leaves: int = 0
    why_not: str = ""

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Returns what `dataclasses.asdict` was called on."""
        return cls(**plain)


def expected_losses(given: object) -> tuple[ExpectedLoss, ...]:
    """Returns expected losses as they are written: a mapping of KeyPath pattern to reason.

    Raises:
        InvalidExpectedLoss: it is no mapping of texts to texts; shows it.
    """
    if not isinstance(given, Mapping) or not all(
        isinstance(text, str) for pair in given.items() for text in pair
    ):
        raise InvalidExpectedLoss(
            f"expected expected_losses to map KeyPath patterns to reasons, got {given!r} "
            f"({type(given).__name__}): write {{'model._last_obs': 'SB3 resets at every learn()'}}"
        )
    return tuple(ExpectedLoss(pattern=pattern, reason=why) for pattern, why in given.items())


def expected_of(given: object) -> Mapping[str, str]:
    """Returns expected losses as a mapping, `STOCK` alone as one of its patterns.

    Raises:
        InvalidExpectedLoss: it is neither; shows it.
    """
    if given == STOCK:
        return {STOCK: "what the stock class loses"}
    expected_losses(given)
    return dict(given)  # type: ignore[call-overload, no-any-return]
