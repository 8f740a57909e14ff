"""What a part of torch borrows from the program around it, which keeps it while the part is gone.

An optimizer works on parameters and reads their gradients, and so does what stands for one and
holds nothing else; a scheduler works on an optimizer. None of that is in their `state_dict`, and
none of it is theirs: another entry of the program's checkpoint holds it. So the harness keeps it
beside the streams, and puts it back in place.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

_OF_AN_OPTIMIZER = ("step", "zero_grad", "state_dict", "load_state_dict")
Borrowed: TypeAlias = tuple[list[tuple[int | None, Any, Any]], list[dict[str, Any]]]


@final
@dataclass(frozen=True, kw_only=True)
class Lent:
    """A copy of what a part borrows.

    Attributes:
        tensors: of each parameter in turn its elements, and its gradient or None.
        optimizers: of each optimizer that the part does not own its state, by the number of the
            parameter in `tensors`, and its groups without their parameters.
    """

    tensors: tuple[tuple[Any, Any], ...]
    optimizers: tuple[Borrowed, ...] = ()

    @staticmethod
    def save(part: Any) -> Lent | None:
        """Returns a copy of what the part borrows; None if it borrows nothing."""
        optimizers = [*_own(part), *_scheduled(part)]
        if not optimizers:
            return None
        parameters = _parameters(optimizers)
        return Lent(
            tensors=tuple((_copied(p), _copied(p.grad)) for p in parameters),
            optimizers=tuple(copy.deepcopy(_described(o, parameters)) for o in _scheduled(part)),
        )

    def restore(self, part: Any) -> None:
        """Puts it back into what another part of the same kind borrows, in place."""
        parameters = _parameters([*_own(part), *_scheduled(part)])
        for parameter, (elements, gradient) in zip(parameters, self.tensors, strict=True):
            _put(parameter, elements)
            if gradient is None or not _like(parameter.grad, gradient):
                parameter.grad = _copied(gradient)
            else:
                _put(parameter.grad, gradient)
        for optimizer, described in zip(_scheduled(part), self.optimizers, strict=True):
            _fill(optimizer, described, parameters)


def _own(part: Any) -> list[Any]:
    """The part itself, if it is an optimizer; those in it, if it only stands for them."""
    torch = sys.modules.get("torch")
    if torch is None or isinstance(part, torch.optim.Optimizer):
        return [] if torch is None else [part]
    if not all(callable(getattr(type(part), name, None)) for name in _OF_AN_OPTIMIZER):
        return []
    held = list(getattr(part, "__dict__", {}).values())
    inner = [value for value in held if isinstance(value, torch.optim.Optimizer)]
    plain = [value for value in held if isinstance(value, bool | int | float | str | None)]
    return inner if len(inner) + len(plain) == len(held) else []


def _scheduled(part: Any) -> list[Any]:
    """The optimizers that it schedules, if it is a scheduler."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(part, torch.optim.lr_scheduler.LRScheduler):
        return []
    known = vars(part)
    found = [known.get("optimizer")]
    for inner in known.get("_schedulers", ()):  # chained ones and those in a sequence
        found += _scheduled(inner)
    return list({id(item): item for item in found if item is not None}.values())


def _parameters(optimizers: list[Any]) -> list[Any]:
    groups = (group for optimizer in optimizers for group in optimizer.param_groups)
    return list({id(p): p for group in groups for p in group["params"]}.values())


def _copied(tensor: Any) -> Any:
    return None if tensor is None else tensor.detach().clone()


def _put(tensor: Any, elements: Any) -> None:
    tensor.detach().copy_(elements)


def _like(mine: Any, other: Any) -> bool:
    return (
        mine is not None
        and (mine.layout, mine.dtype, mine.shape) == (other.layout, other.dtype, other.shape)
        and mine.stride() == other.stride()
    )


def _described(optimizer: Any, parameters: list[Any]) -> Borrowed:
    numbers = {id(parameter): number for number, parameter in enumerate(parameters)}
    groups = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    state = [(numbers.get(id(key)), key, held) for key, held in optimizer.state.items()]
    return [(number, None if number is not None else key, h) for number, key, h in state], groups


def _fill(optimizer: Any, described: Borrowed, parameters: list[Any]) -> None:
    state, groups = described
    _replace(optimizer.state, {key if n is None else parameters[n]: held for n, key, held in state})
    for group, saved in zip(optimizer.param_groups, groups, strict=True):
        _replace(group, {"params": group["params"], **saved})


def _replace(mapping: Any, items: Mapping[Any, Any]) -> None:
    mapping.clear()
    mapping.update(items)
