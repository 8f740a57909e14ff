"""What the tests of population based training share: small populations, and their oracle."""

from __future__ import annotations

from typing import Any

from resumeproof.algo import DistributionalPPO, LogUniform, Population, Uniform
from resumeproof.algo.pbt.member import Member
from resumeproof.state.snapshot import Snapshot

from tests.algo.runs import snapshot
from tests.algo.small import make_env, make_model

EXPLORE = {"learning_rate": LogUniform(1e-4, 1e-2), "ent_coef": Uniform(0.0, 0.02)}


def make(seed: int) -> DistributionalPPO:
    """A model with every part on, in an environment whose returns differ."""
    return make_model(make_env("Pendulum-v1"), seed=seed)


def make_population(make: Any = make, **options: Any) -> Population:
    """A small population that exchanges every 32 steps."""
    return Population(make, **{"size": 2, "interval": 32, "explore": EXPLORE, **options})


def snapshot_of(member: Member) -> Snapshot:
    """Everything of the member, with its own streams."""
    with member.own_streams():
        return snapshot(member.model)


def equally_good(_model: Any) -> float:
    """With a tournament, nobody copies anybody."""
    return 0.0


def trained(**options: Any) -> Population:
    """Two members after one interval each, nothing exchanged yet."""
    population = make_population(**options)
    for _ in zip(range(2), population.intervals(96), strict=False):
        pass
    return population
