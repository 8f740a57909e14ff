"""A model built for a checkpoint: the file's configuration, and what the caller says instead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from ..checkpoint import MismatchedCheckpoint
from ..maths.normalizer import ReturnNormalizer, conversion
from ..run_state.model import Model
from ..run_state.streams import preserved_streams
from .configuration import require_spaces
from .policy_state import configured_attributes
from .registry import parts_of

M = TypeVar("M", bound=Model)


def build(
    cls: type[M],
    tree: dict[str, Any],
    arguments: dict[str, Any],
    env: Any,
    device: Any,
    fresh: bool,
) -> M:
    """A model with the file's configuration and random weights, moving no global stream."""
    seed = arguments.pop("seed", None)
    spaces = tree["spaces"]
    with preserved_streams():
        model = cls(env=env, device=device, **arguments, _init_setup_model=False)
        if env is None:
            for name, value in spaces.items():
                setattr(model, name, value)
        else:
            require_spaces(model.present_env, spaces)
            if model.n_envs != spaces["n_envs"] and not fresh:
                raise MismatchedCheckpoint(
                    f"the run has {spaces['n_envs']} environments, {model.n_envs} were passed: "
                    "resume it with as many, or start afresh with "
                    "load(path, env=env, force_reset=True)"
                )
        with _without_orthogonal_init(model):
            model._setup_model()
    model.seed = arguments["seed"] = seed
    return model


def replaced(model: Model, parts: dict[str, Any], overrides: dict[str, Any]) -> list[str]:
    """The parts whose state cannot be used because the caller asked for another component."""
    return [
        part.name
        for part in parts_of(type(model))
        if part.switch in overrides and not part.fits(model, parts[part.name])
    ]


def device_to_read_on() -> str | None:
    """Where tensors of a file go: where they were or, without that kind of device here, the CPU."""
    return None if torch.cuda.is_available() else "cpu"


def leave_devices_behind(parts: dict[str, Any]) -> None:
    """Drops the streams of devices that are not here, for a run that does not go on exactly.

    A model that was trained on a GPU predicts, and trains on afresh, on a machine without one.
    """
    here = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = {"cpu", *(f"cuda:{index}" for index in range(here))}
    own = parts.get("policy.optimizer", {}).get("own", {})
    if "generator" in own:
        own["generator"] = {d: s for d, s in own["generator"].items() if d in names}
    if "streams" in parts:
        parts["streams"]["cuda"] = parts["streams"]["cuda"][:here]


def keep_units(model: Model, parts: dict[str, Any], fresh: list[str]) -> None:
    """Lets predictions stay what they mean where the caller exchanges what their units are of.

    Args:
        model: with its weights in place, which predict in the units of the run.
        parts: the states that the file holds.
        fresh: the parts that the caller has exchanged.
    """
    if "return_normalizer" in fresh and parts["return_normalizer"] is not None:
        saved = ReturnNormalizer()
        saved.load_state_dict(parts["return_normalizer"])
        model.policy.value_net.rescale(*conversion(saved.units, (0.0, 1.0)))


def require_state(model: Model, parts: dict[str, Any], overrides: dict[str, Any]) -> None:
    """Checks that the optimizer, as the caller asks for it now, finds the state that it needs.

    Raises:
        MismatchedCheckpoint: a keyword needs an entry that the run has not kept.
    """
    explicit = {k: v for k, v in (overrides.get("optimizer_kwargs") or {}).items() if k != "lr"}
    if not explicit or "policy.optimizer" not in parts:
        return
    kept = [set(entries) for entries in parts["policy.optimizer"]["entries"].values() if entries]
    missing = _needed_entries(model.policy.optimizer).difference(*kept[:1])
    if kept and missing:
        raise MismatchedCheckpoint(
            f"optimizer_kwargs={explicit} needs {sorted(missing)} in the state of "
            f"{type(model.policy.optimizer).__name__}, and the run has kept none: leave it out, or "
            "build a new model with it and give it what was learned with set_parameters(states, "
            'exact_match=False), the states without "policy.optimizer"'
        )


def _needed_entries(optimizer: Any) -> set[str]:
    """The names of what an optimizer keeps for a parameter, by one step of another like it."""
    group = optimizer.param_groups[0]
    parameter = torch.nn.Parameter(torch.zeros_like(group["params"][0]))
    parameter.grad = torch.zeros_like(parameter)
    with preserved_streams():
        other = type(optimizer)([{**group, "params": [parameter]}])
        other.step()
    return set(other.state[parameter])


def enforce(model: Model, overrides: dict[str, Any]) -> None:
    """Lets what the caller passed win where the restored state says otherwise."""
    explicit = dict(overrides.get("optimizer_kwargs") or {})
    if "learning_rate" in overrides or "lr" in explicit:
        explicit["lr"] = model.lr_schedule(model._current_progress_remaining)
    for group in model.policy.optimizer.param_groups:
        group.update({key: value for key, value in explicit.items() if key in group})
    if "seed" in overrides:
        model.set_random_seed(overrides["seed"])


@contextmanager
def _without_orthogonal_init(model: Model) -> Iterator[None]:
    """Builds networks without the QR decompositions whose result a checkpoint overwrites."""
    options = model.policy_kwargs
    model.policy_kwargs = {**options, "ortho_init": False}
    try:
        yield
    finally:
        model.policy_kwargs = options
    model.policy.ortho_init = options.get("ortho_init", True)
    model._configured_modules = configured_attributes(model.policy)
