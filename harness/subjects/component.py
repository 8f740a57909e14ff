"""One part of a training run as a subject: an optimizer, a scaler, a buffer, a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..core.errors import InvalidSubject
from ..core.exclusions import Exclusion, declared, require_exclusions
from ..core.expected import expected_losses as expected
from ..core.randomness import preserved_streams
from .calls import built, require_arity, require_keywords
from .loop import LoopSubject


def component(
    factory: Callable[..., Any],
    *,
    step: Callable[..., Any],
    save: Callable[..., Any] | None = None,
    load: Callable[..., Any] | None = None,
    observe: Callable[[Any], Mapping[str, Any]] | None = None,
    name: str | None = None,
    exclusions: Sequence[Exclusion] = (),
    expected_losses: Mapping[str, str] = MappingProxyType({}),
    overrides: Mapping[str, Any] = MappingProxyType({}),
    strict: bool = False,
    copies: Sequence[str] = (),
) -> LoopSubject:
    """A part with state under test.

    The global random streams belong to the program around it: they are kept for it, so that a
    step may draw its inputs from them. A stream of its own is its own to save. So are what torch's
    parts borrow: an optimizer its parameters and their gradients, a scheduler its optimizer.

    Args:
        factory: makes the part, `factory()` or `factory(seed)`; called once at once.
        step: drives it, `step(part)` or `step(part, i)` with i from 0.
        save: as for `loop`; `part.state_dict()` if neither it nor `load` is given.
        load: as for `loop`; `part.load_state_dict(state)` if neither it nor `save` is given.
        observe: `observe(part)` gives the objects that are its state, by name.
        name: how reports call it; otherwise its class.
        exclusions: what is not compared, each with its reason, on top of what its class declares
            as `checkpoint_exclusions`, a mapping of pattern -> reason.
        expected_losses: as for `loop`.
        overrides: as for `loop`; what `load` does not take goes to `factory`.
        strict: whether every difference fails, not only those that change the future.
        copies: "pickle" and "deepcopy", where a copy of the part is to be as good as a checkpoint.

    Raises:
        InvalidSubject: a function is missing, not callable, or needs other arguments; the
            factory returns None.
    """
    require_arity("factory", factory, (0, 1), "write factory=MyScaler or a lambda")
    with preserved_streams():
        kind = type(built(factory, 0, {}))
    save, load = _contract(kind, save, load)
    load = require_arity("load", load, (1, 2), "write load(part, state) or load(state)")
    require_keywords(overrides, factory, load)
    return LoopSubject(
        make=factory,
        step=require_arity("step", step, (1, 2), "write step(part) or step(part, i)"),
        save_run=require_arity("save", save, (1, 2), "write save(part) or save(part, path)"),
        load_run=load,
        observe=observe,
        name=name or f"component:{kind.__name__}",
        root="component",
        exclusions=(*declared(kind), *require_exclusions(exclusions)),
        expected_losses=expected(expected_losses),
        overrides=dict(overrides),
        strict=strict,
        copies=tuple(copies),
        keeps_streams=True,
    )


def state_of(part: Any) -> Any:
    """`part.state_dict()`."""
    return part.state_dict()


def restore(part: Any, state: Any) -> None:
    """`part.load_state_dict(state)`."""
    part.load_state_dict(state)


def _contract(
    kind: type, save: Callable[..., Any] | None, load: Callable[..., Any] | None
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    if save is not None and load is not None:
        return save, load
    if save is not None or load is not None:
        given, absent = ("save", "load") if load is None else ("load", "save")
        raise InvalidSubject(
            f"expected save= and load= together, got only {given}=: write {absent}= too, or "
            "neither, for state_dict() and load_state_dict()"
        )
    for method in ("state_dict", "load_state_dict"):
        if not callable(getattr(kind, method, None)):
            raise InvalidSubject(
                f"expected a part that can be saved, got {kind.__name__} without {method}(): "
                "write save=lambda part: ..., load=lambda part, state: ..."
            )
    return state_of, restore
