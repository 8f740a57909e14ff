"""The tree that a checkpoint of one model holds: made, and checked, before anything is applied."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..checkpoint import MismatchedCheckpoint, UnsupportedValue, unstorable_reason
from ..run_state.claims import require_entries
from ..run_state.missing import collecting, lose
from ..run_state.model import Model
from .configuration import constructor_arguments, save_configuration
from .ownership import require_claimed
from .registry import names_of, save_parts


def require_tree(tree: dict[str, Any], cls: type[Model]) -> None:
    """Checks that a checkpoint holds the parts of this class and no others.

    Raises:
        MismatchedCheckpoint: lists the missing and the unknown ones.
    """
    require_entries("the checkpoint", tree, ("configuration", "spaces", "parts"))
    names, learned = set(names_of(cls)), set(names_of(cls, learned=True))
    unknown = set(tree["parts"]) - names
    missing = learned - set(tree["parts"])
    if unknown or missing:
        raise MismatchedCheckpoint(
            f"the checkpoint has the unknown parts {sorted(unknown)} and misses {sorted(missing)}: "
            f"expected {sorted(names)} for {cls.__name__}"
        )


def run_tree(model: Model, excluded: Collection[str] = ()) -> dict[str, Any]:
    """What a checkpoint of the model holds: configuration, spaces, and every part not excluded.

    Raises:
        CheckpointError: part of the run cannot be saved; says which and what to write.
    """
    require_claimed(model)
    names = [name for name in names_of(type(model)) if name not in excluded]
    if model.env is None and not model._suspended:
        names = [name for name in names if name != "environment"]
    return {
        "configuration": save_configuration(model),
        "spaces": {
            "observation_space": model.observation_space,
            "action_space": model.action_space,
            "n_envs": model.n_envs,
        },
        "parts": save_parts(model, names),
    }


def require_resumable(cls: type[Model], parts: dict[str, Any]) -> None:
    """Accepts the parts of a whole run only.

    Raises:
        MismatchedCheckpoint: one was left out at save.
    """
    missing = [name for name in names_of(cls, learned=False) if name not in parts]
    if missing:
        raise MismatchedCheckpoint(
            f"the checkpoint was saved without {missing}, so the run cannot be resumed exactly: "
            "start afresh with load(path, env=env, force_reset=True), or load without env to "
            "predict"
        )


def missing_of(model: Model) -> list[str]:
    """Returns what a checkpoint of the model would lack right now, a line each."""
    if model.env is None:
        return []
    with collecting() as missing:
        require_claimed(model)
        constructor_arguments(model)
        states = save_parts(model, names_of(type(model), learned=False))
        without_unstorable(states)
    return missing


def without_unstorable(value: Any, path: str = "run") -> Any:
    """Returns the value with None for every leaf that the schema does not hold, each told."""
    reason = unstorable_reason(value)
    if reason is None:
        return value
    if type(value) is dict:
        return {key: without_unstorable(v, f"{path}[{key!r}]") for key, v in value.items()}
    if type(value) in (list, tuple):
        items = [without_unstorable(v, f"{path}[{i}]") for i, v in enumerate(value)]
        return type(value)(items)
    short = reason.partition(", expected one of")[0].removeprefix("state ")
    lose(UnsupportedValue(f"{path} cannot be saved ({short}): turn it into plain data"))
    return None
