"""The optimizer's state, keyed by parameter name: never bound by position, never aliased.

`torch.optim.Optimizer.load_state_dict` binds states by position (pytorch#1489), shares the tensors
it is given (pytorch#196083) and casts them to the parameter's dtype. None of it happens here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch

from ..checkpoint import CheckpointError, MismatchedCheckpoint
from ..run_state.claims import require_entries
from ..run_state.model import Model
from .policy_state import named_parameters

_KEYS = ("class", "groups", "settings", "states", "entries", "own")


def save_optimizer(model: Model) -> dict[str, Any]:
    """The optimizer's class, groups, states by parameter name, and whatever else it declares.

    Raises:
        CheckpointError: the optimizer holds a parameter that is not the policy's.
    """
    optimizer = model.policy.optimizer
    names: dict[torch.Tensor, str] = {p: name for name, p in named_parameters(model.policy).items()}
    own = {k: v for k, v in optimizer.state_dict().items() if k not in ("state", "param_groups")}
    if own and not hasattr(optimizer, "load_own_state"):
        raise CheckpointError(
            f"{type(optimizer).__name__}.state_dict() holds {sorted(own)} besides states and "
            "groups: add load_own_state(own) and check_own_state(own), as "
            "resumeproof.algo.UPGD has them"
        )
    strangers = [p for g in optimizer.param_groups for p in g["params"] if p not in names]
    if strangers:
        raise CheckpointError(
            f"the optimizer holds {len(strangers)} parameters that are not the policy's (the first "
            f"of shape {tuple(strangers[0].shape)}): build it from policy.parameters()"
        )
    groups = [
        {key: [names[p] for p in value] if key == "params" else value for key, value in g.items()}
        for g in optimizer.param_groups
    ]
    return {
        "class": type(optimizer).__name__,
        "groups": groups,
        "settings": settings_of(groups),
        "states": {names[p]: dict(state) for p, state in optimizer.state.items()},
        # said twice, as the settings are, so that a lost or an added entry shows: torch makes
        # states when it needs them, and each release of it has settings of its own
        "entries": {name: sorted(optimizer.state.get(p, {})) for p, name in names.items()},
        "own": own,
    }


def settings_of(groups: list[dict[str, Any]]) -> list[list[str]]:
    """The names of what each group of parameters holds."""
    return [sorted(group) for group in groups]


def is_of_same_class(model: Model, state: dict[str, Any]) -> bool:
    """Returns whether the state is of an optimizer of the class that the model trains with."""
    return bool(state["class"] == type(model.policy.optimizer).__name__)


def prepare_optimizer(model: Model, state: dict[str, Any]) -> Callable[[], None]:
    """Checks class, groups, names and shapes; returns what puts the state in place by name.

    Raises:
        MismatchedCheckpoint: another optimizer, another grouping, or states of other shapes.
    """
    optimizer: Any = model.policy.optimizer  # check_own_state and load_own_state are not torch's
    require_entries("policy.optimizer", state, _KEYS)
    if state["class"] != type(optimizer).__name__:
        raise MismatchedCheckpoint(
            f"the model trains with {type(optimizer).__name__}, the state is of {state['class']}: "
            f'pass the same optimizer, or start a fresh one with load(path, optimizer="...")'
        )
    _require_settings(state["groups"], state["settings"])
    parameters = named_parameters(model.policy)
    order = _match_groups(optimizer, parameters, state["groups"])
    require_entries("policy.optimizer.entries", state["entries"], parameters)
    held = [name for name, entries in state["entries"].items() if entries]
    require_entries("policy.optimizer.states", state["states"], held)
    for name, values in state["states"].items():
        require_entries(f"policy.optimizer.states[{name!r}]", values, state["entries"][name])
    _require_shapes(parameters, state["states"])
    # asked of the optimizer, not of the state: an empty one would pass for "has nothing of its own"
    keeps_own = hasattr(optimizer, "check_own_state")
    if keeps_own:
        optimizer.check_own_state(state["own"])
    else:
        require_entries("policy.optimizer.own", state["own"], ())

    def apply() -> None:
        for group, index in zip(optimizer.param_groups, order, strict=True):
            saved = state["groups"][index]
            group.update({k: copy.deepcopy(v) for k, v in saved.items() if k != "params"})
        optimizer.state.clear()
        for name, values in state["states"].items():
            optimizer.state[parameters[name]] = _placed(values, parameters[name])
        if keeps_own:
            optimizer.load_own_state(copy.deepcopy(state["own"]))

    return apply


def _placed(values: dict[str, Any], parameter: torch.nn.Parameter) -> dict[str, Any]:
    """A copy of one parameter's state; what has its shape goes to its device."""
    return {
        key: value.to(parameter.device, copy=True)
        if isinstance(value, torch.Tensor) and value.shape == parameter.shape
        else copy.deepcopy(value)
        for key, value in values.items()
    }


def _require_settings(groups: list[dict[str, Any]], settings: list[list[str]]) -> None:
    if len(groups) != len(settings):
        raise MismatchedCheckpoint(
            f"policy.optimizer.groups holds {len(groups)} groups, expected the {len(settings)} of "
            "its settings: the state is incomplete, take another copy"
        )
    for position, (group, names) in enumerate(zip(groups, settings, strict=True)):
        require_entries(f"policy.optimizer.groups[{position}]", group, names)


def _match_groups(
    optimizer: torch.optim.Optimizer,
    parameters: dict[str, torch.nn.Parameter],
    groups: list[dict[str, Any]],
) -> list[int]:
    """For every group of the optimizer, the index of the saved group with the same parameters."""
    names = {parameter: name for name, parameter in parameters.items()}
    saved = [frozenset(group["params"]) for group in groups]
    order = []
    for position, group in enumerate(optimizer.param_groups):
        members = frozenset(names[parameter] for parameter in group["params"])
        if members not in saved:
            raise MismatchedCheckpoint(
                f"param_groups[{position}] holds {sorted(members)}, and no saved group holds "
                f"exactly these; the saved ones are {[sorted(s) for s in saved]}: group the "
                "parameters as the run did"
            )
        order.append(saved.index(members))
    if len(order) != len(groups):
        raise MismatchedCheckpoint(
            f"the optimizer has {len(order)} parameter groups, the state has {len(groups)}: group "
            "the parameters as the run did"
        )
    return order


def _require_shapes(
    parameters: dict[str, torch.nn.Parameter], states: dict[str, dict[str, Any]]
) -> None:
    for name, values in states.items():
        for key, value in values.items():
            shape = tuple(value.shape) if isinstance(value, torch.Tensor) else ()
            if shape not in ((), tuple(parameters[name].shape)):
                raise MismatchedCheckpoint(
                    f"optimizer state {name!r}.{key} has shape {shape}, the parameter has "
                    f"{tuple(parameters[name].shape)}: the state is of another network"
                )
