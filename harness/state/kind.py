"""What is true of every object of one kind of state, declared once beside its reader."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias, final

WITH_ATTRIBUTES = " with attributes"
"""Ends the name of a kind whose object carries attributes: as these can change, it has identity."""

Pairs: TypeAlias = Sequence[tuple[Any, Any]]
"""Key and value of each member; the key is None where members have none."""


@final
class Members(StrEnum):
    """How an object holds what lies below it."""

    NAMED = "named"
    """As attributes and fields: in which order they were set is no state."""
    INDEXED = "indexed"
    """By place, as a list does."""
    KEYED = "keyed"
    """By key, in an order that is state, as a dict does."""
    UNORDERED = "unordered"
    """As a set does."""


@final
@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of state.

    Attributes:
        name: the word a reader returns first.
        identity: whether it is a fact about state that two names hold one such object.
        members: how it holds what lies below it.
        refill: gives one other members and keeps the object; None where none can be.
        sets_members: whether its named members can be set on it, though it has no identity.
        fixed_members: whether what lies below it, where it has no attribute, can only be put back
            together with the object itself.
        lists_attributes: whether its reader shows every attribute an instance has.
        any_class: whether objects of two classes are equal if all else is, as two consoles are.
        numeric: whether it is numbers: its facts are dtype, shape, ("strides", ...), flags, and
            its bytes the elements in C order.
        flags: names of the flags of such numbers.
        elements: a writable view of them, as a tensor or array; None where there is none.
        bulk: whether it is data that no two runs may share, be it written in place or replaced.
        adopt: gives one the memory, layout and flags of another, and keeps the object; None where
            another has to be put in its place.
        write: writes the content of another object of the kind, or what `take` set aside, into
            one, which stays the object it is; None where only the object can be replaced.
        writable: whether `write` and `elements` can write to one object; None where to all.
        take: what is set aside where a run is looked at, of a kind that moves on by itself; None
            for an object that has nothing to set aside. Without it the object is its content.
        output: whether it is where a run writes to, and no state of it: one is as good as another,
            and as none.
        as_key: how an object that is a key is spelled, before its name.
    """

    name: str
    identity: bool = True
    members: Members = Members.NAMED
    refill: Callable[[Any, Pairs], None] | None = None
    sets_members: bool = False
    fixed_members: bool = False
    lists_attributes: bool = False
    any_class: bool = False
    numeric: bool = False
    flags: tuple[str, ...] = ()
    elements: Callable[[Any], Any] | None = None
    bulk: bool = False
    adopt: Callable[[Any, Any], None] | None = None
    write: Callable[[Any, Any], None] | None = None
    writable: Callable[[Any], bool] | None = None
    take: Callable[[Any], Any] | None = None
    output: bool = False
    as_key: str = "object"

    @property
    def base(self) -> str:
        """The name without what attributes add to it."""
        return self.name.removesuffix(WITH_ATTRIBUTES)

    def can_write(self, item: Any) -> bool:
        """Returns whether `write` and `elements` can write to this object."""
        return self.writable is None or self.writable(item)


@final
class _Kinds(dict[str, Kind]):
    """Kinds by name. A kind that nobody declared is an object like any other."""

    def __missing__(self, name: str) -> Kind:
        base = name.removesuffix(WITH_ATTRIBUTES)
        if base == name:
            self[name] = Kind(name=name)
        else:
            self[name] = dataclasses.replace(self[base], name=name, identity=True, any_class=False)
        return self[name]


KINDS = _Kinds()
"""Every kind that is declared, by its name: a lookup, as comparisons ask for each object."""


def declare(kinds: Iterable[Kind]) -> None:
    """Makes kinds known; a later one of a name takes the place of an earlier one."""
    for kind in kinds:
        KINDS[kind.name] = kind
        KINDS.pop(kind.name + WITH_ATTRIBUTES, None)


VALUE = Kind(name="value", identity=False)
"""A plain value of Python, kept as it is."""
ROOTS = Kind(name="roots")
"""The mapping from which a walk starts."""
EXCLUDED = Kind(name="excluded", identity=False)
"""What an exclusion left out."""

declare((VALUE, ROOTS, EXCLUDED))
