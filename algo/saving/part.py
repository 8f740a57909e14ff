"""One stateful part of a model: the row of the registry, and the shape that most rows have."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from ..checkpoint import MismatchedCheckpoint
from ..run_state.claims import require_entries
from ..run_state.model import Model

Apply = Callable[[], None]


@final
@dataclass(frozen=True, kw_only=True)
class Part:
    """One stateful part of a model.

    Attributes:
        name: the key of the part in a checkpoint and in `get_parameters()`.
        save: reads the part's state as plain data; moves and draws nothing.
        prepare: checks a state against the model, changes nothing, and returns what applies it.
        fits: whether a state is of the kind of component that the model has now.
        learned: belongs to what was learned, and so to `get_parameters` and to an exchange;
            otherwise to the run (streams, environment, buffers).
        situated: is tied to one environment, and dropped when a run starts afresh in another.
        waits: cannot be put in place before the model has an environment.
        attributes: the names of the model's attributes that this part is responsible for.
        switch: the constructor argument that switches the part on or exchanges it, or None.
        stock: the constructor arguments with which the part is that of Stable-Baselines3's PPO.
    """

    name: str
    save: Callable[[Model], Any]
    prepare: Callable[[Model, Any], Apply]
    fits: Callable[[Model, Any], bool] = lambda _model, _state: True
    learned: bool = False
    situated: bool = False
    waits: bool = False
    attributes: tuple[str, ...] = ()
    switch: str | None = None
    stock: Mapping[str, Any] = field(default_factory=dict)


def attributes_part(name: str, *attributes: str, situated: bool = False) -> Part:
    """Returns the part of plain attributes of the model."""

    def save(model: Model) -> dict[str, Any]:
        return {key: getattr(model, key) for key in attributes}

    def prepare(model: Model, state: dict[str, Any]) -> Apply:
        require_entries(name, state, attributes)
        return lambda: vars(model).update(state)

    return Part(name=name, save=save, prepare=prepare, attributes=attributes, situated=situated)


def component_part(name: str, switch: str | None = None) -> Part:
    """Returns the part of a component that may be off: an attribute that holds it, or None.

    The component has `state_dict()` and `load_state_dict(state)`; one that has
    `check_state_dict(state)` too is asked before anything changes, another is tried on a copy.
    """

    def save(model: Model) -> dict[str, Any] | None:
        component = getattr(model, name)
        return None if component is None else component.state_dict()

    def fits(model: Model, state: dict[str, Any] | None) -> bool:
        return (getattr(model, name) is None) == (state is None)

    def prepare(model: Model, state: dict[str, Any] | None) -> Apply:
        component = getattr(model, name)
        if not fits(model, state):
            raise MismatchedCheckpoint(
                f"{name} is {'off' if component is None else 'on'} in the model and "
                f"{'off' if state is None else 'on'} in the checkpoint: build the model as the run "
                f"was, or say {switch or name}=... to load()"
            )
        if component is None:
            return lambda: None
        _check(component, state)
        return lambda: component.load_state_dict(state)

    return Part(
        name=name,
        save=save,
        prepare=prepare,
        fits=fits,
        learned=True,
        attributes=(name,),
        switch=switch,
        stock={} if switch is None else {switch: False},
    )


def _check(component: Any, state: Any) -> None:
    if hasattr(type(component), "check_state_dict"):
        component.check_state_dict(state)
    else:
        copy.deepcopy(component).load_state_dict(copy.deepcopy(state))
