"""What UPGD accepts: hyper-parameters, the keys of a state dict, the streams of its generators."""

import math
from collections.abc import Callable, Mapping, Set
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor


def _is_number(value: Any, low: float = 0.0, high: float = math.inf) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value < high


def _is_rate(value: Any) -> bool:
    return _is_number(value, high=1.0)


def _is_pair_of_rates(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_rate, value))


RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = MappingProxyType(
    {
        "lr": (_is_number, "a number in [0, inf)"),
        "weight_decay": (_is_number, "a number in [0, inf)"),
        "sigma": (_is_number, "a number in [0, inf)"),
        "beta_utility": (_is_rate, "a number in [0, 1)"),
        "betas": (_is_pair_of_rates, "a pair of numbers in [0, 1)"),
        "eps": (lambda eps: _is_number(eps, math.ulp(0.0)), "a number in (0, inf)"),
    }
)


def check_group(group: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuses unknown keys, and values out of range, of a group that falls back on the defaults."""
    names = RULES.keys() & defaults.keys()
    # A scheduler that resumes looks for initial_lr in the group.
    unknown = group.keys() - names - {"params", "param_names", "initial_lr"}
    if unknown:
        raise ValueError(f"expected group keys among {sorted(names)}, got {sorted(unknown)}")
    for name in sorted(names):
        accepts, allowed = RULES[name]
        value = group.get(name, defaults[name])
        if not accepts(value):
            raise ValueError(f"expected {name} {allowed}, got {name}={value!r} ({type(value)})")


def require_keys(where: str, expected: Set[str], found: Mapping[str, Any]) -> None:
    """Refuses a mapping with other keys than expected."""
    missing, unknown = sorted(expected - found.keys()), sorted(found.keys() - expected)
    if missing or unknown:
        raise ValueError(
            f"expected {where} with the keys {sorted(expected)}, got missing={missing} and "
            f"unknown={unknown}: load a state_dict() of the same optimizer class"
        )


def make_generators(streams: Mapping[str, Tensor]) -> dict[str, torch.Generator]:
    """New generators that continue the streams; the CPU's must be among them."""
    if "cpu" not in streams:
        raise ValueError(f"expected generator streams with 'cpu', got {sorted(streams)}")
    generators = {}
    for device, stream in streams.items():
        generators[device] = torch.Generator(device)
        expected = generators[device].get_state().shape
        if getattr(stream, "shape", None) != expected:  # torch takes any shape of as many bytes
            raise ValueError(
                f"expected generator[{device!r}] a state of shape {tuple(expected)}, got "
                f"{tuple(getattr(stream, 'shape', ()))}"
            )
        try:
            generators[device].set_state(stream.cpu())
        except (RuntimeError, TypeError, AttributeError) as error:
            raise ValueError(
                f"expected generator[{device!r}] a state of this torch's generator: {error}"
            ) from error
    return generators
