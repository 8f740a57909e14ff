"""What a population is told: how long, who copies whom, what is explored and how."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..maths.validation import (
    POSITIVE,
    UNIT,
    Interval,
    is_number,
    require,
    require_among,
    require_number,
    require_whole,
)
from ..run_state.model import Model
from ..saving.configuration import keywords_of, require_known
from .explore import Prior
from .hyperparameters import require_explorable
from .member import Fitness
from .selection import SELECTIONS

OPTIMIZERS = ("copy", "reset")


def mean_episode_return(model: Model) -> float:
    """The mean return of the last episodes of the model; NaN when none has ended.

    The window is SB3's `stats_window_size`; a member that copies another takes its window, too, for
    these are the episodes of the weights that it has from now on.
    """
    returns = [float(episode["r"]) for episode in model.ep_info_buffer or ()]
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
        fitness: a function of the model, higher for a better one; NaN where nothing is known yet.
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
        require_whole("interval", self.interval, 1)
        require_number("fraction", self.fraction, Interval(low=0.0, high=0.5, open_low=True))
        require_number("resample_probability", self.resample_probability, UNIT)
        factors = self.perturb if isinstance(self.perturb, (tuple, list)) else ()
        fit = len(factors) > 0 and all(is_number(factor, POSITIVE) for factor in factors)
        require(fit, "perturb", self.perturb, "positive factors, such as (0.8, 1.25)")
        object.__setattr__(self, "perturb", tuple(float(factor) for factor in self.perturb))
        require_among("selection", self.selection, sorted(SELECTIONS))
        require_among("optimizer", self.optimizer, OPTIMIZERS)
        require(callable(self.fitness), "fitness", self.fitness, "a function of a model")


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
