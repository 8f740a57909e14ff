"""Bug 3: the vectorised environment refused a test environment that was no `gymnasium.Env`."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any, final

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from harness.runner import run
from harness.scenario import Scenario
from harness.verdict import Verdict
from properties.space import CHOICES, ENVIRONMENTS, OURS
from regressions.planted import AT_START, IN_PROCESS


@final
class Lookalike:
    """Has everything that an environment has, and is none."""

    def __init__(self) -> None:
        self.inner = gym.make("CartPole-v1")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def make() -> VecEnv:
    """Raises: Stable-Baselines3 takes nothing else than a `gymnasium.Env`."""
    return DummyVecEnv([Lookalike])  # type: ignore[list-item]


PLANTED = {
    "#3 the environment is no gymnasium.Env": dataclasses.replace(
        OURS,
        options={**OURS.options, "env": make},
        choices={k: v for k, v in OURS.choices.items() if k not in ENVIRONMENTS},
    )
}


def error() -> str:
    """What the generic checks say."""
    (subject,) = PLANTED.values()
    record = run(subject, AT_START, IN_PROCESS)
    assert record.verdict is Verdict.ERROR
    return record.error


def test_planted_bug_is_found() -> None:
    """The first life of it is an error."""
    assert error().startswith("purity: ValueError")


def test_report_names_the_class() -> None:
    """There is no state yet: what is named is the class that is no environment."""
    assert "Lookalike" in error()


@pytest.mark.parametrize("env", CHOICES["env"])
def test_environments_of_our_laws_are_environments(env: str) -> None:
    """As the checker of the library sees it, each as our subjects build it."""
    record = run(OURS, Scenario(options={"env": env}, length=16, save_at=0), ("roundtrip",))
    assert record.verdict is Verdict.EXACT, record.error
    with warnings.catch_warnings():  # what it would rather see is no condition
        warnings.simplefilter("ignore")
        check_env(gym.make(env).unwrapped, skip_render_check=True)
