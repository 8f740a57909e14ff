"""The registry of stateful parts: the one list that every way in and out of a model loops over.

`save`, `load`, `get_parameters`, `set_parameters` and the exchange between members of a
population know no part by name. A part that is not in `parts_of` cannot exist, and an attribute of
the model that nobody claims is an error at save: that is the answer to bug 10.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from ..checkpoint import MismatchedCheckpoint
from ..run_state.claims import OwnPart, Saved, declared_attributes, require_entries
from ..run_state.environment import is_exact, prepare_environment, save_environment
from ..run_state.loop import COLLECTING, IDLE, Loop
from ..run_state.model import Model
from ..run_state.streams import (
    prepare_space_generators,
    prepare_streams,
    save_streams,
    space_generators,
)
from .optimizer_state import is_of_same_class, prepare_optimizer, save_optimizer
from .part import Apply, Part, attributes_part, component_part
from .policy_state import prepare_policy, save_policy

_LOG = ("name_to_value", "name_to_count", "name_to_excluded")


def _save_rollout(model: Model) -> dict[str, Any]:
    made_of = {"device", "observation_space", "action_space"}  # linked when the buffer is built
    return {k: v for k, v in vars(model.rollout_buffer).items() if k not in made_of}


def _prepare_rollout(model: Model, state: dict[str, Any]) -> Apply:
    buffer = model.rollout_buffer
    require_entries("rollout_buffer", state, tuple(_save_rollout(model)))
    for size in ("buffer_size", "n_envs"):
        if state[size] != getattr(buffer, size):
            if state["generator_ready"] or state["pos"] == 0:
                return lambda: None  # between rollouts: nothing in it will be read again
            raise MismatchedCheckpoint(
                f"rollout_buffer.{size} is {getattr(buffer, size)}, the checkpoint was saved in "
                f"the middle of a rollout with {state[size]}: resume it with {state[size]}, or "
                "drop the partial rollout with load(path, env=env, force_reset=True)"
            )
    return lambda: vars(buffer).update(state)


def _save_spaces(model: Model) -> dict[str, Any]:
    return {n: space_generators(getattr(model, n)) for n in ("observation_space", "action_space")}


def _prepare_spaces(model: Model, state: dict[str, Any]) -> Apply:
    require_entries("spaces", state, ("observation_space", "action_space"))
    restores = [prepare_space_generators(getattr(model, n), g, n) for n, g in state.items()]

    def restore_all() -> None:
        for restore in restores:
            restore()

    return restore_all


def _save_loop(model: Model) -> dict[str, Any]:
    loop = model._loop
    callbacks = loop.callbacks
    logger = getattr(model, "_logger", None)
    pending = None if callbacks is None else callbacks.pending()
    return {
        "phase": loop.phase,
        "iteration": loop.iteration,
        "learning": loop.learning,
        "pending": loop.pending if pending is None else pending | {"transition": loop.transition},
        "callback_states": loop.callback_states | ({} if callbacks is None else callbacks.save()),
        "log": loop.log or {name: dict(getattr(logger, name, {})) for name in _LOG},
    }


def _prepare_loop(model: Model, state: dict[str, Any]) -> Apply:
    require_entries(
        "loop", state, ("phase", "iteration", "learning", "pending", "callback_states", "log")
    )

    def restore() -> None:
        model._loop = Loop(**state)

    return restore


def _save_environment(model: Model) -> dict[str, Any]:
    return save_environment(model.present_env)


def _prepare_environment(model: Model, state: dict[str, Any]) -> Apply:
    apply = prepare_environment(model.present_env, state)

    def restore() -> None:
        apply()
        if not is_exact(state):
            _begin_episode(model)

    return restore


def _begin_episode(model: Model) -> None:
    """Lets `learn()` reset the environment; a partial rollout ended in a state that is lost."""
    model._last_obs = None
    if model._loop.phase == COLLECTING:
        model._loop.phase, model._loop.pending = IDLE, None
        model.rollout_buffer.reset()


def _save_streams(_model: Model) -> dict[str, Any]:
    return save_streams()


def _prepare_streams(_model: Model, state: dict[str, Any]) -> Apply:
    return prepare_streams(state)


def _save_declared(model: Model) -> dict[str, Any]:
    claims = declared_attributes(type(model))
    return {k: v for k, v in vars(model).items() if isinstance(claims.get(k), Saved)}


def _prepare_declared(model: Model, state: dict[str, Any]) -> Apply:
    claims = declared_attributes(type(model))
    unknown = [name for name in state if not isinstance(claims.get(name), Saved)]
    if unknown:
        raise MismatchedCheckpoint(
            f"the checkpoint holds {unknown}, which {type(model).__name__} does not declare as "
            "saved(): load it with the class that wrote it"
        )
    return lambda: vars(model).update(state)


_STREAMS = Part(name="streams", save=_save_streams, prepare=_prepare_streams, waits=True)

PARTS: tuple[Part, ...] = (
    Part(
        name="policy",
        save=save_policy,
        prepare=prepare_policy,
        learned=True,
        attributes=("policy",),
        stock={"critic": "scalar", "twin_critics": False},
    ),
    Part(
        name="policy.optimizer",
        save=save_optimizer,
        prepare=prepare_optimizer,
        fits=is_of_same_class,
        learned=True,
        switch="optimizer",
        stock={"optimizer": "adam"},
    ),
    component_part("vgs", switch="vgs"),
    component_part("kl_penalty", switch="kl_penalty"),
    component_part("return_normalizer", switch="normalize_returns"),
    Part(
        name="rollout_buffer",
        save=_save_rollout,
        prepare=_prepare_rollout,
        attributes=("rollout_buffer",),
        situated=True,
    ),
    attributes_part(
        "progress",
        "num_timesteps",
        "_total_timesteps",
        "_num_timesteps_at_start",
        "_current_progress_remaining",
        "_n_updates",
        "_episode_num",
    ),
    attributes_part("episodes", "ep_info_buffer", "ep_success_buffer"),
    attributes_part(
        "last_step", "_last_obs", "_last_episode_starts", "_last_original_obs", situated=True
    ),
    Part(name="loop", save=_save_loop, prepare=_prepare_loop, attributes=("_loop",), situated=True),
    Part(name="declared", save=_save_declared, prepare=_prepare_declared),
    Part(
        name="environment",
        save=_save_environment,
        prepare=_prepare_environment,
        attributes=("env", "_vec_normalize_env"),
        situated=True,
        waits=True,
    ),
    Part(
        name="spaces",
        save=_save_spaces,
        prepare=_prepare_spaces,
        attributes=("observation_space", "action_space"),
        situated=True,
        waits=True,
    ),
)
"""The parts of every model but its streams; those of a subclass follow, see `parts_of`."""


@cache
def parts_of(cls: type[Model]) -> tuple[Part, ...]:
    """Returns every part of a class: the ones here, and those that it declares as `part()`.

    The streams come last: whatever the others draw while they are put in place is undone by them.
    """
    claims = declared_attributes(cls)
    own = [component_part(name) for name, claim in claims.items() if isinstance(claim, OwnPart)]
    return (*PARTS, *own, _STREAMS)


def names_of(cls: type[Model], **having: bool) -> tuple[str, ...]:
    """Returns the names of the parts of a class with these marks, such as `learned=True`."""
    return tuple(
        part.name
        for part in parts_of(cls)
        if all(getattr(part, mark) is value for mark, value in having.items())
    )


def save_parts(model: Model, names: Collection[str]) -> dict[str, Any]:
    """Returns the states of the named parts; waiting ones are given back as they were read."""
    return {
        part.name: model._suspended[part.name]
        if part.name in model._suspended
        else part.save(model)
        for part in parts_of(type(model))
        if part.name in names
    }


def prepare_parts(model: Model, states: Mapping[str, Any]) -> Apply:
    """Checks every state against the model; returns what applies them all, streams last."""
    parts = [part for part in parts_of(type(model)) if part.name in states]
    prepared = [part.prepare(model, states[part.name]) for part in parts]

    def apply() -> None:
        for restore in prepared:
            restore()

    return apply
