"""Who copies whom.

Contract:
- truncation replaces at least one member of every population from two on;
- nobody is loser and donor in one round, and no better member copies a worse one;
- a member that has no score neither copies nor is copied.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from resumeproof.algo.pbt.selection import SELECTIONS, tournament, truncation

SIZES = range(2, 51)


@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.2, 1 / 3, 0.5])
@pytest.mark.parametrize("size", SIZES)
def test_truncation_replaces_the_worst_by_the_best(size: int, fraction: float) -> None:
    """As many as the fraction says, at least one and at most half, each by one of as many best."""
    generator = np.random.default_rng(size)
    scores = generator.normal(size=size).tolist()
    pairs = truncation(scores, fraction, generator)
    count = max(1, math.floor(size * fraction))
    assert len(pairs) == min(count, size // 2)
    assert sorted(scores[pair.loser] for pair in pairs) == sorted(scores)[: len(pairs)]
    assert {scores[pair.donor] for pair in pairs} <= set(sorted(scores)[-len(pairs) :])


@pytest.mark.parametrize("size", SIZES)
def test_tournament_lets_the_worse_of_each_pair_copy_the_better(size: int) -> None:
    """Everybody fights once, but for one of an odd number."""
    generator = np.random.default_rng(size)
    scores = generator.normal(size=size).tolist()
    pairs = tournament(scores, 0.2, generator)
    assert len(pairs) == size // 2
    assert all(scores[pair.loser] < scores[pair.donor] for pair in pairs)


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("size", SIZES)
def test_nobody_is_loser_and_donor_at_once(selection: str, size: int) -> None:
    """With ties, infinities and NaN among the scores; nobody loses twice either."""
    for seed in range(20):
        generator = np.random.default_rng(seed)
        scores = generator.choice([0.0, 1.0, math.nan, -math.inf, math.inf], size=size).tolist()
        pairs = SELECTIONS[selection](scores, 0.5, generator)
        losers, donors = [p.loser for p in pairs], {p.donor for p in pairs}
        assert len(set(losers)) == len(losers)
        assert not donors & set(losers)
        assert not any(math.isnan(scores[index]) for index in {*donors, *losers})
        for pair in pairs:
            assert not scores[pair.loser] > scores[pair.donor]


@pytest.mark.parametrize("selection", SELECTIONS)
def test_member_without_a_score_is_no_loser(selection: str) -> None:
    """NaN says that no episode has ended; minus infinity is worse than all."""
    select = SELECTIONS[selection]
    for seed in range(20):
        generator = np.random.default_rng(seed)
        assert select([-math.inf, math.nan], 0.2, generator) == []
        assert select([math.nan, 1.0, math.nan], 0.5, generator) == []
        pairs = select([3.0, -math.inf, math.nan, math.nan], 0.5, generator)
        assert [(pair.loser, pair.donor) for pair in pairs] in ([], [(1, 0)])
        assert pairs or selection == "tournament"


@pytest.mark.parametrize("selection", SELECTIONS)
def test_without_any_score_nobody_copies(selection: str) -> None:
    """Nothing is known, so nothing is done."""
    assert SELECTIONS[selection]([math.nan] * 4, 0.2, np.random.default_rng(0)) == []


def test_tournament_leaves_equal_members_alone() -> None:
    """Neither is better."""
    assert tournament([1.0] * 6, 0.2, np.random.default_rng(0)) == []


def test_donors_and_pairs_are_drawn() -> None:
    """Other draws give other donors and other pairs."""
    scores = [float(score) for score in range(10)]
    for select in (truncation, tournament):
        found = {str(select(scores, 0.4, np.random.default_rng(seed))) for seed in range(20)}
        assert len(found) > 5
