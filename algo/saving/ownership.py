"""Who answers for which attribute of a model: no attribute may belong to nobody."""

from __future__ import annotations

from ..checkpoint import UnsupportedValue
from ..run_state.claims import declared_attributes
from ..run_state.missing import lose
from ..run_state.model import Model
from .configuration import configuration_attributes
from .registry import parts_of


def require_claimed(model: Model) -> None:
    """Checks that somebody answers for every attribute of the model.

    Raises:
        UnsupportedValue: an attribute that a subclass or a user added; with the line to write.
    """
    claimed = {name for part in parts_of(type(model)) for name in part.attributes}
    claimed |= set(declared_attributes(type(model))) | configuration_attributes(type(model))
    unclaimed = [name for name in vars(model) if name not in claimed]
    if unclaimed:
        name, owner = unclaimed[0], type(model).__name__
        text = (
            f"{owner}.{name} is claimed by no part, so a checkpoint would lose it"
            f"{f' (and {unclaimed[1:]})' if unclaimed[1:] else ''}: write in {owner} "
            f'checkpoint_attributes = {{"{name}": saved()}}, or part(), derived("from what"), or '
            'ephemeral("why it may be lost")'
        )
        lose(UnsupportedValue(text))
