"""What Stable-Baselines3 users do with a model works, and what they say explicitly wins."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from resumeproof.algo import (
    DistributionalPPO,
    InexactCheckpoint,
    LatestCheckpointCallback,
    find_latest,
)
from resumeproof.algo.maths.schedules import Constant
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback, EvalCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import configure

from tests.algo.small import make_env, make_model


def learning_rates(model: DistributionalPPO) -> list[float]:
    """The step size of every parameter group, as the next update would take it."""
    return [group["lr"] for group in model.policy.optimizer.param_groups]


def test_learning_rate_of_the_optimizer_holds_in_training_and_after_load(tmp_path: Path) -> None:
    """optimizer_kwargs["lr"] beats learning_rate, not only at construction (bug 2)."""
    model = make_model(learning_rate=3e-4, optimizer_kwargs={"lr": 7e-3})
    assert learning_rates(model) == [7e-3]
    model.learn(32)
    assert learning_rates(model) == [7e-3]
    model.save(tmp_path / "run")
    loaded = DistributionalPPO.load(tmp_path / "run", env=make_env(), device="cpu")
    assert learning_rates(loaded) == [7e-3]
    loaded.learn(32, reset_num_timesteps=False)
    assert learning_rates(loaded) == [7e-3]


OVERRIDES: dict[str, tuple[dict[str, Any], str, Any]] = {
    "gamma": ({"gamma": 0.5}, "gamma", 0.5),
    "learning_rate": ({"learning_rate": 1e-2}, "lr", 1e-2),
    "optimizer_kwargs": ({"optimizer_kwargs": {"sigma": 0.5}}, "sigma", 0.5),
    "vgs_kwargs": ({"vgs_kwargs": {"floor": 0.7}}, "vgs.floor", 0.7),
    "clip_range": ({"clip_range": 0.05}, "clip_range", Constant(0.05)),
    "custom_objects": ({"custom_objects": {"ent_coef": 0.3}}, "ent_coef", 0.3),
    "seed": ({"seed": 99}, "seed", 99),
}


@pytest.mark.parametrize("name", OVERRIDES)
def test_what_the_caller_passes_at_load_wins_over_the_file(name: str, tmp_path: Path) -> None:
    """The named argument has the new value, every learned tensor the saved one."""
    options, where, expected = OVERRIDES[name]
    model = make_model(optimizer_kwargs={"lr": 1e-3}).learn(32)
    model.save(tmp_path / "run")
    loaded = DistributionalPPO.load(tmp_path / "run", env=make_env(), device="cpu", **options)
    loaded.learn(16, reset_num_timesteps=False)
    group = loaded.policy.optimizer.param_groups[0]
    if where in group:
        assert group[where] == expected
    elif where == "vgs.floor":
        assert loaded.vgs is not None
        assert (loaded.vgs.floor, loaded.vgs.warmup_steps) == (expected, 2)
    else:
        assert getattr(loaded, where) == expected


def test_another_optimizer_at_load_starts_fresh_and_keeps_the_weights(tmp_path: Path) -> None:
    """The old moments belong to the old optimizer; the weights are the file's."""
    model = make_model(optimizer_kwargs={"sigma": 0.0}).learn(32)
    model.save(tmp_path / "run")
    loaded = DistributionalPPO.load(tmp_path / "run", device="cpu", optimizer="adam")
    assert type(loaded.policy.optimizer) is torch.optim.Adam
    assert not loaded.policy.optimizer.state
    for saved, kept in zip(model.policy.parameters(), loaded.policy.parameters(), strict=True):
        assert torch.equal(saved, kept)


def test_components_track_the_parameters_of_the_policy_after_every_build(tmp_path: Path) -> None:
    """Identity, not equality (bugs 4 and 9): construction, load, set_parameters, set-up again."""
    model = make_model().learn(32)
    model.save(tmp_path / "run")
    loaded = DistributionalPPO.load(tmp_path / "run", env=make_env(), device="cpu")
    loaded.set_parameters(model.get_parameters())
    again = make_model()
    again._setup_model()
    for built in (model, loaded, again):
        assert built.vgs is not None
        tracked = {id(parameter) for parameter in built.vgs.tracked.values()}
        stepped = {id(p) for g in built.policy.optimizer.param_groups for p in g["params"]}
        assert tracked == stepped == {id(p) for p in built.policy.parameters()}


