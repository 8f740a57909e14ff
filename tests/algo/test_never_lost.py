"""A trained model is never lost: what cannot be saved exactly is told, and everything else is kept.

Contract:
- told when `learn()` starts and at each `save()`, with what to write; `exact=True` refuses;
- the manifest says so, the file predicts and trains on, and `learn()` tells that it is another run;
- no callback of Stable-Baselines3 ends a training over it; what is plain data is exact.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from resumeproof.algo import DistributionalPPO, InexactCheckpoint, InexactResume
from resumeproof.algo.checkpoint import CheckpointError, verify
from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback, EvalCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecNormalize

from tests.algo.populations import EXPLORE, Population
from tests.algo.runs import SaveAt, different, resume, snapshot
from tests.algo.small import make_env, make_model

# where another warning is what a test waits for
TOLD = pytest.mark.filterwarnings("ignore::resumeproof.algo.run_state.missing.InexactCheckpoint")
ENGINE = r"envs\[0\]\.env.*\.engine cannot be saved.*iterator.*get_state\(self\).*set_state\(self"


class Engine:
    """A simulator that nobody can read: an iterator does not say where it stands."""

    def __init__(self) -> None:
        self.position = iter([1, 2, 3])


class Simulated(gym.Wrapper[Any, Any, Any, Any]):
    """CartPole with a simulator, and a counter that is plain data."""

    def __init__(self) -> None:
        super().__init__(gym.make("CartPole-v1", max_episode_steps=13))
        self.engine, self.steps = Engine(), 0

    def step(self, action: Any) -> Any:
        """Counts."""
        self.steps += 1
        return self.env.step(action)


class Deaf(Simulated):
    """Its `get_state` returns what is no plain data."""

    def get_state(self) -> Any:
        """The simulator itself."""
        return {"engine": self.engine}

    def set_state(self, state: Any) -> None:
        """Takes it back."""
        self.engine = state["engine"]


class Slotted(Simulated):
    """Keeps something where `vars()` does not look."""

    __slots__ = ("hidden",)


class Opened(Simulated):
    """Keeps an open file."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = sys.__stdout__


def simulated(kind: type[gym.Env[Any, Any]] = Simulated, normalize: bool = False) -> VecEnv:
    """One of them, as users build it."""
    env: VecEnv = DummyVecEnv([lambda: Monitor(kind())])
    return VecNormalize(env) if normalize else env


def trained(env: VecEnv, steps: int = 40, callback: Any = None) -> DistributionalPPO:
    """A model that has been told."""
    with pytest.warns(InexactCheckpoint, match="saved exactly"):
        return make_model(env).learn(steps, callback=callback)


