"""Which options an SB3 algorithm takes, their defaults, and small values for short runs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from ...core.errors import InvalidSubject, near
from .environment import OPTIONS as OF_ENVIRONMENT

BETWEEN_CALLS, ANY_STEP = "between calls", "any step"
_STOCK = ("stable_baselines3", "sb3_contrib")
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


def own_parameters(algorithm: type) -> Mapping[str, inspect.Parameter]:
    """The keywords that a class itself names."""
    return inspect.signature(algorithm).parameters


def require_known(algorithm: type, options: Mapping[str, Any]) -> None:
    """The class takes all options; one that takes any (`**kwargs`) may know what to do with them.

    Raises:
        InvalidSubject: lists those that it does not take, and those that it does.
    """
    if any(parameter.kind in _OPEN for parameter in own_parameters(algorithm).values()):
        return
    names = option_names(algorithm)
    if unknown := sorted(options.keys() - {*names, "env"}):
        raise InvalidSubject(
            f"expected options that {algorithm.__name__} takes, got {', '.join(unknown)}: it "
            f"takes {', '.join(names)}; what goes to learn() is callback={near(unknown[0], names)}"
        )


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


def is_stock(algorithm: type[BaseAlgorithm]) -> bool:
    """Whether what it saves is what SB3 saves."""
    return algorithm.save.__module__.partition(".")[0] in _STOCK


def save_points_of(algorithm: type[BaseAlgorithm], given: str | None) -> str:
    """The author's claim, here or on the class; between two calls without one.

    Raises:
        InvalidSubject: it is neither of the two.
    """
    stated = getattr(algorithm, "checkpoint_save_points", BETWEEN_CALLS) if given is None else given
    if stated not in (BETWEEN_CALLS, ANY_STEP):
        raise InvalidSubject(
            f"expected save_points of {algorithm.__name__} to be {BETWEEN_CALLS!r} or "
            f"{ANY_STEP!r}, got {stated!r}: write save_points={ANY_STEP!r} where a save inside "
            "learn() is exact too"
        )
    return str(stated)


def choices_of(
    algorithm: type[BaseAlgorithm],
    fixed: Mapping[str, Any],
    choices: Mapping[str, Sequence[Any]],
    variants: Mapping[str, Mapping[str, Any]],
) -> dict[str, Sequence[Any]]:
    """What scenarios are drawn from: what is offered, and over it what the user has named."""
    named = {axis: tuple(values) for axis, values in variants.items()}
    return {**_offered(algorithm, fixed), **choices, **named}


def _offered(algorithm: type, fixed: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
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
