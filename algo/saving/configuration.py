"""What a model was built with: constructor arguments, checked, stored and overridden.

Configuration is not state: what a caller passes to `load` wins over the file, everything else
equals it. Code (a class, a lambda schedule) is stored by registered name, or noted as the user's
own, which must then be passed again.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common import buffers, torch_layers
from stable_baselines3.common.vec_env import VecEnv

from ..checkpoint import CheckpointError, MismatchedCheckpoint
from ..maths.schedules import Constant, Custom, Linear, as_schedule
from ..networks.policy import (
    DistributionalActorCriticCnnPolicy,
    DistributionalActorCriticPolicy,
    DistributionalMultiInputActorCriticPolicy,
)
from ..optim.upgd import UPGD, AdaptiveUPGD
from ..run_state.missing import lose
from ..run_state.model import Model

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adaptive_upgd": AdaptiveUPGD,
    "upgd": UPGD,
    "adam": torch.optim.Adam,
}
# the attributes whose names differ from the arguments they hold
_ATTRIBUTES = {
    "policy": "policy_class",
    "stats_window_size": "_stats_window_size",
    "vgs": "use_vgs",
    "kl_penalty": "kl_penalty_kwargs",
}
SCHEDULES = ("learning_rate", "clip_range", "clip_range_vf")
_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def named_code() -> dict[str, Any]:
    """The classes that a checkpoint may refer to by name; everything else is the user's own."""
    found: dict[str, Any] = {}
    for module in (torch.nn, torch.optim, torch_layers, buffers):
        for name, value in vars(module).items():
            if inspect.isclass(value):
                found.setdefault(f"{module.__name__}.{name}", value)
    for own in (
        UPGD,
        AdaptiveUPGD,
        DistributionalActorCriticPolicy,
        DistributionalActorCriticCnnPolicy,
        DistributionalMultiInputActorCriticPolicy,
    ):
        found[f"resumeproof.{own.__name__}"] = own
    return found


def require_known(given: Iterable[str], valid: Iterable[str], where: str) -> None:
    """Rejects unknown keywords by name, with the nearest valid one and all valid ones.

    Raises:
        TypeError: a keyword is not among the valid ones.
    """
    valid = sorted(valid)
    for name in given:
        if name not in valid:
            near = difflib.get_close_matches(str(name), valid, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise TypeError(f"{where} got the unknown keyword {name!r}{hint}; valid are {valid}")


def keywords_of(function: Callable[..., Any], *without: str) -> list[str]:
    """The names of the keyword arguments of a function or class, without the ones given."""
    parameters = inspect.signature(function).parameters.items()
    named = [name for name, parameter in parameters if parameter.kind not in _OPEN]
    return [name for name in named if name not in (*without, "self")]


def optimizer_class(optimizer: Any) -> type[torch.optim.Optimizer]:
    """The class behind a name of `OPTIMIZERS` or a `torch.optim.Optimizer` class.

    Raises:
        ValueError: neither a known name nor an optimizer class.
    """
    if isinstance(optimizer, str) and optimizer in OPTIMIZERS:
        return OPTIMIZERS[optimizer]
    if isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer):
        return optimizer
    raise ValueError(
        f"optimizer={optimizer!r} is unknown: expected one of {sorted(OPTIMIZERS)}, or a class "
        "that extends torch.optim.Optimizer"
    )


def component_options(value: Any, kwargs: Any, factory: Callable[..., Any], name: str) -> Any:
    """The keyword arguments of an optional component, or None when it is switched off.

    Args:
        value: True, False, None, or a dict of keyword arguments (then it is switched on).
        kwargs: further keyword arguments, or None.
        factory: the component's class, whose keywords are the valid ones.
        name: the argument's name, for the message.

    Raises:
        TypeError: the value is of another type, or a keyword is unknown.
    """
    if not isinstance(value, (bool, Mapping, type(None))):
        raise TypeError(
            f"{name}={value!r} is {type(value).__name__}: expected True, False or a dict of "
            f"keyword arguments"
        )
    options = dict(value) if isinstance(value, Mapping) else {}
    options |= kwargs or {}
    require_known(options, keywords_of(factory, "named_parameters", "optimizer"), name)
    return options if isinstance(value, Mapping) or value else None


def argument_names(cls: type[Model]) -> list[str]:
    """Every keyword that a checkpoint stores and `load` takes, those of subclasses included."""
    names = {
        name
        for part in cls.__mro__
        if issubclass(part, PPO) and "__init__" in vars(part)
        for name in keywords_of(part.__init__, "env", "device", "_init_setup_model")
    }
    return sorted(names)


def configuration_attributes(cls: type[Model]) -> set[str]:
    """The attributes that hold the constructor arguments of a live model."""
    return {_ATTRIBUTES.get(name, name) for name in argument_names(cls)}


