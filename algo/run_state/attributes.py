"""What one environment or wrapper keeps in its attributes, sorted into data, records and code.

- data: plain values (numbers, strings, arrays, generators, containers of these), put back whole,
  and objects made of such, see `graph`;
- records: the objects of the libraries whose own attributes are data, filled in place;
- captures: data that functions close over or keep as mutable defaults, put back into them;
- code: functions, classes and modules, which stay those of the environment that the user passes;
- links: other environments, wrappers included, which are read on their own.

Not seen, so not claimed: what classes and modules keep for everybody, the order in which a set
happens to be walked, and bounds of a space that are changed in place.
"""

from __future__ import annotations

import random
import types
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, final

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import RecordConstructorArgs
from stable_baselines3.common import atari_wrappers, envs, monitor, vec_env
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.stacked_observations import StackedObservations

from .graph.natives import is_handle

# Gymnasium moved its running statistics in 1.0
_STATISTICS = (
    "gymnasium.wrappers.utils"
    if find_spec("gymnasium.wrappers.utils")
    else "gymnasium.wrappers.normalize"
)
# statistics and frame stacks are the objects that wrappers of both libraries keep
RECORDS: tuple[type, ...] = (
    RunningMeanStd,
    StackedObservations,
    import_module(_STATISTICS).RunningMeanStd,
)
_OF_LIBRARIES = frozenset(
    value
    for module in (gym.wrappers, vec_env, monitor, atari_wrappers, envs)
    for value in vars(module).values()
    if isinstance(value, type)
)
# what a step returned, written anew by the next one before anybody reads it
OUTPUTS = ("buf_infos", "reset_infos")
# immutable defaults of a function are part of its code
_MUTABLE = (list, dict, set, np.ndarray, np.random.Generator, np.random.RandomState, random.Random)


@final
@dataclass(frozen=True, kw_only=True)
class Capture:
    """A value that a function keeps: under which name, and how another one takes its place."""

    name: str
    value: Any
    put: Callable[[Any], None]


def is_of_library(level: Any) -> bool:
    """Whether Gymnasium or Stable-Baselines3 wrote the class, so that a user cannot add to it."""
    return type(level) in _OF_LIBRARIES


def slots(level: Any) -> list[str]:
    """The names that the level keeps outside `vars()`, where they are not read."""
    return [name for cls in type(level).__mro__ for name in vars(cls).get("__slots__", ())]


def data(level: Any) -> Iterator[tuple[str, Any]]:
    """The attributes that are to be plain data; whoever saves them finds out whether they are."""
    for name, value in vars(level).items():
        if isinstance(value, (spaces.Space, EnvSpec, *RECORDS)) or _is_made_of(level, name):
            continue
        if is_code(value) or _is_output(value) or _is_records(value):
            continue
        if not environments(value):
            yield name, value


def rendering(level: Any) -> list[str]:
    """The names of clocks, fonts and logs: no state, and those of the live environment stay."""
    return [name for name, value in vars(level).items() if _is_output(value)]


def put_back(level: Any, attributes: dict[str, Any], lost: Collection[str] = ()) -> None:
    """Gives the level the saved data, and takes away what it has got since, but for the lost."""
    for name, _ in list(data(level)):
        if name not in attributes and name not in OUTPUTS and name not in lost:
            del vars(level)[name]
    for name, value in attributes.items():
        if not _is_output(vars(level).get(name)):
            vars(level)[name] = value


def records(owner: Any) -> Iterator[tuple[str, Any]]:
    """The records of a level, and those inside them, by path."""
    for name, value in vars(owner).items():
        inside = value.items() if _is_records(value) else ()
        found = [(name, value)] if isinstance(value, RECORDS) else []
        for path, record in (*found, *((f"{name}[{key!r}]", inner) for key, inner in inside)):
            yield path, record
            yield from ((f"{path}.{deeper}", inner) for deeper, inner in records(record))


