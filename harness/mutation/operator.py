"""What a mutant operator is: where it is tried, and how it breaks one thing of a loaded run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeAlias, final

from ..core.exclusions import Exclusion
from ..state.kind import Kind
from ..state.snapshot import Snapshot
from ..transplant.sites import Graph
from ..transplant.write import Unreachable
from .graph_edits import Edges
from .mutant import Mutant


@final
class NoMutation(Exception):
    """An operator would leave everything as it is, or has nothing to work on."""


def require(change: bool, why: str = "nothing would change") -> None:
    """Goes on only where there is something to break.

    Raises:
        NoMutation: there is not.
    """
    if not change:
        raise NoMutation(why)


@final
class Scope(StrEnum):
    """The places at which an operator is tried."""

    LEAF = "leaf"
    """Every leaf that training moved."""
    OWNER = "owner"
    """Every container or object that holds such a leaf."""
    NAME = "name"
    """Every name of an object that has several."""
    TWINS = "twins"
    """Every two moved leaves that can be taken for one another."""
    DIFFERENCE = "difference"
    """Everything that differs from the run in another state that the operator takes from."""
    UNLISTED = "unlisted"
    """Every member that Python shows and the snapshot does not: a capture with a hole."""


@final
@dataclass(frozen=True, kw_only=True)
class Place:
    """One place of a loaded run, before anything is broken.

    Attributes:
        snapshot: the state of the run.
        row: the number of the place in it.
        moved: the numbers of all places that training moved.
    """

    snapshot: Snapshot
    row: int
    moved: Collection[int] = ()

    @property
    def kind(self) -> Kind:
        """The kind of state it is."""
        return self.snapshot.kind(self.row)

    @property
    def value(self) -> Any:
        """Its plain value; None for an object."""
        return self.snapshot.value(self.row)

    @property
    def word(self) -> str:
        """The name of its kind; of a plain value that of its class."""
        plain = self.snapshot.is_plain(self.row)
        return self.snapshot.type_name(self.row) if plain else self.kind.name


@final
@dataclass(frozen=True, kw_only=True)
class Operand:
    """What an operator breaks: one place of a run that was just loaded.

    Attributes:
        edges: the run, and how what its edges lead to is changed.
        mutant: what is to be broken.
        donor: the run in another state, for an operator that takes from one.
        saved: gives the run that was saved, as it is now.
        exclusions: what is not compared.
    """

    edges: Edges
    mutant: Mutant
    donor: Graph | None
    saved: Callable[[], Graph]
    exclusions: Sequence[Exclusion] = ()

    @cached_property
    def place(self) -> int:
        """The row of the place itself, also where it is an alias."""
        return self.edges.row_of(self.mutant.keypath)

    @cached_property
    def twin(self) -> int:
        """The row of the other place, for an operator on twins."""
        if self.mutant.other is None:
            raise Unreachable("there is no other place")
        return self.edges.row_of(self.mutant.other)

    @property
    def kind(self) -> Kind:
        """The kind of state at the place."""
        return self.edges.snapshot.kind(self.place)

    @property
    def value(self) -> Any:
        """The live object, or plain value, at the place."""
        return self.edges.value(self.place)

    @property
    def numbers(self) -> Any:
        """The numbers of the object as a tensor or array that writes to it; else its value."""
        elements = self.kind.elements
        return self.value if elements is None else elements(self.value)

    def put(self, value: Any) -> None:
        """Lets the place lead to something else; other names of what was there keep it."""
        self.edges.put(self.place, value)

    def replace(self, value: Any) -> None:
        """Lets every name of what is at the place lead to something else."""
        self.edges.replace(self.place, value)


Apply: TypeAlias = Callable[[Operand], None]


def _everywhere(place: Place) -> bool:
    return True


@final
@dataclass(frozen=True, kw_only=True)
class Operator:
    """One way to break one thing, tried wherever it applies.

    Attributes:
        name: what the mutants are called, in the kill matrix and everywhere else.
        apply: breaks the live run in place; raises `NoMutation` where nothing would change, and
            `transplant.write.Unreachable` where the live object does not take it.
        scope: the places at which it is tried.
        applies: whether it is tried at one of them; each try costs a load.
        donor: the state of the run that it takes values from, "fresh" or "stale"; "" for none.
        of_memory: whether every value stays right, so that only `isolation` can see it.
    """

    name: str
    apply: Apply
    scope: Scope = Scope.LEAF
    applies: Callable[[Place], bool] = _everywhere
    donor: str = ""
    of_memory: bool = False


def unless(*words: str, numeric: bool = True) -> Callable[[Place], bool]:
    """Makes an operator apply everywhere but on these kinds, and plain values of these classes.

    Args:
        *words: names of kinds and of classes.
        numeric: whether it applies to kinds that are numbers in memory.
    """
    barred = frozenset(words)
    return lambda place: place.word not in barred and (numeric or not place.kind.numeric)
