"""What a population is told: how long, who copies whom, what is explored and how."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..saving.configuration import keywords_of, require_known
from .explore import Prior
from .hyperparameters import require_explorable
from .member import Fitness
from .selection import SELECTIONS

OPTIMIZERS = ("copy", "reset")


def mean_episode_return(model: Any) -> float:
    """The mean return of the last episodes of the model; NaN when none has ended.

    The window is SB3's `stats_window_size`; it begins anew when a member copies another.
    """
    returns = [float(episode["r"]) for episode in model.ep_info_buffer]
    return float(np.mean(returns)) if returns else math.nan


@final
@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a population.

    Attributes:
        explore: the distribution of every hyper-parameter that evolves, by name; see
            `pbt.hyperparameters.HYPERPARAMETERS`. The first values are drawn from it.
        interval: environment steps of each member between two exchanges; rounded up to whole
            rollouts, for an exchange within one would train on the data of another policy.
        selection: "truncation", the worst copy the best, or "tournament", random pairs.
        fraction: share of the population that is replaced by truncation, at least one member.
        optimizer: "copy" the donor's optimizer state with the weights, or "reset" it.
        perturb: the factors by which a hyper-parameter moves, each equally likely.
        resample_probability: of drawing a hyper-parameter afresh instead of perturbing it.
        fitness: a function of the model, higher for a better one; NaN is below everything.
    """

    explore: Mapping[str, Prior]
    interval: int = 4096
    selection: str = "truncation"
    fraction: float = 0.2
    optimizer: str = "copy"
    perturb: tuple[float, ...] = (0.8, 1.25)
    resample_probability: float = 0.25
    fitness: Fitness = mean_episode_return

    def __post_init__(self) -> None:
        if not isinstance(self.explore, Mapping) or not self.explore:
            raise TypeError(
                f"explore={self.explore!r}: expected hyper-parameters with their distributions, "
                'such as {"learning_rate": LogUniform(1e-5, 1e-2)}'
            )
        require_explorable(self.explore)
        object.__setattr__(self, "explore", dict(self.explore))
        self._check_numbers()
        _require_among("selection", self.selection, sorted(SELECTIONS))
        _require_among("optimizer", self.optimizer, OPTIMIZERS)
        object.__setattr__(self, "perturb", tuple(float(factor) for factor in self.perturb))
        _require(callable(self.fitness), "fitness", self.fitness, "a function of a model")

    def _check_numbers(self) -> None:
        whole = isinstance(self.interval, int) and not isinstance(self.interval, bool)
        _require(
            whole and self.interval > 0,
            *("interval", self.interval, "a positive number of environment steps"),
        )
        _require(
            _within(self.fraction, 0, 0.5) and self.fraction > 0,
            *("fraction", self.fraction, "a number above 0 and up to 0.5"),
        )
        _require(
            _within(self.resample_probability, 0, 1),
            *("resample_probability", self.resample_probability, "a number from 0 to 1"),
        )
        factors = self.perturb if isinstance(self.perturb, (tuple, list)) else ()
        _require(
            len(factors) > 0 and all(_within(f, 0, sys.float_info.max) and f > 0 for f in factors),
            *("perturb", self.perturb, "positive factors, such as (0.8, 1.25)"),
        )


def make_settings(given: Mapping[str, Any]) -> Settings:
    """The settings of the given names.

    Raises:
        TypeError: an unknown name; the message lists the known ones.
        ValueError: a value is out of its range.
    """
    require_known(given, keywords_of(Settings), "Population")
    if "explore" not in given:
        raise TypeError(
            'Population misses explore, such as explore={"learning_rate": LogUniform(1e-5, 1e-2)}'
        )
    return Settings(**given)


def _within(value: Any, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _require(holds: bool, name: str, value: Any, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name}={value!r} ({type(value).__name__}): expected {expected}")


def _require_among(name: str, value: Any, names: Any) -> None:
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{name}={value!r} is unknown: expected one of {list(names)}")
