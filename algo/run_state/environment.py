"""The environment's own state: asked for, or read from the wrapper chain and put back.

An environment, wrapper or vectorised environment that offers `get_state()` and `set_state()` is
asked, and speaks for the environment that it wraps. Every other level of the chain gives its plain
data (numbers, strings, arrays, generators, and containers of these). Code is not state: functions,
classes and constructor arguments stay those of the environment that the user passes.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, final

import gymnasium as gym
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv, VecEnvWrapper

from algo.checkpoint import CheckpointError, MismatchedCheckpoint, UnsupportedValue, encode
from algo.run_state.streams import prepare_space_generators, space_generators

# what links the levels of the chain, and what only says how a level was made
_STRUCTURE = {"venv", "envs", "env", "class_attributes", "metadata", "_metadata", "_saved_kwargs"}
# Gymnasium moved its running statistics in 1.0
_STATISTICS = (
    "gymnasium.wrappers.utils"
    if find_spec("gymnasium.wrappers.utils")
    else "gymnasium.wrappers.normalize"
)
# running statistics are the one class of object that wrappers of both libraries keep
_RECORDS = (RunningMeanStd, import_module(_STATISTICS).RunningMeanStd)

_ADVICE = (
    "add two methods to {owner}: get_state(self) that returns plain data (numbers, strings, "
    "arrays, generators, and containers of these), and set_state(self, state) that puts it back"
)


class UnsavableEnvironment(CheckpointError):
    """Raised by `save()` when part of the environment's state cannot be read.

    Add the two methods that the message names, or leave the environment out on purpose with
    `save(path, exclude=["environment"])`: such a file predicts, but does not resume exactly.
    """


@final
@dataclass(frozen=True, kw_only=True)
class _Level:
    """One object of the chain: where it sits, and whether it is read, asked or spoken for."""

    where: str
    what: Any
    how: str


def save_environment(env: VecEnv, path: str = "env") -> dict[str, Any]:
    """The state of a vectorised environment and of everything it wraps, as plain data.

    Raises:
        UnsavableEnvironment: an attribute is neither plain data nor code, or the environments
            live in other processes.
    """
    return {"levels": [_save_level(level) for level in _levels(env, path)]}


def prepare_environment(
    env: VecEnv, state: dict[str, Any], path: str = "env"
) -> Callable[[], None]:
    """Checks that the environment is built like the saved one; returns what restores it.

    Raises:
        MismatchedCheckpoint: another chain of wrappers, or other spaces inside it.
    """
    saved, here = state["levels"], list(_levels(env, path))
    chains = [entry["class"] for entry in saved], [type(level.what).__name__ for level in here]
    if chains[0] != chains[1]:
        raise MismatchedCheckpoint(
            f"the run's environment is {' > '.join(chains[0])}, the one passed is "
            f"{' > '.join(chains[1])}: build it with the same wrappers in the same order, or "
            "start afresh in it with load(path, env=env, force_reset=True)"
        )
    restores = [_prepare_level(*pair) for pair in zip(here, saved, strict=True)]

    def restore() -> None:
        for apply in restores:
            apply()

    return restore


def _levels(level: Any, where: str, spoken_for: bool = False) -> Iterator[_Level]:
    """The chain from the outside in, and of every level how its state is had."""
    if isinstance(level, SubprocVecEnv):
        raise UnsavableEnvironment(
            f"UNSUPPORTED: {where} is a SubprocVecEnv, whose environments live in other processes "
            "where their state cannot be read: use DummyVecEnv for exact resume, or leave the "
            'environment out with save(path, exclude=["environment"])'
        )
    how = "asked" if _is_asked(level) else "read"
    if spoken_for and not _is_of_library(level):
        how = "spoken for"
    yield _Level(where=where, what=level, how=how)
    spoken_for = spoken_for or how == "asked"
    if isinstance(level, VecEnvWrapper):
        yield from _levels(level.venv, f"{where}.venv", spoken_for)
    elif isinstance(level, VecEnv) and hasattr(level, "envs"):
        for index, inner in enumerate(level.envs):
            yield from _levels(inner, f"{where}.envs[{index}]", spoken_for)
    elif isinstance(level, gym.Wrapper):
        yield from _levels(level.env, f"{where}.env", spoken_for)


def _is_asked(level: Any) -> bool:
    # on the class: old Gymnasium wrappers forward unknown attributes to what they wrap
    return hasattr(type(level), "get_state") and hasattr(type(level), "set_state")


def _is_of_library(level: Any) -> bool:
    # TimeLimit, Monitor and their like: no get_state() of a user's wrapper thinks of their counters
    return type(level).__module__.startswith(("gymnasium.wrappers.", "stable_baselines3."))


def _save_level(level: _Level) -> dict[str, Any]:
    what = level.what
    entry: dict[str, Any] = {
        "class": type(what).__name__,
        "how": level.how,
        "spaces": _save_spaces(what),
    }
    if level.how != "read":
        # Gymnasium's own stream is easily forgotten in a hand-written get_state
        entry["np_random"] = vars(what).get("_np_random")
        entry["state"] = what.get_state() if level.how == "asked" else None
        _require_plain(entry["state"], f"{level.where}.get_state()", type(what).__name__)
        return entry
    entry["attributes"] = dict(_own_state(what))
    entry["records"] = {name: dict(vars(record)) for name, record in _records(what)}
    for name, value in (entry["attributes"] | entry["records"]).items():
        _require_plain(value, f"{level.where}.{name}", type(what).__name__)
    return entry


def _prepare_level(level: _Level, entry: dict[str, Any]) -> Callable[[], None]:
    restore_spaces = _prepare_spaces(level.where, level.what, entry["spaces"])
    if level.how != entry["how"]:
        raise MismatchedCheckpoint(
            f"{level.where} ({type(level.what).__name__}) is {level.how} now and was "
            f"{entry['how']} when the run was saved: resume it with the same get_state() and "
            "set_state()"
        )
    records = dict(_records(level.what)) if level.how == "read" else {}
    if set(records) != set(entry.get("records", {})):
        raise MismatchedCheckpoint(
            f"{level.where} keeps running statistics {sorted(records)}, the checkpoint has "
            f"{sorted(entry['records'])}: pass an environment with the same normalisation"
        )

    def restore() -> None:
        restore_spaces()
        if level.how == "read":
            _put_back(level.what, entry["attributes"])
            for name, record in records.items():
                vars(record).update(entry["records"][name])
            return
        if level.how == "asked":
            level.what.set_state(entry["state"])
        if entry["np_random"] is not None:
            level.what._np_random = entry["np_random"]

    return restore


def _put_back(level: Any, attributes: dict[str, Any]) -> None:
    for name, _ in list(_own_state(level)):
        if name not in attributes:  # made since: the saved environment had not got so far
            del vars(level)[name]
    for name, value in attributes.items():
        if not _is_rendering(vars(level).get(name)):
            vars(level)[name] = value


def _own_state(level: Any) -> Iterator[tuple[str, Any]]:
    slots = [name for cls in type(level).__mro__ for name in vars(cls).get("__slots__", ())]
    if slots:
        raise UnsavableEnvironment(
            f"{type(level).__name__} keeps {slots} in __slots__, which are not read: "
            f"{_ADVICE.format(owner=type(level).__name__)}"
        )
    for name, value in vars(level).items():
        if name in _STRUCTURE or isinstance(value, (spaces.Space, EnvSpec, *_RECORDS)):
            continue
        if _is_code(value) or _is_rendering(value) or _is_writer(value) or _is_records(value):
            continue
        yield name, value


def _records(level: Any) -> Iterator[tuple[str, Any]]:
    for name, value in vars(level).items():
        if isinstance(value, _RECORDS):
            yield name, value
        elif _is_records(value):
            yield from ((f"{name}[{key!r}]", record) for key, record in value.items())


def _is_records(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(v, _RECORDS) for v in value.values())
    )


def _is_code(value: Any) -> bool:
    """Functions without captured variables, classes and modules: the passed environment's own."""
    if isinstance(value, types.FunctionType):
        return not value.__closure__
    return isinstance(value, (type, types.ModuleType, types.BuiltinFunctionType))


