"""What the arguments of the algorithm may be, checked when a model is built, one row each."""

from __future__ import annotations

from collections.abc import Mapping

from ..maths.schedules import Constant
from ..maths.validation import (
    FINITE,
    NOT_NEGATIVE,
    POSITIVE,
    UNIT,
    Interval,
    require_number,
    require_switch,
    require_whole,
)
from ..run_state.model import Model
from ..saving.configuration import SCHEDULES, as_schedule

SWITCHES = ("twin_critics", "normalize_returns", "normalize_advantage", "use_sde")
LEAST = {"n_steps": 1, "batch_size": 1, "n_epochs": 1, "stats_window_size": 1}
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


def require_counts(given: Mapping[str, object]) -> None:
    """Checks the whole numbers before Stable-Baselines3 asserts something of them.

    Raises:
        ValueError: one is no whole number, or too small; the message has its name and value.
    """
    for name, least in LEAST.items():
        if name in given:
            require_whole(name, given[name], least)


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
