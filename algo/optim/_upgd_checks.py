"""What UPGD accepts: hyper-parameters, the keys of a state dict, the streams of its generators."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from ..maths.validation import (
    NOT_NEGATIVE,
    POSITIVE,
    RATE,
    Interval,
    is_number,
    is_whole,
    require,
    require_keys,
    require_number,
)

RULES: Mapping[str, Interval] = MappingProxyType(
    {
        "lr": NOT_NEGATIVE,
        "weight_decay": NOT_NEGATIVE,
        "sigma": NOT_NEGATIVE,
        "beta_utility": RATE,
        "betas": RATE,
        "eps": POSITIVE,
    }
)
"""The range of each hyper-parameter; of `betas`, that of both."""

SWITCHES = ("early_gate",)

# a scheduler that resumes looks for initial_lr in the group
_OPTIONAL = ("param_names", "initial_lr")


def check_group(group: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuses unknown keys, and values out of range, of a group that falls back on the defaults."""
    names = _names(defaults)
    unknown = group.keys() - names - {"params", *_OPTIONAL}
    if unknown:
        raise ValueError(f"expected group keys among {sorted(names)}, got {sorted(unknown)}")
    for name in sorted(names):
        value = group.get(name, defaults[name])
        if name == "betas":
            pair = isinstance(value, tuple | list) and len(value) == 2
            fits = pair and all(is_number(beta, RULES[name]) for beta in value)
            require(fits, name, value, f"a pair of numbers in {RULES[name]}")
        elif name in SWITCHES:
            require(isinstance(value, bool), name, value, "True or False")
        else:
            require_number(name, value, RULES[name])


def _names(defaults: Mapping[str, Any]) -> set[str]:
    """The hyper-parameters of an optimizer."""
    return {*RULES, *SWITCHES} & defaults.keys()


def check_state_dict(
    state_dict: Mapping[str, Any],
    param_groups: Sequence[Mapping[str, Any]],
    defaults: Mapping[str, Any],
    moments: Sequence[str],
) -> None:
    """Refuses what is not a state of exactly these groups of parameters.

    Raises:
        ValueError: an entry is missing, unknown, or of another shape, dtype or range.
    """
    require_keys("state_dict", state_dict, {"state", "param_groups", "generator"})
    saved = state_dict["param_groups"]
    fits = isinstance(saved, list) and len(saved) == len(param_groups)
    require(fits, "param_groups", saved, f"a list of {len(param_groups)}")
    parameters: dict[Any, Tensor] = {}
    for position, (group, live) in enumerate(zip(saved, param_groups, strict=True)):
        where = f"state_dict['param_groups'][{position}]"
        names = {"params", *_names(defaults)}
        require_keys(where, {k: v for k, v in group.items() if k not in _OPTIONAL}, names)
        check_group(group, defaults)
        indices, params = group["params"], live["params"]
        fits = isinstance(indices, list) and len(indices) == len(params)
        require(fits, f"{where}['params']", indices, f"{len(params)} indices")
        parameters.update(zip(indices, params, strict=True))
    fits = (
        isinstance(state_dict["state"], Mapping) and parameters.keys() >= state_dict["state"].keys()
    )
    require(fits, "state", state_dict["state"], f"states of the parameters {list(parameters)}")
    for index, entries in state_dict["state"].items():
        _check_entries(f"state_dict['state'][{index}]", entries, parameters[index], moments)


def _check_entries(
    where: str, entries: Mapping[str, Any], parameter: Tensor, moments: Sequence[str]
) -> None:
    names = ("avg_utility", *moments)
    require_keys(where, entries, {"step", *names})
    require(is_whole(entries["step"]), f"{where}['step']", entries["step"], "a whole number")
    for name in names:
        value = entries[name]
        fits = isinstance(value, Tensor) and value.shape == parameter.shape
        expected = f"a {parameter.dtype} tensor of shape {tuple(parameter.shape)}"
        found = tuple(value.shape) if isinstance(value, Tensor) else value
        require(fits and value.dtype == parameter.dtype, f"{where}[{name!r}]", found, expected)


def make_generators(streams: Mapping[str, Tensor]) -> dict[str, torch.Generator]:
    """New generators that continue the streams; the CPU's must be among them."""
    if not isinstance(streams, Mapping) or "cpu" not in streams:
        raise ValueError(f"expected generator streams with 'cpu', got {streams!r:.80}")
    generators = {}
    for device, stream in streams.items():
        generators[device] = _make_generator(device)
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


def _make_generator(device: Any) -> torch.Generator:
    try:
        return torch.Generator(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"expected a device that is here, got {device!r}: {error}") from error
