"""The environment's own state: asked for, or read from the wrapper chain and put back.

An environment, wrapper or vectorised environment that offers `get_state()` and `set_state()` is
asked, and speaks for the environment that it wraps. Every other environment that is reached,
through the chain of wrappers or an attribute, gives the data it keeps; see `attributes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import gymnasium as gym
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from ..checkpoint import MismatchedCheckpoint, is_storable, unstorable_reason
from .attributes import (
    OUTPUTS,
    captures,
    code,
    data,
    environments,
    put_back,
    record_data,
    records,
    rendering,
    slots,
)
from .graph.freeze import Freezer, Unfrozen
from .graph.reachable import Reachable
from .graph.thaw import Thawer
from .levels import Level, UnsavableEnvironment, borrowed_metadata, levels_of
from .missing import collecting, lose
from .streams import prepare_space_generators, space_generators
from .workers import prepare_workers, save_workers

Environment: TypeAlias = VecEnv | gym.Env[Any, Any]

_ADVICE = (
    "add two methods to {owner}: get_state(self) that returns plain data (numbers, strings, "
    "arrays, generators, and containers of these), and set_state(self, state) that puts it back"
)


def save_environment(env: Environment, path: str = "env") -> dict[str, Any]:
    """The state of an environment and of everything it wraps, as plain data.

    Raises:
        UnsavableEnvironment: an attribute is neither plain data nor code, or the environments
            live in other processes, and nobody collects what is missing.
    """
    levels = list(levels_of(env, path, set()))
    places = {id(level.what): place for place, level in enumerate(levels)}
    freezer = Freezer({key: ("level", place) for key, place in places.items()})
    return {"levels": [_save_level(level, places, freezer) for level in levels]}


def is_exact(state: dict[str, Any]) -> bool:
    """Returns whether nothing was lost of the environment whose state this is."""
    return not any(level.get("lost") or level["how"] == "lost" for level in state["levels"])


def prepare_environment(
    env: Environment, state: dict[str, Any], path: str = "env"
) -> Callable[[], None]:
    """Checks that the environment is built like the saved one; returns what restores it.

    Raises:
        MismatchedCheckpoint: another chain of wrappers, or other spaces inside it.
    """
    with collecting():  # what cannot be read here has been told when the run was saved
        saved, here = state["levels"], list(levels_of(env, path, set()))
    chains = [entry["class"] for entry in saved], [type(level.what).__name__ for level in here]
    if chains[0] != chains[1]:
        raise MismatchedCheckpoint(
            f"the run's environment is {' > '.join(chains[0])}, the one passed is "
            f"{' > '.join(chains[1])}: build it with the same wrappers in the same order, or "
            "start afresh in it with load(path, env=env, force_reset=True)"
        )
    levels = [level.what for level in here]
    borrowed = list(borrowed_metadata(levels))
    thawer = Thawer(Reachable(levels), {"level": levels})
    restores = [_prepare_level(*pair, levels, thawer) for pair in zip(here, saved, strict=True)]

    def restore() -> None:
        for apply in restores:
            apply()
        for borrower, owner in borrowed:
            borrower.metadata = owner.metadata

    return restore


def _save_level(level: Level, places: dict[int, int], freezer: Freezer) -> dict[str, Any]:
    what = level.what
    entry: dict[str, Any] = {
        "class": type(what).__name__,
        "how": level.how,
        "spaces": _save_spaces(what),
    }
    if level.how == "lost":
        return entry
    if level.how == "workers":
        return entry | save_workers(level)
    if level.how != "read":
        # Gymnasium's own stream is easily forgotten in a hand-written get_state
        entry["np_random"] = vars(what).get("_np_random")
        state = {"get_state()": what.get_state()} if level.how == "asked" else {}
        kept, entry["lost"] = _storable(level, state, freezer)
        entry["state"] = kept.get("get_state()")
        return entry
    return entry | _read_level(level, places, freezer)


def _read_level(level: Level, places: dict[int, int], freezer: Freezer) -> dict[str, Any]:
    what = level.what
    entry: dict[str, Any] = {"lost": _unread_slots(level)}
    for kind, found in {
        "attributes": {n: v for n, v in data(what) if n not in OUTPUTS or is_storable(v)},
        "records": {name: record_data(record) for name, record in records(what)},
        "captures": {capture.name: capture.value for capture in captures(what)},
    }.items():
        entry[kind], lost = _storable(level, found, freezer)
        entry["lost"] += lost
    entry["code"] = code(what)
    entry["rendering"] = rendering(what)
    entry["links"] = {
        name: [places[id(env)] for env in environments(value)]
        for name, value in vars(what).items()
        if environments(value)
    }
    return entry


def _prepare_level(
    level: Level, entry: dict[str, Any], levels: list[Any], thawer: Thawer
) -> Callable[[], None]:
    restore_spaces = _prepare_spaces(level.where, level.what, entry["spaces"])
    if level.how != entry["how"]:
        raise MismatchedCheckpoint(
            f"{level.where} ({type(level.what).__name__}) is {level.how} now and was "
            f"{entry['how']} when the run was saved: resume it with the same get_state() and "
            "set_state()"
        )
    reads = level.how == "read"
    thawer.check(entry.get("state"), level.where)
    restore_read = _prepare_read(level, entry, levels, thawer) if reads else None

    restore_workers = prepare_workers(level, entry) if level.how == "workers" else None

    def restore() -> None:
        restore_spaces()
        if restore_workers is not None:
            restore_workers()
            return
        if restore_read is not None:
            restore_read()
        if level.how in ("read", "lost"):
            return
        if level.how == "asked" and not entry.get("lost"):
            level.what.set_state(thawer.thaw(entry["state"]))
        if entry["np_random"] is not None:
            level.what._np_random = entry["np_random"]

    return restore


def _prepare_read(
    level: Level, entry: dict[str, Any], levels: list[Any], thawer: Thawer
) -> Callable[[], None]:
    lost = entry.get("lost", ())
    kept = {name: record for name, record in records(level.what) if name not in lost}
    _require_same(level.where, "the running statistics or frame stacks", kept, entry["records"])
    places = {each.name: each for each in captures(level.what) if each.name not in lost}
    _require_same(level.where, "functions that keep the variables", places, entry["captures"])
    _require_same_code(level, entry["code"])
    for kind in ("attributes", "records", "captures"):
        thawer.check(entry[kind], level.where)

    def restore() -> None:
        attributes = {
            name: thawer.thaw(tree, vars(level.what).get(name))
            for name, tree in entry["attributes"].items()
        }
        put_back(level.what, attributes, (*lost, *entry.get("rendering", ())))
        for name, record in kept.items():
            vars(record).update(thawer.thaw(entry["records"][name]))
        for name, capture in places.items():
            capture.put(thawer.thaw(entry["captures"][name], capture.value))
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


def _require_same_code(level: Level, saved: dict[str, str]) -> None:
    here = code(level.what)
    for name in sorted(set(here) | set(saved)):
        if here.get(name) != saved.get(name):
            raise MismatchedCheckpoint(
                f"{level.where}.{name} was {saved.get(name, 'no function or class')} when the run "
                f"was saved and is {here.get(name, 'no function or class')} now: a checkpoint "
                "holds no code, so give the environment the same one before load()"
            )


def _unread_slots(level: Level) -> list[str]:
    owner, found = type(level.what).__name__, slots(level.what)
    if found:
        advice = _ADVICE.format(owner=owner)
        text = f"{owner} keeps {found} in __slots__, which are not read: {advice}"
        lose(UnsavableEnvironment(text))
    return found


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


def _storable(
    level: Level, values: dict[str, Any], freezer: Freezer
) -> tuple[dict[str, Any], list[str]]:
    """The values that can be saved, and the names of those that are lost."""
    kept, owner = {}, type(level.what).__name__
    for name, value in values.items():
        place, reason = f"{level.where}.{name}", None
        try:
            tree = freezer.freeze(value, place)
            if tree is not value:
                reason = unstorable_reason(tree)  # nested too deep, say
        except Unfrozen as unfrozen:
            inside = unfrozen.path.removeprefix(place)
            reason = f"{inside} is {unfrozen.reason}" if inside else unfrozen.reason
        if reason is None:
            kept[name] = tree
            continue
        short = reason.partition(", expected one of")[0]  # the advice says what is expected
        text = f"{place} cannot be saved ({short}): {_ADVICE.format(owner=owner)}"
        lose(UnsavableEnvironment(text))
    return kept, [name for name in values if name not in kept]