def test_saving_works_with_a_log_file_and_before_any_training(tmp_path: Path) -> None:
    """At t = 0 and later, with a file-backed logger; the file holds no second model (bug 8)."""
    model = make_model(policy_kwargs={"net_arch": [64, 64]})
    model.set_logger(configure(str(tmp_path), ["csv", "log"]))
    model.save(tmp_path / "fresh")
    model.learn(32).save(tmp_path / "trained")
    # float32 weights, two moments, utilities, and the averages of VGS
    tensors = sum(p.numel() * 4 for p in model.policy.parameters()) * 5
    others = 64_000  # the environment, the streams, the rollout, the manifest
    assert (tmp_path / "trained.zip").stat().st_size < tensors * 1.1 + others
    DistributionalPPO.load(tmp_path / "fresh", env=make_env(), device="cpu").learn(16)
    model.logger.close()


def test_tensorboard_progress_bar_and_evaluation_work(tmp_path: Path) -> None:
    """The usual arguments of learn(), and evaluate_policy on the result."""
    model = make_model(make_env(n_envs=2, normalize=True), tensorboard_log=str(tmp_path / "tb"))
    evaluation = EvalCallback(
        make_env(normalize=True), eval_freq=16, n_eval_episodes=1, verbose=0,
        best_model_save_path=str(tmp_path),
    )  # fmt: skip
    model.learn(64, callback=evaluation, progress_bar=True, tb_log_name="run")
    model.logger.close()
    assert list((tmp_path / "tb").rglob("events*"))
    best = DistributionalPPO.load(tmp_path / "best_model", device="cpu")
    assert evaluate_policy(best, make_env(), n_eval_episodes=1)[0] > 0


def test_weights_travel_between_models_without_sharing_memory() -> None:
    """get_parameters is a copy, set_parameters copies: training one never moves the other."""
    donor, other = make_model().learn(32), make_model(seed=9).learn(16)
    states = donor.get_parameters()
    other.set_parameters(states)
    expected = [parameter.detach().clone() for parameter in donor.policy.parameters()]
    other.learn(32)
    for before, now in zip(expected, donor.policy.parameters(), strict=True):
        assert torch.equal(before, now)
    kept = [value.clone() for value in states["policy"]["tensors"].values()]
    donor.learn(32)
    for before, now in zip(kept, states["policy"]["tensors"].values(), strict=True):
        assert torch.equal(before, now)


def test_a_stream_is_as_good_as_a_file() -> None:
    """Save and load take a binary stream."""
    buffer = io.BytesIO()
    model = make_model().learn(16)
    model.save(buffer)
    loaded = DistributionalPPO.load(buffer, device="cpu")
    observation = np.zeros((1, 4), np.float32)
    assert (
        model.predict(observation, deterministic=True)[0]
        == loaded.predict(observation, deterministic=True)[0]
    )


def test_latest_checkpoint_is_found_and_old_ones_go(tmp_path: Path) -> None:
    """Two stay; a damaged latest is skipped; files with another prefix are not touched."""
    model = make_model()
    model.save(tmp_path / "best_model")
    model.learn(48, callback=LatestCheckpointCallback(10, str(tmp_path), keep=2))
    names = sorted(path.name for path in tmp_path.glob("*.zip"))
    assert names == ["best_model.zip", "rl_model_30_steps.zip", "rl_model_40_steps.zip"]
    assert find_latest(tmp_path).name == "rl_model_40_steps.zip"
    find_latest(tmp_path).write_bytes(b"torn")
    assert find_latest(tmp_path).name == "rl_model_30_steps.zip"
    with pytest.raises(ValueError, match="keep=1"):
        LatestCheckpointCallback(10, str(tmp_path), keep=1)


def test_stock_zip_gives_the_same_policy_and_optimizer(tmp_path: Path) -> None:
    """Weights, moments, counters and arguments of a stock PPO, on the user's word."""
    stock = PPO("MlpPolicy", make_env(), n_steps=16, batch_size=16, gamma=0.9, device="cpu")
    stock.learn(32).save(tmp_path / "stock")
    model = DistributionalPPO.from_sb3_zip(
        tmp_path / "stock.zip", make_env(), trust_pickle=True, device="cpu"
    )
    observation = torch.randn(5, 4)
    assert torch.equal(
        stock.policy.predict_values(observation).flatten(),
        model.policy.predict_values(observation).flatten(),
    )
    assert (model.gamma, model.num_timesteps, model._n_updates) == (0.9, 32, stock._n_updates)
    theirs, ours = stock.policy.optimizer.state_dict(), model.policy.optimizer.state_dict()
    assert len(theirs["state"]) == len(ours["state"])
    assert sorted(float(s["exp_avg_sq"].sum()) for s in theirs["state"].values()) == sorted(
        float(s["exp_avg_sq"].sum()) for s in ours["state"].values()
    )
    model.learn(16, reset_num_timesteps=False)


