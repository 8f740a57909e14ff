"""What `resumeproof env` says of an environment, by running it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv
from resumeproof.algo.stock.prove import command, prove

_HIDDEN = np.random.default_rng(0)


class Forgetful(gym.Wrapper[Any, Any, Any, Any]):
    """Draws from a generator that no environment holds."""

    def step(self, action: Any) -> Any:
        """A reward that depends on what the module keeps."""
        observation, _reward, *rest = self.env.step(action)
        return observation, float(_HIDDEN.random()), *rest


class Iterating(gym.Wrapper[Any, Any, Any, Any]):
    """Keeps an iterator."""

    def __init__(self) -> None:
        super().__init__(gym.make("CartPole-v1"))
        self.rounds = iter(range(9))


@pytest.mark.parametrize("name", ["CartPole-v1", "Taxi-v4", "FrozenLake-v1", "Blackjack-v1"])
def test_environment_that_comes_with_gymnasium_is_proved_exact(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 0, with what was compared."""
    name = name if name in gym.registry else "Taxi-v3"
    assert command([name, "--steps", "80"]) == 0
    assert f"{name} resumes exactly: 200 steps from 4 save points" in capsys.readouterr().out


def test_option_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    """As Python writes the value."""
    assert command(["FrozenLake-v1", "-s", "is_slippery=False", "--steps", "40"]) == 0
    assert "FrozenLake-v1 resumes exactly" in capsys.readouterr().out


def test_what_stands_in_the_way_is_named() -> None:
    """The attribute, and the two methods to add."""
    proof = prove(Iterating, steps=20)
    assert proof.answer == "lacking"
    assert "rounds cannot be saved" in proof.reasons[0]


def test_state_that_nobody_sees_is_found_by_running() -> None:
    """What a module keeps is not in the environment: the resumed one goes on otherwise."""
    proof = prove(lambda: Forgetful(gym.make("CartPole-v1")), steps=20)
    assert proof.answer == "differs"
    assert "keeps state where Python does not see it" in proof.reasons[0]


def test_environment_that_is_not_there_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """With the word of Gymnasium."""
    assert command(["CartPule-v1"]) == 2
    assert "resumeproof env: NameNotFound" in capsys.readouterr().err


def test_streams_of_the_caller_stay_where_they_are() -> None:
    """A proof draws actions, and nobody's own numbers."""
    before = np.random.get_state()[1].tolist()
    assert prove(FrozenLakeEnv, steps=20).answer == "exact"
    assert np.random.get_state()[1].tolist() == before
