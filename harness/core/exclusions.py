"""What is knowingly left out, always with a reason, and never left behind unused."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

from .errors import InvalidExclusion, UnusedExclusion
from .keypath import covers, is_everything


@final
@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """A part of the graph that is knowingly not compared, and why.

    Attributes:
        pattern: KeyPath pattern as in `KeyPath.matches`; all that lies below is covered too.
        reason: one sentence on why the difference cannot matter.

    Raises:
        InvalidExclusion: the pattern is empty or covers everything, or there is no reason.
    """

    pattern: str
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InvalidExclusion(
                f"expected a reason for pattern={self.pattern!r}, got {self.reason!r}; "
                "write one sentence on why this is not state"
            )
        if is_everything(self.pattern):
            raise InvalidExclusion(
                f"expected a pattern that names a KeyPath, got pattern={self.pattern!r}; "
                "an exclusion of everything checks nothing"
            )

    def covers(self, rendered: str) -> bool:
        """Whether the rendered KeyPath, or one that it lies under, matches the pattern."""
        return covers(self.pattern, rendered)

    def below(self, root: str) -> "Exclusion":
        """The same exclusion where the run's roots are items of `root`, as two runs side by side.

        `model._logger` becomes `saved['model']._logger`; what begins with `**` stays.
        """
        name, rest = re.match(r"([^.\[*]*)(.*)", self.pattern, re.DOTALL).groups()  # type: ignore[union-attr]
        return Exclusion(pattern=f"{root}[{name!r}]{rest}", reason=self.reason) if name else self


def declared(cls: Any) -> tuple[Exclusion, ...]:
    """What a class says of itself, in an attribute `checkpoint_exclusions`: pattern -> reason.

    It is plain data, so that the class need not know the instrument; without it there are none.

    Raises:
        InvalidExclusion: the attribute is no mapping of texts to texts.
    """
    stated = getattr(cls, "checkpoint_exclusions", {})
    if not isinstance(stated, Mapping) or not all(
        isinstance(text, str) for pair in stated.items() for text in pair
    ):
        raise InvalidExclusion(
            f"expected {cls.__name__}.checkpoint_exclusions to map KeyPath patterns to reasons, "
            f"got {stated!r}: write {{'model.cache': 'computed anew in every step'}}"
        )
    return tuple(Exclusion(pattern=pattern, reason=why) for pattern, why in stated.items())


def require_exclusions(given: Iterable[Any]) -> tuple[Exclusion, ...]:
    """The same, if each is an exclusion.

    Raises:
        InvalidExclusion: one is something else; shows it.
    """
    listed = tuple(given)
    for item in listed:
        if not isinstance(item, Exclusion):
            raise InvalidExclusion(
                f"expected exclusions=[Exclusion(...)], got {item!r} ({type(item).__name__}): "
                f"write Exclusion(pattern={item!r}, reason='why it is not state')"
            )
    return listed


def require_used(exclusions: Iterable[Exclusion], used: Iterable[Exclusion]) -> None:
    """Every exclusion covered something in at least one capture or comparison.

    Args:
        exclusions: all that the subject declares.
        used: those that covered something, gathered from `Diff.used` and `Snapshot.excluded`.

    Raises:
        UnusedExclusion: lists those that covered nothing.
    """
    seen = frozenset(used)
    unused = [exclusion.pattern for exclusion in exclusions if exclusion not in seen]
    if unused:
        raise UnusedExclusion(unused)
