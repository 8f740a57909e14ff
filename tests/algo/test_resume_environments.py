"""Environments as users write them: what they keep comes back, or the error names it.

Contract:
- data is found wherever it lives: other environments, functions, global streams, inner spaces;
- what is code stays the passed environment's, and another one in its place is an error.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces, wrappers
from gymnasium.utils.env_checker import check_env
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.checkpoint import MismatchedCheckpoint
from resumeproof.algo.run_state.environment import UnsavableEnvironment
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper, VecFrameStack

from tests.algo.runs import SaveAt, different, resume, snapshot, touched
from tests.algo.small import make_env, make_model


class Source(gym.Env[Any, Any]):
    """Observations and rewards from whatever the subclass draws on."""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(-1, 1, (3,), np.float32)
        self.action_space = spaces.Discrete(2)
        self.time = 0
        self.prepare()

    def prepare(self) -> None:
        """What the subclass keeps."""

    def draw(self) -> float:
        """A number in [0, 1)."""
        return float(self.np_random.random())

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, Any]:
        """A new episode; what the subclass keeps goes on."""
        super().reset(seed=seed)
        self.time = 0
        return np.full(3, self.draw(), np.float32), {}

    def step(self, action: Any) -> tuple[Any, ...]:
        """Seven steps an episode."""
        self.time += 1
        drawn = self.draw()
        return np.full(3, drawn, np.float32), drawn, False, self.time >= 7, {"kind": complex}


class Composed(Source):
    """Holds another environment without being a wrapper, under the name that wrappers use."""

    def prepare(self) -> None:
        """A list of environments, one of which is the current one."""
        self.envs = [gym.make("CartPole-v1") for _ in range(2)]
        for env in self.envs:
            env.reset(seed=1)
        self.env = self.envs[0]

    def draw(self) -> float:
        """From one environment, then from the other."""
        self.env = self.envs[self.env is self.envs[0]]
        return float(self.env.unwrapped.np_random.random())


class Closing(Source):
    """A counter in a closure, one in a default, one in a cell that is bound anew."""

    def prepare(self) -> None:
        """Three functions with a memory."""
        listed, bound = [0], 0

        def count(kept: list[int] = [0]) -> float:  # noqa: B006
            nonlocal bound
            bound += 1
            listed[0] += 2
            kept[0] += 3
            return ((bound + listed[0] + kept[0]) * 0.37) % 1

        self.count = count

    def draw(self) -> float:
        """From the counters."""
        return self.count()


class Global(Source):
    """Draws on the global streams through objects of its own."""

    def prepare(self) -> None:
        """The same streams that numpy.random, random and torch draw on."""
        self.numpy = np.random.mtrand._rand
        self.python = random._inst  # type: ignore[attr-defined]
        self.torch = torch.default_generator

    def draw(self) -> float:
        """Half from the object, half from the module."""
        own = float(torch.rand(1, generator=self.torch)) + self.numpy.rand() + self.python.random()
        modules = float(torch.rand(1)) + np.random.rand() + random.random()
        return float(own + modules) / 6


class Metadata(Source):
    """State under a name that libraries use for something else."""

    def prepare(self) -> None:
        """Metadata of the instance."""
        self.metadata = {"drawn": 0}

    def draw(self) -> float:
        """From the counter."""
        self.metadata["drawn"] += 1
        return float((self.metadata["drawn"] * 0.37) % 1)


class Inside(Source):
    """Spaces inside spaces, of every kind that holds some."""

    def prepare(self) -> None:
        """Two spaces that are sampled."""
        self.sequence = spaces.Sequence(spaces.Discrete(5))
        self.one_of = spaces.OneOf([spaces.Discrete(3), spaces.Box(0, 1, (1,))])

    def draw(self) -> float:
        """From their generators."""
        return (sum(self.sequence.sample()) + int(self.one_of.sample()[0])) % 11 / 11


class Cyclic(Source):
    """Knows itself, and has methods among its attributes."""

    def prepare(self) -> None:
        """Itself, and its own method."""
        self.me, self.source = self, self.drawn

    def drawn(self) -> float:
        """From its own stream."""
        return float(self.np_random.random())

    def draw(self) -> float:
        """By way of both."""
        return float(self.me.source())


class Knowing(gym.Wrapper[Any, Any, Any, Any]):
    """A wrapper and an environment that know each other."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.game: Any = env.unwrapped
        self.game.wrapper = self


def vectorised(make: Callable[[], gym.Env[Any, Any]]) -> Callable[[], VecEnv]:
    """Two of them."""
    return lambda: DummyVecEnv([make] * 2)


def pendulum() -> gym.Env[Any, Any]:
    """Short episodes of Pendulum."""
    return gym.make("Pendulum-v1", max_episode_steps=13)


UNIT = np.float32(-1), np.float32(1)

