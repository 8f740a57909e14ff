"""The environment's own state: asked for, or read from the wrapper chain and put back.

An environment, wrapper or vectorised environment that offers `get_state()` and `set_state()` is
asked, and speaks for the environment that it wraps. Every other environment that is reached,
through the chain of wrappers or an attribute, gives the data it keeps; see `attributes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, final

from gymnasium import spaces
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv

from ..checkpoint import CheckpointError, MismatchedCheckpoint, is_storable, unstorable_reason
from .attributes import (
    OUTPUTS,
    captures,
    code,
    data,
    environments,
    is_of_library,
    put_back,
    record_data,
    records,
    slots,
)
from .streams import prepare_space_generators, space_generators

# the attributes by which one level of the chain holds the next
_CHAIN = ("venv", "envs", "env")

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
class UnsupportedEnvironment(UnsavableEnvironment):
    """Raised by `save()` when the environment is of a kind whose state can never be read here."""

    checkpoint_unsupported = True
    """To an instrument: this is no fault of the checkpoint, which says what it cannot do."""


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
    levels = list(_levels(env, path, set()))
    places = {id(level.what): place for place, level in enumerate(levels)}
    return {"levels": [_save_level(level, places) for level in levels]}


def prepare_environment(
    env: VecEnv, state: dict[str, Any], path: str = "env"
) -> Callable[[], None]:
    """Checks that the environment is built like the saved one; returns what restores it.

    Raises:
        MismatchedCheckpoint: another chain of wrappers, or other spaces inside it.
    """
    saved, here = state["levels"], list(_levels(env, path, set()))
    chains = [entry["class"] for entry in saved], [type(level.what).__name__ for level in here]
    if chains[0] != chains[1]:
        raise MismatchedCheckpoint(
            f"the run's environment is {' > '.join(chains[0])}, the one passed is "
            f"{' > '.join(chains[1])}: build it with the same wrappers in the same order, or "
            "start afresh in it with load(path, env=env, force_reset=True)"
        )
    levels = [level.what for level in here]
    borrowed = list(_borrowed_metadata(levels))
    restores = [_prepare_level(*pair, levels) for pair in zip(here, saved, strict=True)]

    def restore() -> None:
        for apply in restores:
            apply()
        for borrower, owner in borrowed:
            borrower.metadata = owner.metadata

    return restore


def _borrowed_metadata(levels: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Who holds the metadata that an environment keeps as state: a `DummyVecEnv` of its first."""
    for owner in levels:
        own = None if is_of_library(owner) else vars(owner).get("metadata")
        for level in levels:
            if own is not None and is_of_library(level) and vars(level).get("metadata") is own:
                yield level, owner


def _levels(level: Any, where: str, met: set[int], spoken_for: bool = False) -> Iterator[_Level]:
    """Every environment that is reached, from the outside in, and how the state of each is had."""
    if id(level) in met:
        return
    met.add(id(level))
    if isinstance(level, SubprocVecEnv):
        raise UnsupportedEnvironment(
            f"UNSUPPORTED: {where} is a SubprocVecEnv, whose environments live in other processes "
            "where their state cannot be read: use DummyVecEnv for exact resume, or leave the "
            'environment out with save(path, exclude=["environment"])'
        )
    how = "asked" if _is_asked(level) else "read"
    if spoken_for and not is_of_library(level):
        how = "spoken for"
    yield _Level(where=where, what=level, how=how)
    spoken_for = spoken_for or how == "asked"
    # what a level that speaks for itself keeps beside the chain is its own business
    beside = [name for name in vars(level) if name not in _CHAIN] if how == "read" else []
    for name in (*_CHAIN, *beside):
        value = vars(level).get(name)
        for index, inner in enumerate(environments(value)):
            place = f"[{index}]" if isinstance(value, (list, tuple)) else ""
            yield from _levels(inner, f"{where}.{name}{place}", met, spoken_for)


def _is_asked(level: Any) -> bool:
    # on the class: old Gymnasium wrappers forward unknown attributes to what they wrap
    return hasattr(type(level), "get_state") and hasattr(type(level), "set_state")