def record_data(record: Any) -> dict[str, Any]:
    """The data of one record, without its spaces and the records inside it."""
    return {
        name: value
        for name, value in vars(record).items()
        if not isinstance(value, (spaces.Space, *RECORDS)) and not _is_records(value)
    }


def environments(value: Any) -> list[Any]:
    """The environments that an attribute holds: itself, or the items of a list or tuple."""
    if isinstance(value, (gym.Env, VecEnv)):
        return [value]
    if isinstance(value, (list, tuple)) and value:
        found = [item for item in value if isinstance(item, (gym.Env, VecEnv))]
        return found if len(found) == len(value) else []
    return []


def captures(level: Any) -> Iterator[Capture]:
    """The data that the functions among the attributes close over or keep as defaults."""
    seen: set[int] = set()
    for name, value in vars(level).items():
        if isinstance(value, types.FunctionType):
            yield from _captured(name, value, seen)


def code(level: Any) -> dict[str, str]:
    """The names of the functions and classes among the attributes: which one it is is state."""
    return {
        name: f"{value.__module__}.{value.__qualname__}"
        for name, value in vars(level).items()
        if is_code(value) and hasattr(value, "__qualname__") and not _is_made_of(level, name)
    }


def is_code(value: Any) -> bool:
    """Functions, classes, modules and methods of environments; they hold no data themselves."""
    if isinstance(value, types.MethodType):
        return isinstance(value.__self__, (gym.Env, VecEnv, type))
    if isinstance(value, types.BuiltinFunctionType):
        # a bound method of a list or a generator stays bound to the one that was there before
        owner = value.__self__
        return owner is None or isinstance(owner, (types.ModuleType, type)) or is_global(owner)
    return isinstance(value, (types.FunctionType, type, types.ModuleType))


def is_global(value: Any) -> bool:
    """Whether the value is python's or numpy's own global stream, saved with the streams."""
    return value is np.random.mtrand._rand or value is getattr(random, "_inst", None)


def _captured(path: str, function: types.FunctionType, seen: set[int]) -> Iterator[Capture]:
    if id(function) in seen:
        return
    seen.add(id(function))
    for place in (*_cells(path, function), *_defaults(path, function)):
        if isinstance(place.value, types.FunctionType):
            yield from _captured(place.name, place.value, seen)
        elif not (
            is_code(place.value)
            or environments(place.value)
            or isinstance(place.value, (spaces.Space, EnvSpec))
        ):
            yield place


def _cells(path: str, function: types.FunctionType) -> Iterator[Capture]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # a variable that is not bound yet
            continue

        def put(value: Any, cell: types.CellType = cell) -> None:
            cell.cell_contents = value

        yield Capture(name=f"{path}.<{name}>", value=value, put=put)


def _defaults(path: str, function: types.FunctionType) -> Iterator[Capture]:
    for index, value in enumerate(function.__defaults__ or ()):

        def put(value: Any, index: int = index) -> None:
            kept = list(function.__defaults__ or ())
            kept[index] = value
            function.__defaults__ = tuple(kept)

        if isinstance(value, (*_MUTABLE, types.FunctionType)):
            yield Capture(name=f"{path}.<default {index}>", value=value, put=put)
    for key, value in (function.__kwdefaults__ or {}).items():

        def put_named(value: Any, key: str = key) -> None:
            function.__kwdefaults__ = {**(function.__kwdefaults__ or {}), key: value}

        if isinstance(value, (*_MUTABLE, types.FunctionType)):
            yield Capture(name=f"{path}.<default {key}>", value=value, put=put_named)


def _is_made_of(level: Any, name: str) -> bool:
    """Whether the attribute only says how the level was made."""
    if name == "class_attributes":
        return isinstance(level, VecEnvWrapper)
    if name == "_saved_kwargs":
        return isinstance(level, RecordConstructorArgs)
    return name in ("metadata", "_metadata") and is_of_library(level)


def _is_records(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(v, RECORDS) for v in value.values())
    )


def _is_output(value: Any) -> bool:
    # Monitor's open log file belongs to the environment that the user passes
    return is_handle(value) or isinstance(value, monitor.ResultsWriter)