@pytest.mark.parametrize("kind", [Simulated, Deaf, Slotted, Opened])
def test_model_in_an_unsavable_environment_is_saved_and_the_file_says_so(
    kind: Any, tmp_path: Path
) -> None:
    """Told at learn() and at save(), recorded in the manifest, and refused where one insists."""
    model = trained(simulated(kind))
    with pytest.warns(InexactCheckpoint, match="not saved exactly"):
        model.save(tmp_path / "run")
    manifest = verify(tmp_path / "run.zip")
    assert manifest["exact"] is False
    assert "get_state(self)" in manifest["missing"][0]
    with pytest.raises(CheckpointError, match=r"get_state\(self\)"):
        model.save(tmp_path / "exact", exact=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run.zip"]


def test_missing_piece_is_named_with_what_to_write() -> None:
    """Before the first step, not after hours of training."""
    with pytest.warns(InexactCheckpoint, match=ENGINE):
        make_model(simulated()).learn(16)


@TOLD
@pytest.mark.parametrize("at", [0, 20, 32, 40])
def test_inexact_file_predicts_and_trains_on(at: int, tmp_path: Path) -> None:
    """All that was learned and all that is plain data is there; a new episode begins."""

    class Save(BaseCallback):
        def _on_training_start(self) -> None:
            if at == 0:
                self.model.save(tmp_path / "run")

        def _on_step(self) -> bool:
            if self.num_timesteps == at:
                self.model.save(tmp_path / "run")
                seen.append((self.training_env.obs_rms.mean.copy(), env.envs[0].env.steps))  # type: ignore[attr-defined]
            return True

    seen: list[Any] = []
    env = simulated(normalize=True)
    model = trained(env, 48, Save())
    loaded = DistributionalPPO.load(tmp_path / "run", device="cpu")
    assert loaded.predict(np.zeros(4, np.float32), deterministic=True)[0] in (0, 1)
    fresh: Any = simulated(normalize=True)
    loaded = DistributionalPPO.load(tmp_path / "run", env=fresh, device="cpu")
    if at:
        assert np.array_equal(fresh.obs_rms.mean, seen[0][0])
        assert fresh.envs[0].env.steps == seen[0][1]
    assert loaded.num_timesteps == at
    with pytest.warns(InexactResume, match=ENGINE):
        loaded.learn(48 - at, reset_num_timesteps=False)
    assert loaded.num_timesteps >= 48
    assert model._n_updates >= loaded._n_updates > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", InexactResume)
        warnings.simplefilter("ignore", InexactCheckpoint)
        loaded.learn(16, reset_num_timesteps=False)  # told once


@TOLD
def test_environments_in_other_processes_are_told_and_saved_without(tmp_path: Path) -> None:
    """Their statistics are kept, they themselves begin anew."""
    env: Any = VecNormalize(SubprocVecEnv([lambda: gym.make("CartPole-v1")]))
    fresh: Any = VecNormalize(SubprocVecEnv([lambda: gym.make("CartPole-v1")]))
    try:
        with pytest.warns(InexactCheckpoint, match=r"UNSUPPORTED.*SubprocVecEnv.*DummyVecEnv"):
            model = make_model(env).learn(24)
        with pytest.warns(InexactCheckpoint):
            model.save(tmp_path / "run")
        loaded = DistributionalPPO.load(tmp_path / "run", env=fresh, device="cpu")
        assert np.array_equal(fresh.obs_rms.mean, env.obs_rms.mean)
        with pytest.warns(InexactResume):
            loaded.learn(16, reset_num_timesteps=False)
    finally:
        env.close()
        fresh.close()


@TOLD
def test_callbacks_of_sb3_never_end_a_training_over_it(tmp_path: Path) -> None:
    """Checkpoints, and evaluations in an environment of its own, to the end and again."""

    def callbacks() -> list[BaseCallback]:
        evaluation = EvalCallback(
            Monitor(Opened()), eval_freq=10, n_eval_episodes=1, verbose=0,
            best_model_save_path=str(tmp_path / "best"), log_path=str(tmp_path / "log"),
        )  # fmt: skip
        return [CheckpointCallback(15, str(tmp_path)), evaluation]

    model = make_model(simulated()).learn(64, callback=callbacks())
    assert model.num_timesteps == 64
    assert (tmp_path / "best" / "best_model.zip").exists()
    loaded = DistributionalPPO.load(
        tmp_path / "rl_model_30_steps.zip", env=simulated(), device="cpu"
    )
    again = callbacks()
    with pytest.warns(InexactResume, match=r"EvalCallback\[0\]\.eval_env.*engine"):
        loaded.learn(34, callback=again, reset_num_timesteps=False)
    assert again[0].n_calls == loaded.num_timesteps >= 64


def test_infos_that_are_no_plain_data_are_left_out(tmp_path: Path) -> None:
    """A callback that saves in the middle of a step saves what others will see of it."""

    class Odd(gym.Wrapper[Any, Any, Any, Any]):
        def step(self, action: Any) -> Any:
            *rest, info = self.env.step(action)
            return *rest, {**info, "engine": Engine()}

    class After(BaseCallback):
        def _on_step(self) -> bool:
            return True

    env = DummyVecEnv([lambda: Odd(gym.make("CartPole-v1"))])
    model = make_model(env)
    with pytest.warns(InexactCheckpoint, match=r"infos.*engine.*Engine"):
        model.learn(32, callback=[SaveAt(20, tmp_path / "run.zip"), After()])
    DistributionalPPO.load(tmp_path / "run.zip", device="cpu")


def test_attribute_that_nobody_claims_is_told_and_refused_where_one_insists(tmp_path: Path) -> None:
    """The line to write is in both."""

    class Counting(DistributionalPPO):
        def train(self) -> None:
            self.updates = getattr(self, "updates", 0) + 1
            super().train()

    line = r'checkpoint_attributes = \{"updates": saved\(\)\}'
    model = Counting("MlpPolicy", make_env(), n_steps=16, batch_size=16, device="cpu").learn(16)
    with pytest.warns(InexactCheckpoint, match=line):
        model.save(tmp_path / "run")
    assert Counting.load(tmp_path / "run", device="cpu").num_timesteps == 16
    with pytest.raises(CheckpointError, match=line):
        model.save(tmp_path / "run", exact=True)


@TOLD
def test_population_is_never_lost_either(tmp_path: Path) -> None:
    """Members in such environments are saved, told, and train on."""

    def make(seed: int) -> DistributionalPPO:
        return make_model(simulated(), seed=seed)

    population = Population(make, size=2, interval=32, explore=EXPLORE)
    turns = population.intervals(64)
    next(turns)
    population.save(tmp_path / "population")
    with pytest.raises(CheckpointError, match="engine"):
        population.save(tmp_path / "exact", exact=True)
    assert verify(tmp_path / "population.zip")["exact"] is False
    loaded = Population.load(tmp_path / "population", make)
    with pytest.warns(InexactResume, match="engine"):
        loaded.learn(64)
    assert [member.model.num_timesteps for member in loaded.members] == [64, 64]


MAPS = {"FrozenLake-v1", "Taxi-v3", "Taxi-v4", "CliffWalking-v1"} & set(gym.registry)


@pytest.mark.parametrize("name", sorted(MAPS - {"Taxi-v3"} if "Taxi-v4" in MAPS else MAPS))
def test_environments_with_maps_of_characters_are_exact(name: str, tmp_path: Path) -> None:
    """Their maps are numpy text of fixed width: plain data, and no word is said."""

    def make() -> VecEnv:
        return DummyVecEnv([lambda: Monitor(gym.make(name, max_episode_steps=13))])

    path = tmp_path / "run.zip"
    whole = make_model(make()).learn(64, callback=SaveAt(20, path))
    assert verify(path)["exact"] is True
    assert different(snapshot(whole), snapshot(resume(path, make(), 64))) == []
