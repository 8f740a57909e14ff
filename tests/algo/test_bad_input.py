"""Wrong input: one clear error that names it, what was expected and what to do; nothing changed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from resumeproof.algo import CheckpointError, DistributionalPPO, InexactCheckpoint, ephemeral, saved
from resumeproof.algo.checkpoint import (
    DamagedCheckpoint,
    ForeignCheckpoint,
    MismatchedCheckpoint,
    NoCheckpoint,
    UnsupportedValue,
    encode,
    read,
    write,
)
from resumeproof.algo.ppo.update import NonFiniteUpdate
from resumeproof.algo.run_state.environment import UnsavableEnvironment
from resumeproof.algo.saving.registry import names_of, save_parts
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

from tests.algo.runs import touched
from tests.algo.small import make_env, make_model

UNKNOWN: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "keyword": ({"twin_critic": True}, TypeError, "'twin_critic' .did you mean 'twin_critics'"),
    "critic": ({"critic": "quantil"}, ValueError, "'quantil' is unknown.*'categorical'"),
    "optimizer": ({"optimizer": "sgdd"}, ValueError, "'sgdd' is unknown.*'adaptive_upgd'"),
    "critic_kwargs": ({"critic_kwargs": {"n_atoms": 5}}, ValueError, "n_atoms.*n_quantiles"),
    "optimizer_kwargs": ({"optimizer_kwargs": {"momentum": 1}}, TypeError, "momentum.*sigma"),
    "vgs_kwargs": ({"vgs_kwargs": {"warmup": 1}}, TypeError, "'warmup'.*warmup_steps"),
    "kl_penalty": ({"kl_penalty": {"goal": 1}}, TypeError, "'goal'.*target"),
    "policy_kwargs": ({"policy_kwargs": {"net_arc": [8]}}, TypeError, "'net_arc'.*net_arch"),
    "policy class": ({"policy": torch.nn.Linear}, TypeError, "Linear has no distributional"),
    "normalize_returns": ({"normalize_returns": "no"}, TypeError, "normalize_returns='no' is str"),
    "twin": ({"twin": "max"}, ValueError, r"expected twin to be .*'mean'.*got twin='max'"),
    "components": ({"components": "some"}, ValueError, "expected components to be .*'all'"),
    "vgs of another type": ({"vgs": "yes"}, TypeError, "vgs='yes' is str"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_arguments_are_named_with_the_valid_ones(name: str) -> None:
    """Also inside nested dicts: the message has the wrong name and the right ones."""
    options, error, message = UNKNOWN[name]
    arguments: dict[str, Any] = {"policy": "MlpPolicy", "env": make_env(), **options}
    with pytest.raises(error, match=re.compile(message, re.DOTALL)):
        DistributionalPPO(**arguments)


class Simulator:
    """An object with a part that nobody can read."""

    def __init__(self) -> None:
        self.position = iter([1, 2, 3])


class WithSimulator(gym.Wrapper[Any, Any, Any, Any]):
    """An environment that keeps such an object."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.simulator = Simulator()


