"""The file of a population: its members and its own state in one sealed checkpoint.

The members are stored as they are in their own checkpoints, with the streams that they carry. On
reading, models come from the caller's `make`, which holds the code and the environments; that it
builds what the run was built of is checked, and everything is checked before anything is applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import CheckpointError, MismatchedCheckpoint, bits_of, read
from ..run_state.claims import require_entries
from ..run_state.streams import prepare_streams
from ..saving.configuration import require_spaces, save_configuration
from ..saving.part import Apply
from ..saving.paths import existing
from ..saving.registry import names_of, prepare_parts
from ..saving.tree import run_tree
from .explore import priors_as_data, priors_from_data
from .hyperparameters import put_all, require_effect, require_explored, require_legal
from .member import Make, Member, require_apart
from .settings import Settings, make_settings, mean_episode_return

KIND = "Population"
_ENTRIES: dict[str, tuple[type, ...]] = {
    "settings": (dict,),
    "members": (list,),
    "generator": (np.random.Generator,),
    "total_timesteps": (int,),
    "round": (int,),
    "turn": (int,),
}
_MEMBER: dict[str, tuple[type, ...]] = {
    "seed": (int,),
    "hyperparameters": (dict,),
    "score": (float, type(None)),
    "history": (list,),
    "until": (int,),
    "run": (dict,),
}
_OWN_FITNESS = "mean_episode_return"
# where output goes is the caller's business
_OUTPUT = ("verbose", "tensorboard_log")


class InterruptedMember(CheckpointError):
    """A member was interrupted in the middle of a step or an update, so it cannot be saved exactly.

    You see it when: saving after an error or Ctrl-C inside an environment or an update.
    What to do: load the population saved before.
    """


def save_member(member: Member) -> dict[str, Any]:
    """One member as plain data; with the streams that it carries, or those in place if it trains.

    Raises:
        CheckpointError: part of the member cannot be saved; says which and what to write.
    """
    unfinished = member.model._loop.unfinished
    if unfinished is not None:
        raise InterruptedMember(
            f"{unfinished} of member {member.index} was interrupted, so the population cannot be "
            "resumed exactly from here: load the one that was saved before"
        )
    run = run_tree(member.model)
    if member.streams is not None:
        run["parts"]["streams"] = member.streams
    return {name: getattr(member, name) for name in _MEMBER if name != "run"} | {"run": run}


def settings_as_data(settings: Settings) -> dict[str, Any]:
    """The settings as plain data; a fitness of the user's own is only named."""
    data = {field.name: getattr(settings, field.name) for field in fields(settings)}
    fitness = settings.fitness
    own = getattr(fitness, "__qualname__", type(fitness).__qualname__)
    name = _OWN_FITNESS if fitness is mean_episode_return else f"yours: {own}"
    return data | {"explore": priors_as_data(settings.explore), "fitness": name}


def settings_from_data(data: dict[str, Any], overrides: Mapping[str, Any]) -> Settings:
    """The file's settings, with the caller's on top.

    Raises:
        MismatchedCheckpoint: a fitness of the user's own was not passed again, or other
            hyper-parameters are to be explored.
    """
    require_entries("settings", data, [field.name for field in fields(Settings)])
    if data["fitness"] != _OWN_FITNESS and "fitness" not in overrides:
        raise MismatchedCheckpoint(
            f"the fitness was {data['fitness']!r}, your own code, which a checkpoint does not "
            "hold: pass it again, Population.load(path, make, fitness=...)"
        )
    explore = priors_from_data(data["explore"])
    settings = make_settings(
        {**data, "explore": explore, "fitness": mean_episode_return, **overrides}
    )
    if set(settings.explore) != set(explore):
        raise MismatchedCheckpoint(
            f"the population explores {sorted(explore)}, got explore={sorted(settings.explore)}: "
            "only the distributions can be changed at load"
        )
    return settings


