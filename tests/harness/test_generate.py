"""The generator of scenarios, asked by a source that is no Hypothesis."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from resumeproof import Scenario, sb3
from resumeproof.core.errors import HarnessError
from resumeproof.fuzzing.generate import generate
from resumeproof.trial.defaults import SAVE_POINTS, points_by_kind
from stable_baselines3 import PPO

SUBJECT = sb3(PPO, env="CartPole-v1", n_steps=16, batch_size=16, n_epochs=1)


class Seeded:
    """A source that remembers what it was asked for."""

    def __init__(self, seed: int) -> None:
        self.random, self.asked = random.Random(seed), []

    def integer(self, low: int, high: int, label: str) -> int:
        """As a stream draws it."""
        self.asked.append(label)
        return self.random.randint(low, high)

    def one_of(self, values: Sequence[Any], label: str) -> Any:
        """As a stream draws it."""
        self.asked.append(label)
        return self.random.choice(values)


def drawn(seed: int, **asked: Any) -> Scenario:
    """One scenario of a seed."""
    return generate(SUBJECT, Seeded(seed), **asked)


def test_same_choices_make_the_same_scenario() -> None:
    """And others others; nothing is drawn from anywhere else."""
    assert [drawn(seed) for seed in range(20)] == [drawn(seed) for seed in range(20)]
    assert len({drawn(seed).to_json() for seed in range(20)}) == 20


@pytest.mark.parametrize("kind", ["start", "boundary"])
def test_save_point_is_of_the_kind_that_was_asked_for(kind: str) -> None:
    """Whatever else is drawn: a length without one is no choice."""
    for seed in range(30):
        scenario = drawn(seed, save_points=(kind,))
        assert scenario.save_point == kind
        points = points_by_kind(SUBJECT, scenario.length, scenario.options)
        assert scenario.save_at in points[kind]


def test_every_value_of_every_choice_is_drawn() -> None:
    """What the subject offers and what the caller adds; what is in force anyway is left out."""
    scenarios = [drawn(seed, choices={"gamma": (0.9, 0.5)}) for seed in range(60)]
    assert {s.options.get("n_envs", 1) for s in scenarios} == {1, 2, 4}
    assert {s.options["gamma"] for s in scenarios} == {0.9, 0.5}
    assert all(s.options.get("n_envs") != 1 for s in scenarios)
    assert {s.cycles for s in scenarios} == {1, 2, 3, 4, 5}


def test_run_without_such_a_save_point_is_refused() -> None:
    """The message holds what was asked for, the length, and what to do."""
    assert "warm-up" in SAVE_POINTS
    with pytest.raises(HarnessError, match=r"expected a save point of warm-up in a run of 8 steps"):
        drawn(0, length=8, save_points=("warm-up",))