def _save_level(level: _Level, places: dict[int, int]) -> dict[str, Any]:
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
    return entry | _read_level(level, places)


def _read_level(level: _Level, places: dict[int, int]) -> dict[str, Any]:
    what = level.what
    entry: dict[str, Any] = {}
    _require_no_slots(what)
    entry["attributes"] = {
        name: value for name, value in data(what) if name not in OUTPUTS or is_storable(value)
    }
    entry["records"] = {name: record_data(record) for name, record in records(what)}
    entry["captures"] = {capture.name: capture.value for capture in captures(what)}
    for name, value in (entry["attributes"] | entry["records"] | entry["captures"]).items():
        _require_plain(value, f"{level.where}.{name}", type(what).__name__)
    entry["code"] = code(what)
    entry["links"] = {
        name: [places[id(env)] for env in environments(value)]
        for name, value in vars(what).items()
        if environments(value)
    }
    return entry


def _prepare_level(level: _Level, entry: dict[str, Any], levels: list[Any]) -> Callable[[], None]:
    restore_spaces = _prepare_spaces(level.where, level.what, entry["spaces"])
    if level.how != entry["how"]:
        raise MismatchedCheckpoint(
            f"{level.where} ({type(level.what).__name__}) is {level.how} now and was "
            f"{entry['how']} when the run was saved: resume it with the same get_state() and "
            "set_state()"
        )
    restore_read = _prepare_read(level, entry, levels) if level.how == "read" else None

    def restore() -> None:
        restore_spaces()
        if restore_read is not None:
            restore_read()
            return
        if level.how == "asked":
            level.what.set_state(entry["state"])
        if entry["np_random"] is not None:
            level.what._np_random = entry["np_random"]

    return restore


def _prepare_read(level: _Level, entry: dict[str, Any], levels: list[Any]) -> Callable[[], None]:
    kept = dict(records(level.what))
    _require_same(level.where, "the running statistics or frame stacks", kept, entry["records"])
    places = {capture.name: capture for capture in captures(level.what)}
    _require_same(level.where, "functions that keep the variables", places, entry["captures"])
    _require_same_code(level, entry["code"])

    def restore() -> None:
        put_back(level.what, entry["attributes"])
        for name, record in kept.items():
            vars(record).update(entry["records"][name])
        for name, capture in places.items():
            capture.put(entry["captures"][name])
        for name, indices in entry["links"].items():
            _link(level.what, name, [levels[index] for index in indices])

    return restore


def _link(level: Any, name: str, targets: list[Any]) -> None:
    """Points an attribute to the environments it pointed to; which one it was is state."""
    present = vars(level).get(name)
    if [id(env) for env in environments(present)] == [id(env) for env in targets]:
        return
    if isinstance(present, list):
        present[:] = targets
    else:
        vars(level)[name] = type(present)(targets) if isinstance(present, tuple) else targets[0]


def _require_same(where: str, what: str, here: dict[str, Any], saved: dict[str, Any]) -> None:
    if set(here) != set(saved):
        raise MismatchedCheckpoint(
            f"{where} has {what} {sorted(here)}, the checkpoint has {sorted(saved)}: pass an "
            "environment that is built like the run's"
        )


def _require_same_code(level: _Level, saved: dict[str, str]) -> None:
    here = code(level.what)
    for name in sorted(set(here) | set(saved)):
        if here.get(name) != saved.get(name):
            raise MismatchedCheckpoint(
                f"{level.where}.{name} was {saved.get(name, 'no function or class')} when the run "
                f"was saved and is {here.get(name, 'no function or class')} now: a checkpoint "
                "holds no code, so give the environment the same one before load()"
            )


def _require_no_slots(level: Any) -> None:
    if found := slots(level):
        raise UnsavableEnvironment(
            f"{type(level).__name__} keeps {found} in __slots__, which are not read: "
            f"{_ADVICE.format(owner=type(level).__name__)}"
        )


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
    if (reason := unstorable_reason(value)) is not None:
        short = reason.partition(", expected one of")[0]  # the advice says what is expected
        raise UnsavableEnvironment(
            f"{where} cannot be saved ({short}): {_ADVICE.format(owner=owner)}"
        )