def read_population(path: str | Path) -> tuple[dict[str, Any], list[str]]:
    """The verified content of the file, its own entries checked, and what it lacks.

    Raises:
        CheckpointError: the file is damaged, foreign, newer, or holds something else.
    """
    manifest, tree = read(existing(path))
    if manifest["kind"] != KIND:
        raise MismatchedCheckpoint(
            f"{str(path)!r} holds a {manifest['kind']}, expected a {KIND}: load it with "
            f"{manifest['kind']}.load"
        )
    _require_typed("population", tree, _ENTRIES)
    for index, state in enumerate(tree["members"]):
        _require_typed(f"members[{index}]", state, _MEMBER)
    size, turn = len(tree["members"]), tree["turn"]
    if size < 2 or turn not in range(size + 1):
        raise MismatchedCheckpoint(
            f"{str(path)!r} has {size} members of which {turn} have trained in this round, "
            "expected two members or more: load another checkpoint"
        )
    return tree, manifest.get("missing", [])


def _require_typed(where: str, state: Any, expected: Mapping[str, tuple[type, ...]]) -> None:
    require_entries(where, state, expected)
    for name, kinds in expected.items():
        if type(state[name]) not in kinds:
            raise MismatchedCheckpoint(
                f"{where}[{name!r}] is {state[name]!r:.80}, expected {kinds[0].__name__}: load "
                "another checkpoint"
            )


def prepare_member(member: Member, state: dict[str, Any], explored: Mapping[str, Any]) -> Apply:
    """Checks one member of a file against the one that `make` has built; returns what applies it.

    Raises:
        CheckpointError: the model is not built as the run's was.
    """
    model = member.model
    run = state["run"]
    where = f"members[{member.index}]"
    require_entries(f"{where}.run", run, ("configuration", "spaces", "parts"))
    require_entries(f"{where}.run.parts", run["parts"], names_of(type(model)))
    require_entries(f"{where}.hyperparameters", state["hyperparameters"], explored)
    require_effect(model, explored, f"member {member.index}")
    require_legal(state["hyperparameters"], f"{where}.hyperparameters")
    require_spaces(model.present_env, run["spaces"])
    put_all(model, state["hyperparameters"])
    _require_same_configuration(member, run["configuration"])
    parts = {name: part for name, part in run["parts"].items() if name != "streams"}
    prepare_streams(run["parts"]["streams"])
    restore = prepare_parts(model, parts)

    def apply() -> None:
        restore()
        member.streams = run["parts"]["streams"]
        for name in _MEMBER.keys() - {"seed", "run"}:
            setattr(member, name, state[name])

    return apply


def restore_members(
    states: list[dict[str, Any]],
    make: Make,
    explored: Mapping[str, Any],
    hyperparameters: Mapping[str, float],
) -> list[Member]:
    """The members of a file, with hyper-parameters that win over what they had.

    Raises:
        CheckpointError: `make` builds other models; nothing has been changed then.
        TypeError: a hyper-parameter is unknown.
        ValueError: one is not explored, or its value is not legal.
    """
    members = [Member(index, state["seed"], make) for index, state in enumerate(states)]
    require_apart(members)
    prepared = [
        prepare_member(m, state, explored) for m, state in zip(members, states, strict=True)
    ]
    require_legal(hyperparameters, "hyperparameters")
    require_explored(hyperparameters, explored)
    for member, apply in zip(members, prepared, strict=True):
        apply()
        member.hyperparameters |= hyperparameters
        put_all(member.model, member.hyperparameters)
    return members


def _require_same_configuration(member: Member, saved: dict[str, Any]) -> None:
    here = save_configuration(member.model)
    wrong = [
        f"{name}={here.get(name)!r} (saved: {saved.get(name)!r})"
        for name in sorted(set(here) | set(saved))
        if name not in _OUTPUT and bits_of(here.get(name)) != bits_of(saved.get(name))
    ]
    if wrong:
        raise MismatchedCheckpoint(
            f"make builds member {member.index} with {', '.join(wrong)}, expected what was saved: "
            "let it build the members as those of the run were"
        )
