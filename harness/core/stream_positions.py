"""Where any random stream stands: read, and moved to."""

from __future__ import annotations

import copy
import random
import sys
from typing import Any

import numpy as np


def position_of(item: Any) -> Any:
    """Returns where a random stream stands; None for what is none, or has no position."""
    if isinstance(item, random.SystemRandom):
        return None
    if isinstance(item, random.Random):
        return item.getstate()
    if isinstance(item, np.random.BitGenerator):
        return copy.deepcopy(item.state)
    if isinstance(item, np.random.RandomState):
        return item.get_state(legacy=False)
    torch = sys.modules.get("torch")
    return item.get_state() if torch and isinstance(item, torch.Generator) else None


def move_to(item: Any, position: Any) -> None:
    """Moves a random stream to where another stood."""
    if isinstance(item, random.Random):
        item.setstate(position)
    elif isinstance(item, np.random.BitGenerator):
        item.state = position
    else:  # numpy's legacy stream and torch's
        item.set_state(position)
