"""Limits of risk: how much the trader may hold, by what it has lost and how much its results move.

One object lives as long as the trading does. What it remembers decides about every later position,
so that a checkpoint without it goes on trading at full size after the worst week of the year.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class RiskLimits:
    """Cuts the leverage on a drawdown and where results are volatile, and gives it back slowly.

    Args:
        deepest: the drawdown, in units of equity, at which trading is cut to `least`.
        target: the standard deviation of a rollout's result that full leverage allows.
        memory: how slowly the variance of results moves, between 0 and 1.
        cool_down: rollouts after a breach of `deepest` during which leverage stays at `least`.
        recovery: by how much leverage may rise in a rollout.
        least: leverage that is always left, so that there is something to learn from.

    Raises:
        ValueError: a limit makes no sense; shows it.
    """

    def __init__(
        self,
        deepest: float = 0.3,
        target: float = 0.05,
        memory: float = 0.8,
        cool_down: int = 2,
        recovery: float = 0.1,
        least: float = 0.25,
    ) -> None:
        if not (deepest > 0 and target > 0 and 0 < memory < 1 and 0 < least <= 1):
            raise ValueError(
                "expected deepest and target above 0, memory below 1 and least up to 1, got "
                f"deepest={deepest}, target={target}, memory={memory}, least={least}"
            )
        self.deepest = deepest
        self.target = target
        self.memory = memory
        self.cool_down = cool_down
        self.recovery = recovery
        self.least = least
        self.equity = 0.0
        self.peak = 0.0
        self.variance = 0.0
        self.cooling = 0
        self.breaches = 0
        self.leverage = 1.0

    @property
    def drawdown(self) -> float:
        """How far equity lies below its highest point."""
        return self.peak - self.equity

    def watch(self, earned: float) -> float:
        """Takes in what a rollout has earned; returns the leverage of the next one."""
        self.equity += earned
        self.peak = max(self.peak, self.equity)
        self.variance = self.memory * self.variance + (1.0 - self.memory) * earned * earned
        if self.drawdown >= self.deepest:
            self.breaches += 1
            self.cooling = self.cool_down
            self.peak = self.equity  # one drawdown is answered once
        allowed = self._allowed()
        self.cooling = max(self.cooling - 1, 0)
        # down at once, up slowly
        self.leverage = min(allowed, self.leverage + self.recovery)
        return self.leverage

    def _allowed(self) -> float:
        if self.cooling:
            return self.least
        by_drawdown = 1.0 - self.drawdown / self.deepest
        deviation = math.sqrt(self.variance)
        by_deviation = 1.0 if deviation == 0.0 else self.target / deviation
        return min(1.0, max(self.least, min(by_drawdown, by_deviation)))

    def state_dict(self) -> dict[str, Any]:
        """What it remembers; the limits themselves are options of the build."""
        return {name: getattr(self, name) for name in _REMEMBERED}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what `state_dict` returned.

        Raises:
            KeyError: the state is of other limits.
        """
        if set(state) != set(_REMEMBERED):
            raise KeyError(f"expected {sorted(_REMEMBERED)}, got {sorted(state)}")
        vars(self).update(state)


_REMEMBERED = ("equity", "peak", "variance", "cooling", "breaches", "leverage")
