"""Where the hyper-parameters of a population live, and how one moves to its neighbours.

Source: Jaderberg et al. 2017, https://arxiv.org/abs/1711.09846, section 4.1.1: each is perturbed
by a factor or, now and then, drawn afresh from the distribution of the start.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import Any, final

import numpy as np

from ..checkpoint import MismatchedCheckpoint
from ..maths.validation import FINITE, POSITIVE, Interval, is_number


@final
@dataclass(frozen=True)
class Uniform:
    """Every number from `low` to `high` equally likely.

    Raises:
        ValueError: the bounds are not finite, or `low` is not below `high`.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        _require_bounds(self, self.low, self.high, FINITE)

    def sample(self, generator: np.random.Generator) -> float:
        """A number within the bounds."""
        return _clip(float(generator.uniform(self.low, self.high)), self.low, self.high)

    def perturb(
        self, value: float, factors: Sequence[float], generator: np.random.Generator
    ) -> float:
        """The value times one of the factors, drawn at random, and not beyond the bounds."""
        return _clip(value * _drawn(factors, generator), self.low, self.high)


@final
@dataclass(frozen=True)
class LogUniform:
    """Every order of magnitude from `low` to `high` equally likely.

    Raises:
        ValueError: the bounds are not finite and positive, or `low` is not below `high`.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        _require_bounds(self, self.low, self.high, POSITIVE)

    def sample(self, generator: np.random.Generator) -> float:
        """A number within the bounds."""
        logarithm = generator.uniform(math.log(self.low), math.log(self.high))
        return _clip(math.exp(logarithm), self.low, self.high)

    def perturb(
        self, value: float, factors: Sequence[float], generator: np.random.Generator
    ) -> float:
        """The value times one of the factors, drawn at random, and not beyond the bounds."""
        return _clip(value * _drawn(factors, generator), self.low, self.high)


@final
@dataclass(frozen=True)
class Choice:
    """One of some ordered numbers, such as 5, 10 and 20 epochs; its neighbours are beside it.

    Raises:
        ValueError: fewer than two numbers, or they do not rise.
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        values = tuple(self.values)
        rising = all(low < high for low, high in pairwise(values))
        if len(values) < 2 or not all(map(is_number, values)) or not rising:
            raise ValueError(f"expected two or more rising numbers, got Choice({self.values!r})")
        object.__setattr__(self, "values", values)

    @property
    def low(self) -> float:
        """The least of the numbers."""
        return self.values[0]

    @property
    def high(self) -> float:
        """The greatest of the numbers."""
        return self.values[-1]

    def sample(self, generator: np.random.Generator) -> float:
        """One of the numbers."""
        return _drawn(self.values, generator)

    def perturb(
        self, value: float, factors: Sequence[float], generator: np.random.Generator
    ) -> float:
        """The number one place up or down, as a factor drawn from `factors` is above 1 or not."""
        place = min(range(len(self.values)), key=lambda i: abs(self.values[i] - value))
        place += 1 if _drawn(factors, generator) > 1 else -1
        return self.values[min(max(place, 0), len(self.values) - 1)]


Prior = Uniform | LogUniform | Choice
PRIORS: dict[str, type[Prior]] = {kind.__name__: kind for kind in (Uniform, LogUniform, Choice)}


def sample_all(priors: Mapping[str, Prior], generator: np.random.Generator) -> dict[str, float]:
    """One value for every hyper-parameter, in the order of the mapping."""
    return {name: prior.sample(generator) for name, prior in priors.items()}


def explore_all(
    values: Mapping[str, float],
    priors: Mapping[str, Prior],
    factors: Sequence[float],
    resample_probability: float,
    generator: np.random.Generator,
) -> dict[str, float]:
    """Every hyper-parameter perturbed or, with the given probability, drawn afresh."""
    return {
        name: prior.sample(generator)
        if generator.random() < resample_probability
        else prior.perturb(values[name], factors, generator)
        for name, prior in priors.items()
    }


def priors_as_data(priors: Mapping[str, Prior]) -> dict[str, Any]:
    """The distributions as plain data, for the checkpoint."""
    return {name: [type(prior).__name__, *astuple(prior)] for name, prior in priors.items()}


def priors_from_data(data: Mapping[str, Any]) -> dict[str, Prior]:
    """What `priors_as_data` returned, as distributions.

    Raises:
        MismatchedCheckpoint: a distribution is unknown.
    """
    unknown = {kind for kind, *_ in data.values()} - set(PRIORS)
    if unknown:
        raise MismatchedCheckpoint(
            f"the checkpoint holds the distributions {sorted(unknown)}, expected some of "
            f"{sorted(PRIORS)}: load it with the version that wrote it"
        )
    return {name: PRIORS[kind](*arguments) for name, (kind, *arguments) in data.items()}


def _drawn(values: Sequence[float], generator: np.random.Generator) -> float:
    return values[int(generator.integers(len(values)))]


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _require_bounds(prior: Prior, low: float, high: float, within: Interval) -> None:
    if not (is_number(low, within) and is_number(high, within) and low < high):
        positive = "positive " if within is POSITIVE else ""
        raise ValueError(f"expected finite {positive}bounds with low < high, got {prior!r}")
