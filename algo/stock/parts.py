"""The parts of any algorithm's run: the same rows, and the same functions, as for our own.

What no other part claims is read as it is: counters, schedules, action noise, recurrent states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..checkpoint import MismatchedCheckpoint, UnsupportedValue, bits_of
from ..run_state.environment import is_exact, prepare_environment, save_environment
from ..run_state.graph.freeze import Freezer, Unfrozen
from ..run_state.graph.reachable import Reachable
from ..run_state.graph.thaw import Thawer
from ..run_state.levels import levels_of
from ..run_state.missing import collecting, lose
from ..run_state.streams import (
    prepare_space_generators,
    prepare_streams,
    save_streams,
    space_generators,
)
from ..saving.configuration import named_code
from ..saving.part import Apply, Part
from .networks import (
    optimizers_of,
    prepare_networks,
    prepare_optimizers,
    save_networks,
    save_optimizers,
)

BUFFERS = ("rollout_buffer", "replay_buffer")
_SPACES = ("observation_space", "action_space")
# parts of their own, made anew at every start, or output
_ELSEWHERE = (
    *("policy", "env", "_vec_normalize_env", "n_envs", "device", *_SPACES, *BUFFERS),
    *("_logger", "_custom_logger", "start_time"),
)
# what a buffer is built with, and shares with the model
_OF_MODEL = ("device", *_SPACES)
_ADVICE = "keep plain data in it, or Python objects made of plain data"


def places_of(model: Any) -> dict[str, list[Any]]:
    """Returns what the parts save elsewhere, by kind: a link to it is a number."""
    with collecting():
        levels = [level.what for level in levels_of(model.env, "env", set())] if model.env else []
    return {
        "level": levels,
        "module": list(model.policy.modules()) if _has_policy(model) else [],
        "optimizer": list(optimizers_of(model).values()) if _has_policy(model) else [],
    }


def _has_policy(model: Any) -> bool:
    return isinstance(getattr(model, "policy", None), torch.nn.Module)


def thawer_of(model: Any) -> Thawer:
    """Returns what makes the objects of a checkpoint of this model."""
    places = places_of(model)
    own = [value for name, value in vars(model).items() if name not in _ELSEWHERE]
    roots = [type(model), places["level"], list(named_code().values()), model.policy_class, own]
    return Thawer(Reachable(roots), places)


def freeze_each(model: Any, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Returns the values as trees; loses, by name, what cannot be one."""
    numbers = {
        id(value): (kind, number)
        for kind, values_there in places_of(model).items()
        for number, value in enumerate(values_there)
    }
    freezer, trees = Freezer(numbers, passed_again=True), {}
    for name, value in values.items():
        try:
            trees[name] = freezer.freeze(value, f"{where}.{name}")
        except Unfrozen as unfrozen:
            text = f"{unfrozen.path} cannot be saved ({unfrozen.reason}): {_ADVICE}"
            lose(UnsupportedValue(text))
    return trees


def _attributes(model: Any) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(model).items()
        if name not in _ELSEWHERE and not isinstance(value, torch.optim.Optimizer)
    }


def _save_attributes(model: Any) -> dict[str, Any]:
    return freeze_each(model, _attributes(model), "model")


def _prepare_attributes(model: Any, state: dict[str, Any]) -> Apply:
    thawer = thawer_of(model)
    thawer.check(state, "model")

    def apply() -> None:
        with collecting():
            here = _save_attributes(model)
        for name, tree in state.items():
            # what is right already stays: the networks may hold the very same list
            if name not in here or bits_of(here[name]) != bits_of(tree):
                vars(model)[name] = thawer.thaw(tree, vars(model).get(name))

    return apply


def buffers_of(model: Any) -> dict[str, Any]:
    """Returns the buffers that the model has, by name."""
    held = {name: vars(model).get(name) for name in BUFFERS}
    return {name: buffer for name, buffer in held.items() if buffer is not None}


def buffer_values(buffer: Any) -> dict[str, Any]:
    """Returns what a buffer holds, without what it is built with."""
    return {name: value for name, value in vars(buffer).items() if name not in _OF_MODEL}


def _save_buffers(model: Any) -> dict[str, Any]:
    return {
        name: freeze_each(model, buffer_values(buffer), name)
        for name, buffer in buffers_of(model).items()
    }


def _prepare_buffers(model: Any, state: dict[str, Any]) -> Apply:
    buffers, thawer = buffers_of(model), thawer_of(model)
    if set(buffers) != set(state):
        raise MismatchedCheckpoint(
            f"expected the buffers {sorted(buffers)}, got {sorted(state)} in the checkpoint: it is "
            "of another algorithm"
        )
    for name, values in state.items():
        missing = sorted(set(buffer_values(buffers[name])) - set(values))
        if missing:
            raise MismatchedCheckpoint(
                f"expected a {name} with {missing}, got none in the checkpoint: resume it with the "
                "version of the library that wrote it"
            )
        thawer.check(values, name)

    def apply() -> None:
        for name, values in state.items():
            own = vars(buffers[name])
            own.update({key: thawer.thaw(tree, own.get(key)) for key, tree in values.items()})

    return apply


def _save_environment(model: Any) -> dict[str, Any]:
    return save_environment(model.env)


def _prepare_environment(model: Any, state: dict[str, Any]) -> Apply:
    restore = prepare_environment(model.env, state)

    def apply() -> None:
        restore()
        if not is_exact(state):
            vars(model)["_last_obs"] = None  # `learn()` begins a new episode

    return apply


def _save_spaces(model: Any) -> dict[str, Any]:
    return {name: space_generators(getattr(model, name)) for name in _SPACES}


def _prepare_spaces(model: Any, state: dict[str, Any]) -> Apply:
    restores = [
        prepare_space_generators(getattr(model, name), state[name], name) for name in _SPACES
    ]

    def apply() -> None:
        for restore in restores:
            restore()

    return apply


def _save_streams(_model: Any) -> dict[str, Any]:
    return save_streams()


def _prepare_streams(_model: Any, state: dict[str, Any]) -> Apply:
    return prepare_streams(state)


def _row(name: str, save: Callable[[Any], Any], prepare: Callable[[Any, Any], Apply]) -> Part:
    return Part(name=name, save=save, prepare=prepare)


PARTS: tuple[Part, ...] = (
    _row("networks", save_networks, prepare_networks),
    _row("optimizers", save_optimizers, prepare_optimizers),
    _row("buffers", _save_buffers, _prepare_buffers),
    _row("attributes", _save_attributes, _prepare_attributes),
    _row("environment", _save_environment, _prepare_environment),
    _row("spaces", _save_spaces, _prepare_spaces),
    _row("streams", _save_streams, _prepare_streams),
)
"""Every part of a run; the streams come last, for whatever the others draw is undone by them."""

NAMES = tuple(part.name for part in PARTS)


def save_parts(model: Any, excluded: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns the states of all parts but the excluded."""
    return {part.name: part.save(model) for part in PARTS if part.name not in excluded}


def prepare_parts(model: Any, states: Mapping[str, Any]) -> Apply:
    """Checks every state against the model; returns what applies them all, streams last."""
    prepared = [part.prepare(model, states[part.name]) for part in PARTS if part.name in states]

    def apply() -> None:
        for restore in prepared:
            restore()

    return apply
