"""Who answers for which attribute of a model: no attribute may belong to nobody."""

from __future__ import annotations

from typing import Any

from ..checkpoint import UnsupportedValue
from ..run_state.claims import declared_attributes
from .registry import PARTS

_DERIVED = {
    "lr_schedule": "built from learning_rate and optimizer_kwargs",
    "n_envs": "the number of environments passed",
    "device": "where the caller loads to",
    "action_noise": "always None for an on-policy algorithm",
    "_configured_modules": "read from the policy when it is built",
    "_suspended": "run state waiting for an environment; saved in place of the parts it holds",
}
_EPHEMERAL = {
    "start_time": "wall clock, for frames per second only",
    "_logger": "output; values not written yet are saved with the loop",
    "_custom_logger": "says who made the logger",
}


def require_claimed(model: Any) -> None:
    """Checks that somebody answers for every attribute of the model.

    Raises:
        UnsupportedValue: an attribute that a subclass or a user added; with the line to write.
    """
    claimed = {name for part in PARTS for name in part.attributes}
    claimed |= set(_DERIVED) | set(_EPHEMERAL) | set(declared_attributes(type(model)))
    claimed |= model.configuration_attributes()
    unclaimed = [name for name in vars(model) if name not in claimed]
    if unclaimed:
        name, owner = unclaimed[0], type(model).__name__
        raise UnsupportedValue(
            f"{owner}.{name} is claimed by no part, so a checkpoint would lose it"
            f"{f' (and {unclaimed[1:]})' if unclaimed[1:] else ''}: write in {owner} "
            f'checkpoint_attributes = {{"{name}": saved()}}, or derived("from what"), or '
            'ephemeral("why it may be lost")'
        )
