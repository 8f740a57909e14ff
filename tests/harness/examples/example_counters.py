"""A part without torch: what uses it starts in a third of a second."""

from __future__ import annotations

from typing import Any

import numpy as np
from resumeproof import component


class Counter:
    """Counts on an array; its `state_dict` can be told to forget the count."""

    def __init__(self, forgets: bool = False) -> None:
        self.growth = 0
        self.scale = np.ones(2)
        self.forgets = forgets

    def update(self, found_inf: bool) -> None:
        """Halves on an overflow, doubles after three steps without one."""
        self.growth = 0 if found_inf else self.growth + 1
        self.scale *= 0.5 if found_inf else 2.0 if self.growth % 3 == 0 else 1.0

    def state_dict(self) -> dict[str, Any]:
        """The scale, and the counter unless it is forgotten."""
        return {"scale": self.scale.copy()} | ({} if self.forgets else {"growth": self.growth})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """In place, or not at all: a state with other entries is refused."""
        if state.keys() != self.state_dict().keys():
            raise KeyError(f"expected {sorted(self.state_dict())}, got {sorted(state)}")
        self.scale[...] = state["scale"]
        self.growth = state.get("growth", self.growth)


scaler = component(Counter, step=lambda s, i: s.update(i % 5 == 4), name="component:Scaler")
forgetful_scaler = component(
    lambda: Counter(forgets=True),
    step=lambda s, i: s.update(i % 5 == 4),
    name="component:Forgetful",
)