def test_callback_that_stops_training_keeps_the_partial_rollout(tmp_path: Path) -> None:
    """learn() again goes on where the callback stopped, as a loaded run does."""

    class StopAt(BaseCallback):
        def _on_step(self) -> bool:
            return self.num_timesteps != 24

    model = make_model().learn(64, callback=StopAt())
    assert (model.num_timesteps, model.rollout_buffer.pos) == (24, 8)
    model.save(tmp_path / "run")
    model.learn(40, reset_num_timesteps=False)
    loaded = DistributionalPPO.load(tmp_path / "run", env=make_env(), device="cpu")
    loaded.learn(40, reset_num_timesteps=False)
    for left, right in zip(model.policy.parameters(), loaded.policy.parameters(), strict=True):
        assert torch.equal(left, right)


def test_checkpoint_callback_of_sb3_works_with_its_extra_files(tmp_path: Path) -> None:
    """save_vecnormalize too: SB3's own file beside ours."""
    callback = CheckpointCallback(16, str(tmp_path), save_vecnormalize=True)
    make_model(make_env(normalize=True)).learn(16, callback=callback)
    assert {path.suffix for path in tmp_path.iterdir()} == {".zip", ".pkl"}


def test_train_that_does_not_call_ours_ends(tmp_path: Path) -> None:
    """Overridden in a class or replaced on a model: one call for each rollout, then the end."""
    calls: list[int] = []

    class Own(DistributionalPPO):
        def train(self) -> None:
            calls.append(self.num_timesteps)

    small: dict[str, Any] = {"n_steps": 16, "batch_size": 16, "device": "cpu"}
    model = Own("MlpPolicy", make_env(), **small).learn(48)
    assert (calls, model.num_timesteps) == ([16, 32, 48], 48)
    replaced: Any = DistributionalPPO("MlpPolicy", make_env(), **small)
    replaced.train = lambda: calls.append(-1)
    with pytest.warns(InexactCheckpoint, match="train is claimed by no part"):
        replaced.learn(32)
    assert calls[3:] == [-1, -1]


class Collecting(DistributionalPPO):
    """An algorithm whose own `collect_rollouts` would never be called."""

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> bool:
        """Nothing."""
        return True


def test_extension_that_would_not_be_called_is_refused() -> None:
    """When the model is built, not never."""
    with pytest.raises(TypeError, match="Collecting overrides collect_rollouts, which is never"):
        Collecting("MlpPolicy", make_env(), device="cpu")


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("twin_critics", "yes", TypeError),
        ("n_epochs", 0, ValueError),
        ("n_steps", 16.0, ValueError),
        ("batch_size", 0, ValueError),
        ("gamma", 1.5, ValueError),
        ("gae_lambda", -0.1, ValueError),
        ("ent_coef", "auto", ValueError),
        ("vf_coef", float("nan"), ValueError),
        ("max_grad_norm", None, ValueError),
        ("target_kl", 0.0, ValueError),
        ("learning_rate", -1.0, ValueError),
        ("clip_range", 0.0, ValueError),
        ("clip_range_vf", -1.0, ValueError),
    ],
)
def test_argument_out_of_its_range_is_refused(argument: str, value: Any, error: Any) -> None:
    """When the model is built, with name, value and range."""
    with pytest.raises(error, match=rf"expected {argument} to be .*got {argument}="):
        make_model(**{argument: value})


@pytest.mark.parametrize("rate", [1, np.float32(0.01), np.float64(0.01), np.int64(1)])
def test_learning_rate_may_be_any_real_number(rate: Any, tmp_path: Path) -> None:
    """Of numpy too; it comes back as the number that it is."""
    make_model(learning_rate=rate).save(tmp_path / "run")
    loaded = DistributionalPPO.load(tmp_path / "run", device="cpu")
    assert loaded.lr_schedule(1.0) == float(rate)
