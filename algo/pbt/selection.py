"""Who copies whom at the end of a round: truncation selection and binary tournament.

Pure functions of the scores and a generator. Nobody is loser and donor in the same round, so that
the order in which exchanges are made does not matter. A score of NaN says that nothing is known of
its owner (no episode has ended yet), who then neither copies nor is copied; a fitness that means
"worse than all" is minus infinity.

Source: Jaderberg et al. 2017, https://arxiv.org/abs/1711.09846, section 4.1.1.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np


@final
@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One loser and the donor whose place in the search it takes, as indices of members."""

    loser: int
    donor: int


def truncation(
    scores: Sequence[float], fraction: float, generator: np.random.Generator
) -> list[Exchange]:
    """Each of the worst copies one of the best, drawn at random, among those that have a score.

    Args:
        scores: one for each member, at least two; higher is better.
        fraction: share of the population that is worst, and that is best; rounded down, at least
            one member, at most half of them.
        generator: draws the donors.
    """
    order = _ranked(scores, range(len(scores)))
    count = min(max(int(len(scores) * fraction), 1), len(order) // 2)
    donors = order[len(order) - count :]
    return [
        Exchange(loser=loser, donor=donors[int(generator.integers(count))])
        for loser in order[:count]
    ]


def tournament(
    scores: Sequence[float], fraction: float, generator: np.random.Generator
) -> list[Exchange]:
    """The members are paired at random, and the worse of each pair copies the better.

    Of an odd number of members one is left out; a pair of equal scores changes nothing.

    Args:
        scores: one for each member, at least two; higher is better.
        fraction: not used; every selection is called alike.
        generator: draws the pairs.
    """
    order = [int(index) for index in generator.permutation(len(scores))]
    exchanges = []
    for pair in zip(order[::2], order[1::2], strict=False):
        loser, *better = _ranked(scores, pair) or [-1]
        if better and scores[loser] < scores[better[0]]:
            exchanges.append(Exchange(loser=loser, donor=better[0]))
    return exchanges


def _ranked(scores: Sequence[float], members: Iterable[int]) -> list[int]:
    """Those of the members that have a score, the worst first."""
    return sorted((m for m in members if not math.isnan(scores[m])), key=lambda m: scores[m])


Selection = Callable[[Sequence[float], float, np.random.Generator], list[Exchange]]

SELECTIONS: dict[str, Selection] = {"truncation": truncation, "tournament": tournament}


def warn_without_scores(scores: Sequence[float]) -> None:
    """Warns where no member has a score, so that nobody can be ranked."""
    if all(map(math.isnan, scores)):
        warnings.warn(
            f"the scores of all {len(scores)} members are NaN, so nobody copies anybody: let the "
            "interval be longer than an episode, wrap environments in Monitor, or pass fitness",
            stacklevel=3,
        )