def _is_rendering(value: Any) -> bool:
    # a window or a surface, made again at the next render()
    return type(value).__module__.split(".")[0] == "pygame"


def _is_writer(value: Any) -> bool:
    # Monitor's open log file belongs to the environment that the user passes
    return type(value).__name__ == "ResultsWriter"


def _save_spaces(level: Any) -> dict[str, list[Any]]:
    return {
        name: space_generators(value)
        for name, value in vars(level).items()
        if isinstance(value, spaces.Space)
    }


def _prepare_spaces(where: str, level: Any, saved: dict[str, list[Any]]) -> Callable[[], None]:
    here = {k: v for k, v in vars(level).items() if isinstance(v, spaces.Space)}
    if set(here) != set(saved):
        raise MismatchedCheckpoint(
            f"{where} has the spaces {sorted(here)}, the checkpoint has {sorted(saved)}: pass an "
            "environment of the same class"
        )
    restores = [
        prepare_space_generators(space, saved[name], f"{where}.{name}")
        for name, space in here.items()
    ]

    def restore() -> None:
        for apply in restores:
            apply()

    return restore


def _require_plain(value: Any, where: str, owner: str) -> None:
    try:
        encode(value)
    except UnsupportedValue as error:
        raise UnsavableEnvironment(
            f"{where} cannot be saved ({error}): {_ADVICE.format(owner=owner)}"
        ) from error
