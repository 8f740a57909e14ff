"""Running normalisation of returns, so that a critic learns in units of order one.

When the units move, whoever predicts in them is corrected, so that what a prediction means stays.
"""

import math
from collections.abc import Mapping
from typing import Any, TypeVar, final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from .validation import (
    FINITE,
    NOT_NEGATIVE,
    POSITIVE,
    is_number,
    is_whole,
    require,
    require_keys,
    require_number,
)

_KEYS = ("mean", "var", "count", "weight")

Values = TypeVar("Values", Tensor, npt.NDArray[np.floating[Any]])


Units = tuple[float, float]
"""Mean and deviation, in units of the return: what 0 and 1 of the critic's units are worth."""


def conversion(before: Units, after: Units) -> tuple[float, float]:
    """Scale and shift that keep what an output means: ``new = old * scale + shift``.

    Source: van Hasselt et al., "Learning values across many orders of magnitude", 2016
        (https://arxiv.org/abs/1602.07714), eq. 5.
    """
    return before[1] / after[1], (before[0] - after[0]) / after[1]


@final
class ReturnNormalizer:
    """Mean and population variance of the returns, merged batch by batch in float64.

    Old returns fade: after ``half_life`` further ones a return weighs half as much as at first.
    Before the first update, and so at count 0, both directions are the identity.

    Args:
        epsilon: Added to the variance under the square root, in squared units of the return.
        half_life: Returns, one an environment step, after which an old one weighs half.

    Raises:
        ValueError: If an argument is not a positive finite number.

    Source: T. Chan, G. Golub, R. LeVeque, Updating formulae and a pairwise algorithm for
        computing sample variances, 1979, eq. 2.1, with fading weights in place of counts.
    """

    def __init__(self, epsilon: float = 1e-8, *, half_life: float = 100_000) -> None:
        self.epsilon = require_number("epsilon", epsilon, POSITIVE)
        self.half_life = require_number("half_life", half_life, POSITIVE)
        self._mean = 0.0
        self._var = 1.0
        self._count = 0
        self._weight = 0.0

    @property
    def mean(self) -> float:
        """Mean of all returns, 0 before the first update."""
        return self._mean

    @property
    def var(self) -> float:
        """Population variance of the returns, 1 before the first update."""
        return self._var

    @property
    def count(self) -> int:
        """Number of returns seen."""
        return self._count

    @property
    def std(self) -> float:
        """Divisor of ``normalize``: the root of var + epsilon, exactly 1 before any update."""
        return math.sqrt(self._var + self.epsilon) if self._count else 1.0

    @property
    def units(self) -> Units:
        """Mean and deviation: what 0 and 1 of the critic's units are worth."""
        return self._mean, self.std

    def update(self, returns: npt.ArrayLike) -> None:
        """Merges a batch of returns into the running statistics.

        Args:
            returns: Returns in the environment's units, of any shape, at least one.

        Raises:
            ValueError: If there is no return or some are not finite (their number is in the
                message); the statistics are then unchanged.
        """
        batch = np.asarray(returns, dtype=np.float64).ravel()
        if batch.size == 0:
            raise ValueError("expected at least 1 return, got an empty array")
        n_bad = batch.size - int(np.isfinite(batch).sum())
        if n_bad:
            raise ValueError(
                f"expected finite returns, got {n_bad} of {batch.size} that are not; "
                "look for NaN or infinite rewards and values"
            )
        old = self._weight * 0.5 ** (batch.size / self.half_life)
        total = old + batch.size
        delta = float(batch.mean()) - self._mean
        squares = self._var * old + float(batch.var()) * batch.size
        squares += delta * delta * old * batch.size / total
        self._mean += delta * batch.size / total
        self._var = squares / total
        self._count += batch.size
        self._weight = total

    def normalize(self, values: Values) -> Values:
        """Maps values from the environment's units to the critic's; shape and dtype are kept."""
        return (values - self._mean) / self.std

    def denormalize(self, values: Values) -> Values:
        """Maps values from the critic's units to the environment's; shape and dtype are kept."""
        return values * self.std + self._mean

    def state_dict(self) -> dict[str, float | int]:
        """Returns the whole state as plain numbers."""
        return {
            "mean": self._mean,
            "var": self._var,
            "count": self._count,
            "weight": self._weight,
        }

    def check_state_dict(self, state: Mapping[str, Any]) -> None:
        """Accepts only a state that ``load_state_dict`` can apply; nothing is changed.

        Raises:
            ValueError: If a key is missing or unknown (all are listed) or a value does not have
                the type and range that ``state_dict`` gives it.
        """
        require_keys("a ReturnNormalizer state", state, _KEYS)
        for key, within in (("mean", FINITE), ("var", NOT_NEGATIVE), ("weight", NOT_NEGATIVE)):
            fits = isinstance(state[key], float) and is_number(state[key], within)
            require(fits, f"{key} of a ReturnNormalizer state", state[key], f"a float in {within}")
        count = state["count"]
        fits = isinstance(count, int) and is_whole(count)
        require(fits, "count of a ReturnNormalizer state", count, "an int of at least 0")

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replaces the state after validating all of it.

        Raises:
            ValueError: As ``check_state_dict``; the state is then unchanged.
        """
        self.check_state_dict(state)
        self._mean, self._var = state["mean"], state["var"]
        self._count, self._weight = state["count"], state["weight"]
