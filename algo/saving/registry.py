"""The registry of stateful parts: the one list that every way in and out of a model loops over.

`save`, `load`, `get_parameters`, `set_parameters` and the exchange between members of a
population know no part by name. A part that is not in `PARTS` cannot exist, and an attribute of
the model that nobody claims is an error at save: that is the answer to bug 10.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, final

from ..checkpoint import MismatchedCheckpoint
from ..run_state.claims import Saved, declared_attributes, require_entries
from ..run_state.environment import prepare_environment, save_environment
from ..run_state.loop import Loop
from ..run_state.streams import (
    prepare_space_generators,
    prepare_streams,
    save_streams,
    space_generators,
)
from .optimizer_state import prepare_optimizer, save_optimizer
from .policy_state import prepare_policy, save_policy

Apply = Callable[[], None]
_LOG = ("name_to_value", "name_to_count", "name_to_excluded")


@final
@dataclass(frozen=True, kw_only=True)
class Part:
    """One stateful part of a model.

    Attributes:
        name: the key of the part in a checkpoint and in `get_parameters()`.
        save: reads the part's state as plain data; moves and draws nothing.
        prepare: checks a state against the model, changes nothing, and returns what applies it.
        learned: part of what was learned, and so of `get_parameters` and of an exchange;
            otherwise part of the run (streams, environment, buffers).
        attributes: the names of the model's attributes that this part is responsible for.
    """

    name: str
    save: Callable[[Any], Any]
    prepare: Callable[[Any, Any], Apply]
    learned: bool = False
    attributes: tuple[str, ...] = ()


def _attributes_part(name: str, *attributes: str) -> Part:
    def save(model: Any) -> dict[str, Any]:
        return {key: getattr(model, key) for key in attributes}

    def prepare(model: Any, state: dict[str, Any]) -> Apply:
        require_entries(name, state, attributes)
        return lambda: vars(model).update(state)

    return Part(name=name, save=save, prepare=prepare, attributes=attributes)


def _component_part(name: str) -> Part:
    """A part that an option may switch off, with state_dict, check_state_dict, load_state_dict."""

    def save(model: Any) -> dict[str, Any] | None:
        component = getattr(model, name)
        return None if component is None else component.state_dict()

    def prepare(model: Any, state: dict[str, Any] | None) -> Apply:
        component = getattr(model, name)
        if (component is None) != (state is None):
            raise MismatchedCheckpoint(
                f"{name} is {'off' if component is None else 'on'} in the model and "
                f"{'off' if state is None else 'on'} in the checkpoint: build the model as the run "
                f"was, or say {name}=... to load()"
            )
        if component is None:
            return lambda: None
        component.check_state_dict(state)
        return lambda: component.load_state_dict(state)

    return Part(name=name, save=save, prepare=prepare, learned=True, attributes=(name,))


def _save_rollout(model: Any) -> dict[str, Any]:
    made_of = {"device", "observation_space", "action_space"}  # linked when the buffer is built
    return {k: v for k, v in vars(model.rollout_buffer).items() if k not in made_of}


def _prepare_rollout(model: Any, state: dict[str, Any]) -> Apply:
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


def _save_spaces(model: Any) -> dict[str, Any]:
    return {n: space_generators(getattr(model, n)) for n in ("observation_space", "action_space")}


def _prepare_spaces(model: Any, state: dict[str, Any]) -> Apply:
    require_entries("spaces", state, ("observation_space", "action_space"))
    restores = [prepare_space_generators(getattr(model, n), g, n) for n, g in state.items()]

    def restore_all() -> None:
        for restore in restores:
            restore()

    return restore_all


def _save_loop(model: Any) -> dict[str, Any]:
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


def _prepare_loop(model: Any, state: dict[str, Any]) -> Apply:
    require_entries(
        "loop", state, ("phase", "iteration", "learning", "pending", "callback_states", "log")
    )

    def restore() -> None:
        model._loop = Loop(**state)

    return restore


def _save_environment(model: Any) -> dict[str, Any]:
    return save_environment(model.env)


def _prepare_environment(model: Any, state: dict[str, Any]) -> Apply:
    return prepare_environment(model.env, state)


def _save_streams(_model: Any) -> dict[str, Any]:
    return save_streams()


def _prepare_streams(_model: Any, state: dict[str, Any]) -> Apply:
    return prepare_streams(state)


def _save_declared(model: Any) -> dict[str, Any]:
    claims = declared_attributes(type(model))
    return {k: v for k, v in vars(model).items() if isinstance(claims.get(k), Saved)}


def _prepare_declared(model: Any, state: dict[str, Any]) -> Apply:
    claims = declared_attributes(type(model))
    unknown = [name for name in state if not isinstance(claims.get(name), Saved)]
    if unknown:
        raise MismatchedCheckpoint(
            f"the checkpoint holds {unknown}, which {type(model).__name__} does not declare as "
            "saved(): load it with the class that wrote it"
        )
    return lambda: vars(model).update(state)


PARTS: tuple[Part, ...] = (
    Part(
        name="policy",
        save=save_policy,
        prepare=prepare_policy,
        learned=True,
        attributes=("policy",),
    ),
    Part(
        name="policy.optimizer",
        save=save_optimizer,
        prepare=prepare_optimizer,
        learned=True,
        attributes=(),
    ),
    _component_part("vgs"),
    _component_part("kl_penalty"),
    _component_part("return_normalizer"),
    Part(
        name="rollout_buffer",
        save=_save_rollout,
        prepare=_prepare_rollout,
        attributes=("rollout_buffer",),
    ),
    _attributes_part(
        "progress",
        "num_timesteps",
        "_total_timesteps",
        "_num_timesteps_at_start",
        "_current_progress_remaining",
        "_n_updates",
        "_episode_num",
    ),
    _attributes_part("episodes", "ep_info_buffer", "ep_success_buffer"),
    _attributes_part("last_step", "_last_obs", "_last_episode_starts", "_last_original_obs"),
    Part(name="loop", save=_save_loop, prepare=_prepare_loop, attributes=("_loop",)),
    Part(name="declared", save=_save_declared, prepare=_prepare_declared),
    Part(
        name="environment",
        save=_save_environment,
        prepare=_prepare_environment,
        attributes=("env", "_vec_normalize_env"),
    ),
    Part(
        name="spaces",
        save=_save_spaces,
        prepare=_prepare_spaces,
        attributes=("observation_space", "action_space"),
    ),
    # last: whatever the other parts draw while they are put in place is undone by it
    Part(name="streams", save=_save_streams, prepare=_prepare_streams),
)

# what a run has and a mere set of learned parameters has not
RUN_PARTS = tuple(part.name for part in PARTS if not part.learned)
# what ties a run to one environment; dropped when the caller wants to start afresh in another
SITUATION = ("rollout_buffer", "last_step", "loop", "environment", "spaces")


def save_parts(model: Any, names: Collection[str]) -> dict[str, Any]:
    """The states of the named parts; waiting ones are given back as they were read."""
    return {
        part.name: model._suspended[part.name]
        if part.name in model._suspended
        else part.save(model)
        for part in PARTS
        if part.name in names
    }


def prepare_parts(model: Any, states: Mapping[str, Any]) -> Apply:
    """Checks every state against the model; what is returned applies them all, streams last."""
    prepared = [part.prepare(model, states[part.name]) for part in PARTS if part.name in states]

    def apply() -> None:
        for restore in prepared:
            restore()

    return apply
