"""Bug 3: the vectorised environment refused a test environment that was no `gymnasium.Env`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, final

import gymnasium as gym
import numpy as np
import pytest
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.sb3 import Sb3Subject
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from properties.space import CHOICES, ENVIRONMENTS, OURS
from regressions.checks import Case, look
from regressions.planted import AT_START, IN_PROCESS, described


@final
class Lookalike:
    """Has everything that an environment has, and is none."""

    def __init__(self) -> None:
        self.inner = gym.make("CartPole-v1")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@final
class OfAnotherType(gym.Wrapper[Any, Any, Any, Any]):
    """An environment that begins an episode with numbers that are not of its own space."""

    def reset(self, **kwargs: Any) -> tuple[Any, Any]:
        """The same numbers, wider."""
        observation, info = super().reset(**kwargs)
        return np.asarray(observation, np.float64), info


def lookalike() -> VecEnv:
    """Raises: Stable-Baselines3 takes nothing else than a `gymnasium.Env`."""
    return DummyVecEnv([Lookalike])  # type: ignore[list-item]


def of_another_type() -> VecEnv:
    """Stable-Baselines3 takes it, and narrows what it gives in silence."""
    return DummyVecEnv([lambda: OfAnotherType(gym.make("CartPole-v1"))])


def within(make: Callable[[], VecEnv]) -> Sb3Subject:
    """Ours, in that environment."""
    choices = {name: values for name, values in OURS.choices.items() if name not in ENVIRONMENTS}
    return dataclasses.replace(OURS, options={**OURS.options, "env": make}, choices=choices)


PLANTED = {
    "#3 the environment is no gymnasium.Env": within(lookalike),
    "#3 the environment begins with another type": within(of_another_type),
}
CASE = Case(check="environment", scenario=AT_START)


def error() -> str:
    """What the generic checks say."""
    record = run(within(lookalike), AT_START, IN_PROCESS)
    assert record.verdict is Verdict.ERROR
    return record.error


def test_planted_bug_is_found() -> None:
    """The first scenario of it is an error."""
    assert error().startswith("purity: ValueError")


def test_report_names_the_class() -> None:
    """There is no state yet: what is named is the class that is no environment."""
    assert "Lookalike" in error()


def test_planted_type_is_found_and_named() -> None:
    """It is an environment, and yet fails the checks of its own library."""
    (found,) = look(within(of_another_type), CASE)
    assert found.place == "model.env.envs[0]"
    assert "observation" in found.text


@pytest.mark.parametrize("limit", CHOICES["max_episode_steps"])
@pytest.mark.parametrize("env", CHOICES["env"])
def test_environments_of_our_checks_are_environments(env: str, limit: int | None) -> None:
    """As the checker of the library sees those that our subjects build, wrappers and all."""
    options = {"env": env, "max_episode_steps": limit}
    scenario = Scenario(options=options, length=16, save_at=0)
    record = run(OURS, scenario, ("roundtrip",))
    assert record.verdict is Verdict.EXACT, described(record)
    for more in ({"normalize": True}, {"n_envs": 2}):
        wider = dataclasses.replace(scenario, options={**options, **more})
        assert look(OURS, dataclasses.replace(CASE, scenario=wider)) == ()
