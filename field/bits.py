"""Values as bits, by a few lines of their own: the experiment shares nothing with resumeproof."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy
import torch

Bits = dict[str, Any]
_DEEPEST = 12


def bits_of(value: Any) -> Bits:
    """Returns every number in a value by the way to it, as dtype, shape and bytes."""
    return dict(_flat(value, "", 0))


def memory_of(value: Any) -> dict[str, int]:
    """Returns where the tensors in a value lie in memory, by the way to them."""
    return dict(_places(value, "", set()))


def _places(value: Any, way: str, seen: set[int]) -> Iterator[tuple[str, int]]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        if value.numel():
            yield way, value.data_ptr()
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _places(inner, f"{way}[{key}]", seen)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _places(inner, f"{way}[{number}]", seen)
    elif (hasattr(value, "__dict__") and not callable(value)) or isinstance(value, torch.nn.Module):
        yield from _places(vars(value), f"{way}.", seen)


def first_difference(expected: Bits, got: Bits) -> str:
    """Returns the first place at which two differ; "" if they are the same."""
    for key in [*expected, *got]:
        if key not in expected or key not in got or expected[key] != got[key]:
            return key or "the value"
    return ""


def _flat(value: Any, way: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, torch.Tensor):
        yield way, _of_tensor(value)
    elif isinstance(value, numpy.ndarray) and value.dtype != object:
        yield way, (str(value.dtype), value.shape, value.tobytes())
    elif isinstance(value, Mapping):
        # a parameter is a key of its optimizer's state: by its turn, not by its address
        for number, (key, inner) in enumerate(value.items()):
            name = number if isinstance(key, torch.Tensor) else key
            yield from _flat(inner, f"{way}[{name}]", depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{way}[{number}]", depth + 1)
    elif isinstance(value, float):
        yield way, numpy.float64(value).tobytes()
    elif isinstance(value, int | str | bytes | bool | None | numpy.generic):
        yield way, value
    elif hasattr(value, "__dict__") and depth < _DEEPEST and not callable(value):
        yield from _flat(vars(value), f"{way}.", depth + 1)
    else:
        yield way, type(value).__name__


def _of_tensor(value: torch.Tensor) -> tuple[Any, ...]:
    dense = value.detach().cpu()
    dense = dense.to_dense() if dense.layout is not torch.strided else dense
    content = dense.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return str(value.dtype), tuple(value.shape), content


def seed_all(seed: int) -> None:
    """Seeds the three global streams."""
    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)


def streams() -> tuple[Any, ...]:
    """Returns where the three global streams stand."""
    return random.getstate(), numpy.random.get_state(), torch.get_rng_state()


def restore_streams(at: tuple[Any, ...]) -> None:
    """Puts them back there."""
    random.setstate(at[0])
    numpy.random.set_state(at[1])
    torch.set_rng_state(at[2])