def constructor_arguments(model: Model) -> dict[str, Any]:
    """The arguments that would build this model now, read from its live attributes.

    Raises:
        CheckpointError: a subclass takes an argument and keeps no attribute of that name.
    """
    lost = configuration_attributes(type(model)) - set(vars(model))
    if lost:
        lose(
            CheckpointError(
                f"{type(model).__name__} takes {sorted(lost)} and keeps no attribute of that name, "
                f"so it could not be built again: write self.{min(lost)} = {min(lost)} in __init__"
            )
        )
    places = {name: _ATTRIBUTES.get(name, name) for name in argument_names(type(model))}
    arguments = {n: getattr(model, place) for n, place in places.items() if place not in lost}
    arguments["kl_penalty"] = arguments["kl_penalty"] or model.kl_penalty is not None
    for name in SCHEDULES:
        if arguments[name] is not None:
            arguments[name] = as_schedule(arguments[name], name)
    return arguments


def save_configuration(model: Model) -> dict[str, Any]:
    """The constructor arguments of a live model, with code named or noted as the user's own."""
    return {name: _stored(value) for name, value in constructor_arguments(model).items()}


def restore_configuration(
    stored: dict[str, Any], overrides: dict[str, Any], valid: Iterable[str]
) -> dict[str, Any]:
    """The constructor arguments to build with: the file's, with the caller's on top.

    A dict argument (`vgs_kwargs`, `policy_kwargs`, ...) is overridden key by key. An explicit
    `learning_rate` also takes the place of an lr that `optimizer_kwargs` held.

    Raises:
        TypeError: an override is not a constructor argument.
        MismatchedCheckpoint: code of the user's own was not passed again.
    """
    require_known(overrides, valid, "load()")
    if "optimizer" in overrides and not _is_same_optimizer(stored, overrides):
        stored = {**stored, "optimizer_kwargs": None}  # they were the other optimizer's
    merged = {name: _merge(stored.get(name), value) for name, value in overrides.items()}
    arguments = stored | merged
    if "learning_rate" in overrides and "lr" not in (overrides.get("optimizer_kwargs") or {}):
        kwargs = dict(arguments.get("optimizer_kwargs") or {})
        kwargs.pop("lr", None)
        arguments["optimizer_kwargs"] = kwargs or None
    return {name: _restored(value, name) for name, value in arguments.items()}


def _is_same_optimizer(stored: dict[str, Any], overrides: dict[str, Any]) -> bool:
    """Whether the caller names the optimizer as it is already, by name or by class."""
    before = stored["optimizer"]
    if isinstance(before, dict):
        before = _CODE.get(str(before.get("registered")))
    return before is not None and optimizer_class(before) is optimizer_class(overrides["optimizer"])


def _merge(stored: Any, given: Any) -> Any:
    if isinstance(stored, dict) and isinstance(given, dict) and not _is_tag(stored):
        return {**stored, **given}
    return given


def _stored(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stored(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_stored(inner) for inner in value)
    if isinstance(value, Constant):
        return value.value
    if isinstance(value, Linear):
        return {"linear schedule": [value.start, value.end, value.end_fraction]}
    code = value.function if isinstance(value, Custom) else value
    if isinstance(code, type) and code in _NAMES:
        return {"registered": _NAMES[code]}
    if callable(code):
        name = getattr(code, "__qualname__", type(code).__qualname__)
        return {"yours": f"{getattr(code, '__module__', '?')}.{name}"}
    return str(value) if isinstance(value, torch.device) else value


def _restored(value: Any, path: str) -> Any:
    if isinstance(value, dict) and _is_tag(value):
        ((tag, content),) = value.items()
        if tag == "linear schedule":
            return Linear(*content)
        if tag == "registered":
            return _CODE[content]
        raise MismatchedCheckpoint(
            f"{path} was {content}, your own code, which a checkpoint does not hold: pass it "
            f"again, load(path, env=env, {_as_keyword(path)})"
        )
    if isinstance(value, dict):
        return {key: _restored(inner, f"{path}[{key!r}]") for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_restored(inner, f"{path}[{i}]") for i, inner in enumerate(value))
    return value


def _is_tag(value: dict[Any, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in ("linear schedule", "registered", "yours")


def _as_keyword(path: str) -> str:
    name, _, inner = path.partition("[")
    return f"{name}={{{inner.rstrip(']')}: ...}}" if inner else f"{name}=..."


def require_spaces(env: VecEnv, saved: dict[str, Any]) -> None:
    """Checks that an environment has the number and the spaces of the saved run.

    Raises:
        MismatchedCheckpoint: names what differs and what to do.
    """
    for name in ("observation_space", "action_space"):
        if getattr(env, name) != saved[name]:
            raise MismatchedCheckpoint(
                f"{name} of the environment is {getattr(env, name)}, the checkpoint's is "
                f"{saved[name]}: pass an environment with the spaces of the run"
            )


_CODE = named_code()
_NAMES = {code: name for name, code in reversed(_CODE.items())}

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "argument_names",
    "as_schedule",
    "component_options",
    "configuration_attributes",
    "constructor_arguments",
    "keywords_of",
    "optimizer_class",
    "require_known",
    "require_spaces",
    "restore_configuration",
    "save_configuration",
]
