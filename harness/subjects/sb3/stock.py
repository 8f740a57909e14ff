"""The class of SB3 that an algorithm is built on, with the options that are in force."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from stable_baselines3.common.base_class import BaseAlgorithm

from ...core.randomness import preserved_streams
from .building import build_model
from .environment import OPTIONS as OF_ENVIRONMENT
from .options import parameters_of

_LIBRARIES = ("stable_baselines3", "sb3_contrib")
_OWN = ("policy", "policy_kwargs", "env", "seed", "device", "verbose", "tensorboard_log")


def stock_of(cls: type) -> type | None:
    """The first class of SB3 in its order of resolution, the very one that is there by its name."""
    return next((base for base in cls.__mro__ if _of_library(base)), None)


def _of_library(cls: type) -> bool:
    if cls.__module__.partition(".")[0] not in _LIBRARIES:
        return False
    return getattr(sys.modules.get(cls.__module__), cls.__qualname__, None) is cls


@final
@dataclass(frozen=True, kw_only=True)
class Stock:
    """A stock class, and the options with which it is as a model of a class built on it.

    Attributes:
        algorithm: the stock class.
        options: those of the environment, and its own keywords.
        is_all_stock: whether the model is of that class itself, and its policy of SB3's, too.
    """

    algorithm: type[BaseAlgorithm]
    options: Mapping[str, Any]
    is_all_stock: bool


def stock_like(
    algorithm: type[BaseAlgorithm], options: Mapping[str, Any], seed: int
) -> Stock | None:
    """Returns the stock class that an algorithm is built on; None where it is built on none."""
    stock = stock_of(algorithm)
    if stock is None or inspect.isabstract(stock):
        return None
    with preserved_streams():
        model = build_model(algorithm, options, seed)
    names = (name for name in parameters_of(stock) if name not in _OWN)
    held = {name: getattr(model, name) for name in names if hasattr(model, name)}
    kwargs = _without_own_classes(model.policy_kwargs)
    policy = stock_of(model.policy_class)
    of_environment = {name: options[name] for name in OF_ENVIRONMENT if name in options}
    return Stock(
        algorithm=stock,
        options={**of_environment, **held, "policy": policy, "policy_kwargs": kwargs},
        is_all_stock=(stock, policy, kwargs)
        == (algorithm, model.policy_class, model.policy_kwargs),
    )


def _without_own_classes(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What a policy is built with, without classes of anyone's own and what they are built with."""
    own = {name for name, value in kwargs.items() if isinstance(value, type) and _is_own(value)}
    own |= {name.removesuffix("_class") + "_kwargs" for name in own}
    return {name: value for name, value in kwargs.items() if name not in own}


def _is_own(cls: type) -> bool:
    return cls.__module__.partition(".")[0] != "torch" and stock_of(cls) is not cls
