"""What the arguments of the algorithm may be, checked when a model is built, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from ..maths.schedules import Constant
from ..maths.validation import (
    FINITE,
    NOT_NEGATIVE,
    POSITIVE,
    UNIT,
    Interval,
    require,
    require_number,
    require_switch,
    require_whole,
)
from ..run_state.model import Model
from ..saving.configuration import SCHEDULES, as_schedule

SWITCHES = ("twin_critics", "normalize_advantage", "use_sde")
LEAST = {
    "n_steps": 1,
    "batch_size": 1,
    "n_epochs": 1,
    "stats_window_size": 1,
    "sde_sample_freq": -1,
    "verbose": 0,
}
RANGES: dict[str, Interval] = {
    "gamma": UNIT,
    "gae_lambda": UNIT,
    "ent_coef": FINITE,
    "vf_coef": NOT_NEGATIVE,
    "max_grad_norm": POSITIVE,
    "target_kl": POSITIVE,
    "learning_rate": NOT_NEGATIVE,
    "clip_range": POSITIVE,
    "clip_range_vf": POSITIVE,
}
# None switches them off
OPTIONAL = ("target_kl", "clip_range_vf")


MAPPINGS = (
    "policy_kwargs",
    "rollout_buffer_kwargs",
    "critic_kwargs",
    "optimizer_kwargs",
    "vgs_kwargs",
)


def require_given(given: Mapping[str, object]) -> None:
    """Checks what Stable-Baselines3 would assert something of, or take without a word.

    Raises:
        TypeError: an argument is of another type.
        ValueError: a number is too small, or the device is none that computes; the message has
            name, value and range.
    """
    for name, least in LEAST.items():
        require_whole(name, given[name], least)
    if given["normalize_advantage"] is True:
        require_whole("batch_size", given["batch_size"], 2)  # one sample has no deviation
    if given["seed"] is not None:
        require_whole("seed", given["seed"], 0)
    for name in MAPPINGS:
        fits = given[name] is None or isinstance(given[name], Mapping)
        require(fits, name, given[name], "a dict of keyword arguments or None", TypeError)
    log = given["tensorboard_log"]
    fits = log is None or isinstance(log, str | Path)
    require(fits, "tensorboard_log", log, "a folder or None", TypeError)
    device = given["device"]
    require(_computes(device), "device", device, 'one that computes: "auto", "cpu", "cuda", "mps"')


def _computes(device: object) -> bool:
    """Whether tensors on the device hold numbers; those on torch's "meta" have shapes only."""
    if device == "auto":
        return True
    try:
        return torch.device(device).type != "meta"  # type: ignore[call-overload, no-any-return]
    except (RuntimeError, TypeError):
        return False


def require_arguments(model: Model) -> None:
    """Checks what a model has been given, before anything is built of it.

    Raises:
        TypeError: a switch is neither True nor False, or a schedule is no schedule.
        ValueError: a number is out of its range; the message has its name, value and range.
    """
    for name in SWITCHES:
        require_switch(name, getattr(model, name))
    for name, within in RANGES.items():
        value = getattr(model, name)
        if value is None and name in OPTIONAL:
            continue
        if name in SCHEDULES:
            schedule = as_schedule(value, name)
            if not isinstance(schedule, Constant):
                continue
            value = schedule.value
        require_number(name, value, within)
