"""A market of one price: a random walk that reverts, in which one goes long or short."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

WINDOW = 8
"""How many returns an observation holds."""


class Market(gym.Env[np.ndarray, np.ndarray]):
    """Buys and sells one asset.

    Observation: the last `WINDOW` returns, the position and the equity, float32 `(WINDOW + 2,)`.
    Action: the wanted position between -1 (short) and 1 (long), float32 `(1,)`.
    Reward: what the position earned in this step, less the cost of trading.

    Args:
        length: steps of an episode.
        reversion: which part of its distance to 1 the price goes back in a step.
        volatility: standard deviation of a step's return.
        cost: of trading one unit of position.
    """

    def __init__(
        self,
        length: int = 24,
        reversion: float = 0.05,
        volatility: float = 0.02,
        cost: float = 0.001,
    ) -> None:
        super().__init__()
        self.length = length
        self.reversion = reversion
        self.volatility = volatility
        self.cost = cost
        high = np.full(WINDOW + 2, np.inf, dtype=np.float32)
        self.observation_space = spaces.Box(-high, high, dtype=np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), dtype=np.float32)
        self.step_count = 0
        self.price = 1.0
        self.position = 0.0
        self.equity = 0.0
        self.leverage = 1.0
        self.returns: list[float] = []

    def limit(self, leverage: float) -> None:
        """Limits the position of every later step."""
        self.leverage = leverage

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode at a price near 1, without a position."""
        super().reset(seed=seed, options=options)
        self.step_count = 0
        self.price = float(1.0 + 0.1 * self.np_random.standard_normal())
        self.position = 0.0
        self.equity = 0.0
        self.returns = [0.0] * WINDOW
        return self._observation(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Trades to the wanted position, then lets the price move."""
        wanted = float(np.clip(action[0], -self.leverage, self.leverage))
        traded = abs(wanted - self.position)
        self.position = wanted
        change = self._move()
        reward = self.position * change - self.cost * traded
        self.equity += reward
        self.step_count += 1
        ended = self.step_count >= self.length
        return self._observation(), float(reward), False, ended, {"equity": self.equity}

    def _move(self) -> float:
        noise = float(self.np_random.standard_normal())
        change = self.reversion * (1.0 - self.price) + self.volatility * noise
        self.price *= 1.0 + change
        self.returns = [*self.returns[1:], change]
        return change

    def _observation(self) -> np.ndarray:
        scaled = [value / self.volatility for value in self.returns]
        return np.asarray([*scaled, self.position, self.equity], dtype=np.float32)
