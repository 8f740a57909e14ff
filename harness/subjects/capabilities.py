"""What a subject offers beyond the methods of the protocol: one value, with plain defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from ..core.errors import InvalidSubject
from ..core.exclusions import Exclusion
from ..core.expected import STOCK, ExpectedLoss, InvalidExpectedLoss
from ..core.scenario import Scenario


def _every_step(_scenario: Scenario) -> int:
    return 1


def _nothing(_scenario: Scenario) -> Mapping[str, Any]:
    return {}


@final
@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a subject can do, and how it wants to be run; every default is the plain answer.

    Attributes:
        between_calls: whether a run is saved only between two calls of `train`.
        state: `state(live)`, as `state_dict`; None without states in memory.
        restore: `restore(live, state)`, as `load_state_dict`.
        load_with: `load_with(source, scenario, overrides)`, a load with options passed explicitly.
        overrides: options to pass there.
        poisoned: `poisoned(scenario)`, the target that a load reads a run into.
        load_into: `load_into(source, scenario, target)`, a load into what `target()` returns, which
            is such a target and is asked for when the source was read.
        in_part: whether `roots` gives only a part of the run.
        choices: option -> values that a scenario may give it, the plainest first; plain JSON.
        implied: option -> value in force where a scenario does not name it.
        media: those of `core.scenario.MEDIA` that can carry its state; None for a file and, unless
            it is saved between calls, memory.
        stride: steps between two moments at which a run can be visited.
        warm_up: steps before anything is learned; None for the first boundary.
        natural_length: steps that show all it does; None for a few boundaries.
        fitted: option -> value that the length of a scenario decided.
        strict: whether every difference fails, not only those that change the future.
        keeps_streams: whether the global streams belong to the program around it, so that the
            harness keeps them for it.
        library: `library(scenario)`, the library's own class that it is built on, as a subject run
            alike: itself where it is that class, None where there is none.
        own_exclusions: those that someone wrote for this subject: each must cover something.
        expected_losses: what a load is known to lose: put back before anything is compared.
        beside_stock: whether what the class of `library` loses in the same scenario is expected.
    """

    between_calls: bool = False
    state: Callable[[Any], Any] | None = None
    restore: Callable[[Any, Any], None] | None = None
    load_with: Callable[[Any, Scenario, Mapping[str, Any]], Any] | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    poisoned: Callable[[Scenario], Any] | None = None
    load_into: Callable[[Any, Scenario, Callable[[], Any]], Any] | None = None
    in_part: bool = False
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    implied: Mapping[str, Any] = field(default_factory=dict)
    media: Sequence[str] | None = None
    stride: Callable[[Scenario], int] = _every_step
    warm_up: Callable[[Scenario], int] | None = None
    natural_length: int | None = None
    fitted: Callable[[Scenario], Mapping[str, Any]] = _nothing
    strict: bool = False
    keeps_streams: bool = False
    library: Callable[[Scenario], Any] | None = None
    own_exclusions: Sequence[Exclusion] = ()
    expected_losses: Sequence[ExpectedLoss] = ()
    beside_stock: bool = False


@final
class _Expecting:
    """A subject of which more losses are expected; all else is delegated."""

    def __init__(self, subject: Any, capabilities: Capabilities) -> None:
        self.subject = subject
        self.capabilities = capabilities

    def __getattr__(self, name: str) -> Any:
        if name == "subject":  # not yet set, where another process unpickles this
            raise AttributeError(name)
        return getattr(self.subject, name)


def expecting(subject: Any, losses: Sequence[ExpectedLoss], *, of_stock: bool = False) -> Any:
    """Returns a subject of which these losses are expected, besides those that it names itself.

    Args:
        subject: what is under test.
        losses: what a load is known to lose.
        of_stock: whether what the class of its `library` loses is expected, too.

    Raises:
        InvalidExpectedLoss: it has no stock class.
    """
    offered = capabilities_of(subject)
    if of_stock and offered.library is None:
        raise InvalidExpectedLoss(
            f"expected an algorithm built on one of SB3's for {STOCK!r}, got {subject.name}: "
            "name what is lost as PATTERN=reason"
        )
    if not losses and not of_stock:
        return subject
    widened = dataclasses.replace(
        offered,
        expected_losses=(*offered.expected_losses, *losses),
        beside_stock=offered.beside_stock or of_stock,
    )
    return _Expecting(subject, widened)


_NAMES = tuple(item.name for item in dataclasses.fields(Capabilities))


def capabilities_of(subject: object) -> Capabilities:
    """What a subject offers: its `capabilities`, or the defaults.

    A subject without `capabilities` may have single members by the same names instead.

    Raises:
        InvalidSubject: `capabilities` is something else; shows it.
    """
    stated = getattr(subject, "capabilities", None)
    if isinstance(stated, Capabilities):
        return stated
    if stated is not None:
        raise InvalidSubject(
            f"expected capabilities of {subject!r} to be a Capabilities, got {stated!r} "
            f"({type(stated).__name__}): write capabilities = Capabilities(between_calls=True)"
        )
    single = {name: getattr(subject, name) for name in _NAMES if hasattr(subject, name)}
    return Capabilities(**single)
