"""Environments in other processes: each worker is asked, through the wrapper that speaks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..checkpoint import MismatchedCheckpoint
from .levels import Level, UnsavableEnvironment
from .missing import lose

# what a `SubprocVecEnv` keeps on this side until the next reset
_HERE = ("_seeds", "_options", "reset_infos")


def save_workers(level: Level) -> dict[str, Any]:
    """Returns the state of every worker's environment, and what is kept for them here."""
    states = level.what.env_method("get_state")
    for number, state in enumerate(states):
        for line in state["missing"]:
            lose(UnsavableEnvironment(f"{level.where}, worker {number}: {line}"))
    lost = [f"worker {number}" for number, state in enumerate(states) if state["missing"]]
    here = {name: vars(level.what)[name] for name in _HERE if name in vars(level.what)}
    return {"workers": states, "here": here, "lost": lost}


def prepare_workers(level: Level, entry: dict[str, Any]) -> Callable[[], None]:
    """Checks the states in the workers; returns what puts them back there.

    Raises:
        MismatchedCheckpoint: another number of workers, or an environment that is built otherwise.
    """
    env, states = level.what, entry["workers"]
    if len(states) != env.num_envs:
        raise MismatchedCheckpoint(
            f"expected {len(states)} workers in {level.where}, as the run has, got {env.num_envs}"
        )
    for number, state in enumerate(states):
        (refusal,) = env.env_method("refusal", state, indices=[number])
        if refusal is not None and not entry["lost"]:
            raise MismatchedCheckpoint(f"{level.where}, worker {number}: {refusal}")

    def restore() -> None:
        vars(env).update(entry["here"])
        for number, state in enumerate(states):
            if not entry["lost"]:
                env.env_method("set_state", state, indices=[number])

    return restore
