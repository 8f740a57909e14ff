"""The objects of an environment, from the outside in, and how the state of each is had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import gymnasium as gym
from stable_baselines3.common.vec_env import SubprocVecEnv

from ..checkpoint import CheckpointError
from .attributes import environments, is_of_library
from .missing import lose

# the attributes by which one level of the chain holds the next
_CHAIN = ("venv", "envs", "env")


class UnsavableEnvironment(CheckpointError):
    """Raised by `save(path, exact=True)` when part of the environment's state cannot be read.

    Add the two methods that the message names, or save without `exact`: what is missing is told
    then, and the environment begins a new episode when the run goes on.
    """


@final
class UnsupportedEnvironment(UnsavableEnvironment):
    """Raised by `save(path, exact=True)` where the environment can never be read here."""

    checkpoint_unsupported = True
    """To an instrument: this is no fault of the checkpoint, which says what it cannot do."""


@final
@dataclass(frozen=True, kw_only=True)
class Level:
    """One object of the chain: where it sits, and how its state is had.

    It is read, asked, spoken for, asked in its workers, or lost.
    """

    where: str
    what: Any
    how: str


def borrowed_metadata(levels: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Who holds the metadata that an environment keeps as state: a `DummyVecEnv` of its first."""
    for owner in levels:
        own = None if is_of_library(owner) else vars(owner).get("metadata")
        for level in levels:
            if own is not None and is_of_library(level) and vars(level).get("metadata") is own:
                yield level, owner


def levels_of(level: Any, where: str, met: set[int], spoken_for: bool = False) -> Iterator[Level]:
    """Every environment that is reached, from the outside in, and how the state of each is had."""
    if id(level) in met:
        return
    met.add(id(level))
    if isinstance(level, SubprocVecEnv):
        if _workers_speak(level):
            yield Level(where=where, what=level, how="workers")
            return
        text = (
            f"UNSUPPORTED: {where} is a SubprocVecEnv, whose environments live in other processes "
            "where their state cannot be read: use DummyVecEnv for exact resume, or Resumable as "
            "the outermost wrapper of each environment"
        )
        lose(UnsupportedEnvironment(text))
        yield Level(where=where, what=level, how="lost")
        return
    how = "asked" if _is_asked(level) else "read"
    if spoken_for and not is_of_library(level):
        how = "spoken for"
    yield Level(where=where, what=level, how=how)
    spoken_for = spoken_for or how == "asked"
    # what a level that speaks for itself keeps beside the chain is its own business
    beside = [name for name in vars(level) if name not in _CHAIN] if how == "read" else []
    for name in (*_CHAIN, *beside):
        value = vars(level).get(name)
        for index, inner in enumerate(environments(value)):
            place = f"[{index}]" if isinstance(value, (list, tuple)) else ""
            yield from levels_of(inner, f"{where}.{name}{place}", met, spoken_for)


class Speaking(gym.Wrapper[Any, Any, Any, Any]):
    """Speaks for all that it wraps, in whatever process: `get_state`, `refusal`, `set_state`."""


def _workers_speak(env: SubprocVecEnv) -> bool:
    """Whether the outermost wrapper of every environment speaks for it; the others are not asked.

    A worker that is asked for what it does not have ends, and the training with it.
    """
    if not all(env.env_is_wrapped(Speaking)):
        return False
    return all(name == "Resumable" for name in env.env_method("class_name"))


def _is_asked(level: Any) -> bool:
    # on the class: old Gymnasium wrappers forward unknown attributes to what they wrap
    return hasattr(type(level), "get_state") and hasattr(type(level), "set_state")