ENVIRONMENTS: dict[str, Callable[[], VecEnv]] = {
    **{
        kind.__name__: vectorised(kind)
        for kind in (Composed, Closing, Global, Metadata, Inside, Cyclic)
    },
    "Knowing": vectorised(lambda: Knowing(Source())),
    "VecFrameStack": lambda: VecFrameStack(vectorised(Source)(), 3),
    "RescaleAction": vectorised(lambda: wrappers.RescaleAction(pendulum(), *UNIT)),
    "RescaleObservation": vectorised(lambda: wrappers.RescaleObservation(pendulum(), *UNIT)),
    "ClipReward": vectorised(lambda: wrappers.ClipReward(pendulum(), -3, 0)),
    "TimeAwareObservation": vectorised(lambda: wrappers.TimeAwareObservation(pendulum())),
    "FrameStackObservation": vectorised(
        lambda: wrappers.FlattenObservation(wrappers.FrameStackObservation(pendulum(), 3))
    ),
}


if not hasattr(wrappers, "RescaleObservation"):  # wrappers and spaces that came with Gymnasium 1.0
    for newer in ("RescaleObservation", "ClipReward", "FrameStackObservation", "Inside"):
        del ENVIRONMENTS[newer]


# what they keep goes on over a reset, seed or no seed: that is what they are for
UNSEEDED = ("Composed", "Closing", "Global", "Metadata", "Inside")


def unwrapped(env: Any) -> list[gym.Env[Any, Any]]:
    """The environments inside a vectorised one."""
    while isinstance(env, VecEnvWrapper):
        env = env.venv
    return list(env.envs)


@pytest.mark.parametrize("name", [*ENVIRONMENTS, "small"])
def test_environment_of_these_tests_is_one(name: str) -> None:
    """As its library checks it; where a seed does not decide the episode, but for that."""
    for env in unwrapped(ENVIRONMENTS.get(name, make_env)()):
        env.unwrapped.spec = None  # the checker would build it anew, without the wrapper of SB3
        with warnings.catch_warnings():  # what the checker would rather see is no condition
            warnings.simplefilter("ignore")
            if name in UNSEEDED:
                checked = wrappers.PassiveEnvChecker(env)
                checked.reset(seed=0)
                checked.step(checked.action_space.sample())
            else:
                check_env(env, skip_render_check=True)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_an_environment_keeps_comes_back(name: str, tmp_path: Path) -> None:
    """Resumed in mid-rollout, in a fresh environment, the run ends equal."""
    make, path = ENVIRONMENTS[name], tmp_path / "run.zip"
    whole = make_model(make()).learn(64, callback=SaveAt(20, path))
    assert different(snapshot(whole), snapshot(resume(path, make(), 64))) == []


def appended(env: Any) -> None:
    """A bound method of a list: the list is data, the method stays bound to the old one."""
    env.items = [1]
    env.push = env.items.append


def walked(env: Any) -> None:
    """An iterator of which nobody can see the place where it stands."""
    env.source = iter([1, 2, 3])


@pytest.mark.parametrize(("spoil", "attribute"), [(appended, "push"), (walked, "source")])
def test_code_that_hides_data_is_an_error(
    spoil: Callable[[Any], None], attribute: str, tmp_path: Path
) -> None:
    """At save: the attribute, its owner and the two methods to add, on one readable line."""
    env = DummyVecEnv([Source])
    spoil(env.envs[0])
    with pytest.raises(UnsavableEnvironment) as caught:
        make_model(env).save(tmp_path / "run", exact=True)
    assert f"env.envs[0].{attribute} cannot be saved" in str(caught.value)
    assert "add two methods to Source: get_state(self)" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_another_function_in_the_same_place_is_an_error(tmp_path: Path) -> None:
    """Which function an attribute holds can be state, and a checkpoint holds no code."""
    saved, other = DummyVecEnv([Source]), DummyVecEnv([Source])
    vars(saved.envs[0])["rule"], vars(other.envs[0])["rule"] = vectorised, pendulum
    make_model(saved).save(tmp_path / "run")
    message = r"envs\[0\].rule was .*vectorised when the run was saved and is .*pendulum now"
    with pytest.raises(MismatchedCheckpoint, match=message):
        DistributionalPPO.load(tmp_path / "run", env=other, device="cpu")


def make_rule(remembers: bool) -> Callable[[], int]:
    """Two functions of one name, of which only the first has a variable of its own."""
    count = 0

    def rule() -> int:
        nonlocal count
        count += 1
        return count

    def forgetful() -> int:
        return 1

    forgetful.__qualname__ = rule.__qualname__
    return rule if remembers else forgetful


def test_function_that_keeps_other_variables_is_an_error(tmp_path: Path) -> None:
    """There is no place for what the run's function remembered; nothing has been touched."""
    saved, other = DummyVecEnv([Source]), DummyVecEnv([Source])
    vars(saved.envs[0])["rule"], vars(other.envs[0])["rule"] = make_rule(True), make_rule(False)
    make_model(saved).save(tmp_path / "run")
    before = touched(other)
    message = r"envs\[0\] has functions that keep the variables \[\], the checkpoint has \['rule"
    with pytest.raises(MismatchedCheckpoint, match=message):
        DistributionalPPO.load(tmp_path / "run", env=other, device="cpu")
    assert different(before, touched(other)) == []
