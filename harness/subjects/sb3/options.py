"""Which options an SB3 algorithm takes, their defaults, and small values for short runs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from .environment import OPTIONS as OF_ENVIRONMENT

_OURS = ("self", "env", "seed", "device")  # what the harness passes, or Python does
_OPEN = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


@cache
def parameters_of(algorithm: type) -> Mapping[str, inspect.Parameter]:
    """The keywords of a class, those that it passes on by `**kwargs` to its bases included."""
    found: dict[str, inspect.Parameter] = {}
    for base in algorithm.__mro__:
        if "__init__" not in vars(base):
            continue
        own = inspect.signature(vars(base)["__init__"]).parameters
        for name, parameter in own.items():
            if parameter.kind not in _OPEN:
                found.setdefault(name, parameter)
        if not any(parameter.kind in _OPEN for parameter in own.values()):
            break
    return MappingProxyType({k: v for k, v in found.items() if k != "self"})


def option_names(algorithm: type) -> list[str]:
    """Those of a named environment, and the keywords of the algorithm."""
    of_algorithm = (name for name in parameters_of(algorithm) if not name.startswith("_"))
    return [*OF_ENVIRONMENT[1:], *of_algorithm]


def default_of(algorithm: type, name: str) -> Any:
    """The default of a keyword; None where the class has no such keyword, or no default."""
    parameter = parameters_of(algorithm).get(name)
    if parameter is None or parameter.default is inspect.Parameter.empty:
        return None
    return parameter.default


def offered(algorithm: type, fixed: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Small values of what the algorithm takes and nobody fixed; batches divide rollouts."""
    values: dict[str, tuple[Any, ...]] = {"batch_size": (16, 8), "n_epochs": (1, 2)}
    if issubclass(algorithm, OnPolicyAlgorithm):  # elsewhere it is the length of returns
        values["n_steps"] = (16, 32)
    known = parameters_of(algorithm)
    values = {name: choice for name, choice in values.items() if name in known}
    if isinstance(fixed["env"], str):
        values |= {
            "n_envs": (1, 2, 4),
            "normalize": (False, True),
            "max_episode_steps": (None, 13),
        }
    return {name: choice for name, choice in values.items() if name not in fixed}