class Asked(WithSimulator):
    """The same, but it can say and take its state."""

    def get_state(self) -> dict[str, Any]:
        """The inner CartPole's state."""
        inner: Any = self.env.unwrapped
        return {"state": inner.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Puts it back."""
        inner: Any = self.env.unwrapped
        inner.state = state["state"]


def wrapped(wrapper: Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]]) -> DummyVecEnv:
    """CartPole in the given wrapper."""
    return DummyVecEnv([lambda: wrapper(gym.make("CartPole-v1", max_episode_steps=13))])


def test_environment_that_cannot_be_saved_is_named_with_the_methods_to_add(tmp_path: Path) -> None:
    """At save time: the attribute, its type, and get_state and set_state."""
    with pytest.warns(InexactCheckpoint):
        model = make_model(wrapped(WithSimulator)).learn(16)
    message = r"env.envs\[0\].*simulator.*position.*WithSimulator.*get_state.*set_state"
    with pytest.raises(UnsavableEnvironment, match=re.compile(message, re.DOTALL)):
        model.save(tmp_path / "run", exact=True)
    assert list(tmp_path.iterdir()) == []


def test_environment_that_offers_its_state_is_asked(tmp_path: Path) -> None:
    """With the two methods the same environment resumes exactly."""

    class SaveAt20(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps == 20:
                self.model.save(tmp_path / "run")
            return True

    whole = make_model(wrapped(Asked)).learn(48, callback=SaveAt20())
    model = DistributionalPPO.load(tmp_path / "run", env=wrapped(Asked), device="cpu")
    model.learn(model.remaining_timesteps, reset_num_timesteps=False)
    for left, right in zip(whole.policy.parameters(), model.policy.parameters(), strict=True):
        assert torch.equal(left, right)


def test_subprocess_environments_are_unsupported_at_save(tmp_path: Path) -> None:
    """Never silently inexact: the error says UNSUPPORTED and what to do."""
    env = SubprocVecEnv([lambda: gym.make("CartPole-v1")])
    try:
        with pytest.warns(InexactCheckpoint, match="SubprocVecEnv"):
            model = make_model(env).learn(16)
        with pytest.raises(UnsavableEnvironment, match=r"UNSUPPORTED.*DummyVecEnv"):
            model.save(tmp_path / "run", exact=True)
        model.save(tmp_path / "weights", exclude=["environment"])
    finally:
        env.close()
    with pytest.raises(MismatchedCheckpoint, match=r"without \['environment'\].*force_reset"):
        DistributionalPPO.load(tmp_path / "weights", env=make_env(), device="cpu")
    DistributionalPPO.load(tmp_path / "weights", env=make_env(), device="cpu", force_reset=True)


BROKEN: dict[str, tuple[Callable[[bytes], bytes], type[Exception], str]] = {
    "truncated": (lambda data: data[: len(data) // 2], DamagedCheckpoint, "expected"),
    "altered": (
        lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
        DamagedCheckpoint,
        "expected",
    ),
    "empty": (lambda data: b"", CheckpointError, "."),
    "text": (lambda data: b"hello", ForeignCheckpoint, "."),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_one_clear_error_and_touches_nothing(name: str, tmp_path: Path) -> None:
    """Environment and streams are as they were before the failed load."""
    damage, error, message = BROKEN[name]
    path = tmp_path / "run.zip"
    make_model().learn(16).save(path)
    path.write_bytes(damage(path.read_bytes()))
    env = make_env()
    env.seed(5)
    env.reset()
    before = touched(env)
    with pytest.raises(error, match=message):
        DistributionalPPO.load(path, env=env, device="cpu")
    assert touched(env) == before


def test_missing_file_is_named(tmp_path: Path) -> None:
    """The path that was looked for is in the message."""
    with pytest.raises(NoCheckpoint, match=r"nowhere.*find_latest"):
        DistributionalPPO.load(tmp_path / "nowhere", device="cpu")


def test_stock_zip_is_foreign_and_the_error_says_how_to_read_it(tmp_path: Path) -> None:
    """A stock zip holds pickled code: only from_sb3_zip reads it, on the user's word."""
    PPO("MlpPolicy", make_env(), n_steps=16, batch_size=16).save(tmp_path / "stock")
    with pytest.raises(ForeignCheckpoint, match="from_sb3_zip"):
        DistributionalPPO.load(tmp_path / "stock", device="cpu")
    with pytest.raises(ValueError, match=r"trust_pickle=False.*trust_pickle=True"):
        DistributionalPPO.from_sb3_zip(tmp_path / "stock.zip", make_env())


@pytest.mark.parametrize("part", [n for n in names_of(DistributionalPPO) if n != "declared"])
def test_checkpoint_with_a_garbled_part_changes_nothing(part: str, tmp_path: Path) -> None:
    """Whatever part does not fit: an error, and environment and streams are as they were."""
    path = tmp_path / "run.zip"
    make_model().learn(16).save(path)
    _, tree = read(path)
    tree["parts"][part] = {"nonsense": 1}
    write(path, tree, kind="DistributionalPPO")
    env = make_env()
    before = touched(env)
    with pytest.raises((CheckpointError, ValueError, KeyError)):
        DistributionalPPO.load(path, env=env, device="cpu")
    assert touched(env) == before


def test_set_parameters_is_all_or_nothing() -> None:
    """When one part does not fit, no part of the live model has moved."""
    model = make_model().learn(32)
    before = encode(save_parts(model, names_of(DistributionalPPO, learned=True)))[0]
    other = make_model(critic_kwargs={"n_quantiles": 7}).learn(32).get_parameters()
    mixed = {**model.get_parameters(), "vgs": other["vgs"]}
    with pytest.raises(Exception, match="value_net"):
        model.set_parameters(mixed)
    assert encode(save_parts(model, names_of(DistributionalPPO, learned=True)))[0] == before


@pytest.mark.parametrize("optimizer", ["adaptive_upgd", "upgd", "adam"])
@pytest.mark.parametrize("damage", ["missing", "renamed", "extra", "no group"])
def test_settings_of_a_parameter_group_are_all_there_or_refused(
    optimizer: str, damage: str
) -> None:
    """A learning rate that is not in the state is not left as it was in silence."""
    model = make_model(optimizer=optimizer, learning_rate=1e-3).learn(16)
    states = model.get_parameters()
    (group,) = states["policy.optimizer"]["groups"]
    if damage == "no group":
        states["policy.optimizer"]["groups"].clear()
    else:
        lr = group["lr"] if damage == "extra" else group.pop("lr")
        group.update({} if damage == "missing" else {"learning_rate": lr})
    with pytest.raises(MismatchedCheckpoint, match=r"policy\.optimizer\.groups"):
        model.set_parameters(states)


def test_attribute_that_nobody_claims_is_an_error_with_the_line_to_write(tmp_path: Path) -> None:
    """A subclass adds state: saved, derived or ephemeral with a reason, or no checkpoint."""

    class Counting(DistributionalPPO):
        def train(self) -> None:
            self.updates = getattr(self, "updates", 0) + 1
            super().train()

    def build(cls: type[DistributionalPPO]) -> DistributionalPPO:
        return cls("MlpPolicy", make_env(), n_steps=16, batch_size=16, device="cpu").learn(16)

    with pytest.raises(UnsupportedValue, match=r'checkpoint_attributes = \{"updates": saved\(\)\}'):
        build(Counting).save(tmp_path / "run", exact=True)
    Counting.checkpoint_attributes = {"updates": saved()}  # type: ignore[attr-defined]
    build(Counting).save(tmp_path / "run")
    assert Counting.load(tmp_path / "run", device="cpu").updates == 1
    Counting.checkpoint_attributes = {"updates": ephemeral("only printed")}  # type: ignore[attr-defined]
    build(Counting).save(tmp_path / "run")
    assert not hasattr(Counting.load(tmp_path / "run", device="cpu"), "updates")


class NanReward(gym.RewardWrapper[Any, Any]):
    """Rewards that are no numbers after a while."""

    def reward(self, reward: Any) -> float:
        """The reward, or NaN."""
        return float("nan") if self.np_random.random() < 0.2 else float(reward)


def test_reward_that_is_not_finite_raises_an_error_that_says_where() -> None:
    """It is never skipped in silence."""
    with pytest.raises((NonFiniteUpdate, ValueError), match="finite"):
        make_model(wrapped(NanReward), normalize_returns=False).learn(64)


def test_ratio_that_is_not_finite_says_where_and_changes_no_parameter() -> None:
    """The error names minibatch, epoch and timesteps."""
    model = make_model(n_epochs=1)
    model.learn(16)
    before = [p.detach().clone() for p in model.policy.parameters()]
    model.rollout_buffer.log_probs[:] = -np.inf
    with pytest.raises(NonFiniteUpdate, match=r"ratio.*minibatch 0 of epoch 0.*16 timesteps"):
        model.train()
    assert all(torch.equal(a, b) for a, b in zip(before, model.policy.parameters(), strict=True))


def test_another_number_of_environments_is_refused_unless_the_run_starts_afresh(
    tmp_path: Path,
) -> None:
    """Exactness cannot survive it, so the caller has to say it."""
    make_model(make_env(n_envs=2)).learn(32).save(tmp_path / "run")
    with pytest.raises(MismatchedCheckpoint, match=r"2 environments, 4 were passed.*force_reset"):
        DistributionalPPO.load(tmp_path / "run", env=make_env(n_envs=4), device="cpu")
    model = DistributionalPPO.load(
        tmp_path / "run", env=make_env(n_envs=4), device="cpu", force_reset=True
    )
    assert model.learn(64, reset_num_timesteps=False).num_timesteps == 96


def test_other_wrappers_are_refused(tmp_path: Path) -> None:
    """The chain of the run and the chain passed are both in the message."""
    make_model(make_env(normalize=True)).learn(16).save(tmp_path / "run")
    with pytest.raises(MismatchedCheckpoint, match="VecNormalize > DummyVecEnv"):
        DistributionalPPO.load(tmp_path / "run", env=make_env(), device="cpu")


def test_upgd_with_the_learning_rate_of_adam_is_told_so() -> None:
    """Loudly and with a way out; one that was chosen is nobody's business."""
    with pytest.warns(UserWarning, match=r"learning_rate=0\.0003 is Adam's.*such as 0\.1"):
        make_model(optimizer="upgd")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_model(optimizer="upgd", learning_rate=0.1)
        make_model(optimizer="upgd", optimizer_kwargs={"lr": 0.1})
