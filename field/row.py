"""One row of the table: a few lines of a user's, and which library they use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final


def nothing(run: Any) -> list[Any]:
    """Returns nothing: the run borrows nothing."""
    return []


@final
@dataclass(frozen=True, kw_only=True)
class Row:
    """What a user writes, and what the experiment needs to know of it.

    Attributes:
        name: what the table calls it.
        package: the distribution it is of.
        make: makes the run, `make(seed)` or `make()`; the class itself for an SB3 algorithm.
        step: one step of training, `step(run, i)` or `step(run)`.
        save: as `resumeproof.loop` takes it; None for `state_dict()`.
        load: likewise.
        way: "component", "loop" or "sb3".
        options: what `sb3` gets beside the class.
        look: what a user looks at after a step, beside what the step returns.
        lent: what the program around a component keeps for it: tensors, and what has a state.
        steps: how long the experiment trains.
        excluded: patterns of the exclusions that a refusal has asked for; of a mended row only.
        mended: the row with the line added that a refusal asks for.
    """

    name: str
    package: str
    make: Callable[..., Any]
    step: Callable[..., Any] | None = None
    save: Callable[..., Any] | None = None
    load: Callable[..., Any] | None = None
    way: str = "component"
    options: Mapping[str, Any] = field(default_factory=dict)
    look: Callable[[Any], Any] | None = None
    lent: Callable[[Any], list[Any]] = nothing
    steps: int = 24
    excluded: Sequence[str] = ()
    mended: Row | None = None


def loop_of(kind: type, *, package: str, name: str = "", **more: Any) -> Row:
    """Returns the row of a class with `step`, `save` and `load`."""
    functions: Any = {part: getattr(kind, part) for part in ("step", "save", "load")}
    return Row(
        name=name or kind.__name__, package=package, make=kind, way="loop", **functions, **more
    )
