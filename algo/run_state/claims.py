"""What a class says of its own attributes: saved, derived or ephemeral, with a reason.

An attribute that nobody claims is an error at save: silence is how state gets lost.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, final

from ..checkpoint import MismatchedCheckpoint
from ..maths.validation import require_keys


@final
@dataclass(frozen=True)
class Saved:
    """The attribute is state: plain data that the checkpoint holds and gives back."""


@final
@dataclass(frozen=True)
class Derived:
    """The attribute is computed from other state; `how` says from which and when."""

    how: str


@final
@dataclass(frozen=True)
class Ephemeral:
    """The attribute may be lost; `why` says why no future depends on it."""

    why: str


@final
@dataclass(frozen=True)
class OwnPart:
    """The attribute is a component with a state of its own, which is learned like the weights."""


Claim = Saved | Derived | Ephemeral | OwnPart


def saved() -> Saved:
    """Claims an attribute as state, kept by every checkpoint.

    Example: `checkpoint_attributes = {"my_counter": saved()}` in the body of a subclass.
    """
    return Saved()


def part() -> OwnPart:
    """Claims an attribute as a component that is learned, or None where it is switched off.

    It has `state_dict()` and `load_state_dict(state)`; it is saved, loaded, part of
    `get_parameters()`, and exchanged between the members of a population, as the weights are.

    Example: `checkpoint_attributes = {"curiosity": part()}` in the body of a subclass.
    """
    return OwnPart()


def derived(how: str) -> Derived:
    """Claims an attribute as computed from other state, saying how."""
    return Derived(_reason(how, "derived"))


def ephemeral(why: str) -> Ephemeral:
    """Claims an attribute that the run can lose, saying why."""
    return Ephemeral(_reason(why, "ephemeral"))


def declared_attributes(cls: type) -> dict[str, Claim]:
    """The claims of a class and of the classes it extends; the nearest one wins.

    Raises:
        TypeError: a claim is something else than saved(), derived(how) or ephemeral(why).
    """
    claims: dict[str, Claim] = {}
    for part in reversed(cls.__mro__):
        claims |= vars(part).get("checkpoint_attributes", {})
    for name, claim in claims.items():
        if not isinstance(claim, Claim):
            raise TypeError(
                f"{cls.__name__}.checkpoint_attributes[{name!r}] is {claim!r}: write saved(), "
                'derived("how it is computed") or ephemeral("why it may be lost")'
            )
    return claims


def _reason(text: Any, name: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise TypeError(f"{name}({text!r}): expected a sentence that gives the reason")
    return text


def require_entries(where: str, state: Any, expected: Collection[str]) -> None:
    """Accepts a part's state with exactly the expected entries.

    Raises:
        MismatchedCheckpoint: lists the missing and the unknown ones.
    """
    require_keys(where, state, expected, MismatchedCheckpoint)
