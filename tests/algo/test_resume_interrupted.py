"""Runs that did not end as planned, and models that are not stock: exact, or told clearly.

Contract:
- what is torn by an error is never passed off as a state that resumes exactly;
- what a user's own policy, extractor or train() changes is part of the run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.checkpoint import MismatchedCheckpoint
from resumeproof.algo.networks.policy import DistributionalActorCriticPolicy
from resumeproof.algo.ppo.update import NonFiniteUpdate
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import DummyVecEnv

from tests.algo.runs import SaveAt, different, resume, snapshot
from tests.algo.small import make_env, make_model


class Failing(gym.Wrapper[Any, Any, Any, Any]):
    """Raises in one step, after the environment has moved."""

    def __init__(self, env: gym.Env[Any, Any], at: int) -> None:
        super().__init__(env)
        self.rest = at

    def step(self, action: Any) -> Any:
        """The inner step, until the rest is used up."""
        result = self.env.step(action)
        self.rest -= 1
        if self.rest == 0:
            raise KeyboardInterrupt
        return result


def failing(at: int) -> DummyVecEnv:
    """CartPole that fails at a step; never, for 0."""
    return DummyVecEnv([lambda: Failing(gym.make("CartPole-v1", max_episode_steps=13), at)])


def test_interrupted_step_is_told_at_save_and_refused_at_resume(tmp_path: Path) -> None:
    """The environment has moved and the rollout has not: the weights are saved, the run is not."""
    model = make_model(failing(24))
    with pytest.raises(KeyboardInterrupt):
        model.learn(64)
    with pytest.warns(UserWarning, match=r"an environment step was interrupted.*force_reset"):
        model.save(tmp_path / "torn")
    with pytest.raises(MismatchedCheckpoint, match=r"environment.*cannot be resumed exactly"):
        DistributionalPPO.load(tmp_path / "torn", env=failing(0), device="cpu")
    fresh = DistributionalPPO.load(
        tmp_path / "torn", env=failing(0), device="cpu", force_reset=True
    )
    fresh.learn(40, reset_num_timesteps=False).save(tmp_path / "whole")
    DistributionalPPO.load(tmp_path / "whole", env=failing(0), device="cpu")


def test_interrupted_update_is_told_at_save(tmp_path: Path) -> None:
    """Part of the minibatches have been learned from, and nothing says which."""

    class Spoil(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            self.model.rollout_buffer.log_probs[:] = float("-inf")

    model = make_model()
    with pytest.raises(NonFiniteUpdate):
        model.learn(32, callback=Spoil())
    with pytest.warns(UserWarning, match="an update was interrupted"):
        model.save(tmp_path / "torn")


def test_ctrl_c_in_a_callback_leaves_a_state_that_resumes_exactly(tmp_path: Path) -> None:
    """The step is complete before a callback sees it, so the usual save after Ctrl-C is exact."""

    class Interrupt(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps == 24:
                raise KeyboardInterrupt
            return True

    model = make_model()
    with pytest.raises(KeyboardInterrupt):
        model.learn(64, callback=Interrupt())
    model.save(tmp_path / "run.zip")
    whole = make_model().learn(64)
    assert different(snapshot(whole), snapshot(resume(tmp_path / "run.zip", make_env(), 64))) == []


def test_run_saved_by_a_train_of_the_users_own_resumes_after_the_update(tmp_path: Path) -> None:
    """super().train() has done the update: it is not done again."""

    class Saving(DistributionalPPO):
        def train(self) -> None:
            super().train()
            if self.num_timesteps == 32:
                self.save(tmp_path / "run")

    whole = Saving("MlpPolicy", make_env(), n_steps=16, batch_size=16, device="cpu", seed=1)
    whole.learn(64)
    resumed = Saving.load(tmp_path / "run", env=make_env(), device="cpu")
    resumed.learn(resumed.remaining_timesteps, reset_num_timesteps=False)
    assert different(snapshot(whole), snapshot(resumed)) == []


class Cooling(BaseFeaturesExtractor):
    """An extractor that changes one of its own constructor arguments."""

    def __init__(self, observation_space: Any, temperature: float = 1.0) -> None:
        super().__init__(observation_space, features_dim=4)
        self.temperature = temperature

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """The observations, colder at each pass."""
        self.temperature *= 0.99
        return observations * self.temperature


class Counting(DistributionalActorCriticPolicy):
    """A policy that counts its own passes in a plain attribute."""

    passes = 0

    def forward(self, obs: Any, deterministic: bool = False) -> Any:
        """Scaled by a factor that depends on the count."""
        self.passes = self.passes + 1
        return super().forward(obs * (1.0 + 1.0 / self.passes), deterministic)


CODE: dict[str, dict[str, Any]] = {
    "argument": {"policy_kwargs": {"net_arch": [8], "features_extractor_class": Cooling}},
    "policy": {"policy": Counting},
}


@pytest.mark.parametrize("name", CODE)
def test_what_the_users_own_modules_change_is_state(name: str, tmp_path: Path) -> None:
    """A constructor argument that moves, and an attribute of the policy itself."""
    code, path = CODE[name], tmp_path / "run.zip"
    options = {"policy": "MlpPolicy", "n_steps": 16, "batch_size": 16, "seed": 3, **code}
    whole = DistributionalPPO(env=make_env(), device="cpu", **options)
    whole.learn(64, callback=SaveAt(20, path))
    assert different(snapshot(whole), snapshot(resume(path, make_env(), 64, **code))) == []


def test_argument_of_a_module_that_never_moved_can_be_passed_anew(tmp_path: Path) -> None:
    """Configuration is not state: what the caller passes wins over the file."""
    kwargs = {"features_extractor_class": Cooling, "features_extractor_kwargs": {}}
    model = DistributionalPPO("MlpPolicy", make_env(), policy_kwargs=kwargs, device="cpu")
    model.save(tmp_path / "run")
    kwargs["features_extractor_kwargs"] = {"temperature": 0.5}
    loaded = DistributionalPPO.load(tmp_path / "run", device="cpu", policy_kwargs=kwargs)
    assert loaded.policy.features_extractor.temperature == 0.5


def test_environment_that_does_not_fit_leaves_the_loaded_run_waiting(tmp_path: Path) -> None:
    """set_env raises, learn() still says what is missing, and the right one then resumes."""
    whole = make_model().learn(64, callback=SaveAt(24, tmp_path / "run.zip"))
    model = DistributionalPPO.load(tmp_path / "run.zip", device="cpu")
    with pytest.raises(MismatchedCheckpoint, match="VecNormalize"):
        model.set_env(make_env(normalize=True), force_reset=False)
    with pytest.raises(ValueError, match="needs an environment"):
        model.learn(8, reset_num_timesteps=False)
    model.set_env(make_env(), force_reset=False)
    model.learn(model.remaining_timesteps, reset_num_timesteps=False)
    assert different(snapshot(whole), snapshot(model)) == []


def test_names_of_files_are_taken_as_sb3_takes_them(tmp_path: Path) -> None:
    """Directories are made, dots stay, and a directory of the same name is no obstacle."""
    model = make_model()
    (tmp_path / "taken").mkdir()
    for name in ("new/folder/run", "run.v1", "taken"):
        model.save(tmp_path / name)
        DistributionalPPO.load(str(tmp_path / name), device="cpu")
    names = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert names == {"new/folder/run.zip", "run.v1", "taken.zip"}


def test_custom_objects_may_hold_the_schedule_beside_the_rate(tmp_path: Path) -> None:
    """As in the examples of Stable-Baselines3."""
    make_model().save(tmp_path / "run")
    objects = {"learning_rate": 0.25, "lr_schedule": lambda _: 0.25}
    loaded = DistributionalPPO.load(tmp_path / "run", device="cpu", custom_objects=objects)
    assert loaded.lr_schedule(1.0) == 0.25
