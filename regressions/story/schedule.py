"""How the learning rate moves: up from a fraction, then down along a cosine, by updates done."""

from __future__ import annotations

import math
from typing import Any

import torch


class WarmUpCosine:
    """Sets the learning rate of an optimizer before every update.

    Args:
        optimizer: whose groups get the rate.
        peak: the rate at the end of the warm-up.
        warm_up: updates until then.
        period: updates of the cosine after it.
        least: the fraction of the peak at which it ends.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        peak: float,
        warm_up: int = 4,
        period: int = 40,
        least: float = 0.1,
    ) -> None:
        self.optimizer = optimizer
        self.peak = peak
        self.warm_up = warm_up
        self.period = period
        self.least = least
        self.updates = 0
        self.rate = peak

    def advance(self) -> float:
        """Counts an update and sets its learning rate; returns it."""
        self.updates += 1
        self.rate = self.peak * self._fraction()
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        return self.rate

    def _fraction(self) -> float:
        if self.updates <= self.warm_up:
            return self.updates / self.warm_up
        done = min((self.updates - self.warm_up) / self.period, 1.0)
        return self.least + (1.0 - self.least) * 0.5 * (1.0 + math.cos(math.pi * done))

    def state_dict(self) -> dict[str, Any]:
        """Where it stands."""
        return {"updates": self.updates, "rate": self.rate}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts back where it stood, in the optimizer too."""
        self.updates, self.rate = state["updates"], state["rate"]
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
