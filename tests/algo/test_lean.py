"""The lean way through a rollout: which models it covers, and that it does as the general one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from resumeproof.algo import DistributionalActorCriticPolicy
from resumeproof.algo.ppo import rollout
from resumeproof.algo.ppo.lean import lean_actor
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack
from torch import nn

from tests.algo.runs import different, snapshot
from tests.algo.small import make_env, make_model

ENVIRONMENTS = ("CartPole-v1", "Pendulum-v1")


def started(env_id: str, **options: Any) -> Any:
    """A model with an observation, in two environments."""
    return make_model(make_env(env_id, n_envs=2), **options).learn(32)


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_lean_actor_draws_what_the_policy_draws(env_id: str, activation: Any) -> None:
    """The same actions to rounding, and the streams are left at the same place."""
    model = started(env_id, policy_kwargs={"net_arch": [8, 8], "activation_fn": activation})
    actor = lean_actor(model)
    assert actor is not None
    observations = np.random.default_rng(0).normal(size=(200, *model.observation_space.shape))
    observations = observations.astype(np.float32)
    torch.manual_seed(4)
    actions, log_probs = actor.act(observations)
    after = torch.get_rng_state()
    torch.manual_seed(4)
    with torch.no_grad():
        expected, _, scores = model.policy(torch.from_numpy(observations))
    assert torch.equal(after, torch.get_rng_state())
    assert (actions.shape, log_probs.dtype) == (expected.shape, np.float32)
    np.testing.assert_allclose(actions, expected.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(log_probs, scores.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_lean_rollout_holds_what_the_general_one_holds(
    env_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same actions, rewards and episodes, and the values of the same observations."""
    lean = started(env_id)
    monkeypatch.setattr(rollout, "lean_actor", lambda _: None)
    general = started(env_id)
    mine, theirs = lean.rollout_buffer, general.rollout_buffer
    for name in ("observations", "actions", "rewards", "values", "log_probs", "returns"):
        np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), rtol=1e-3, atol=1e-4)
    assert np.array_equal(mine.episode_starts, theirs.episode_starts)


class Reading(BaseCallback):
    """Reads what SB3 gives."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Any] = []

    def _on_step(self) -> bool:
        names = ("values", "log_probs", "obs_tensor")
        self.read.append([self.locals[name] for name in names])
        return True


def test_callback_reads_values_that_are_made_for_it_and_moves_nothing() -> None:
    """The run is the same to the bit with it, with one of the library, and without."""
    plain, read = make_model().learn(48), Reading()
    watched = make_model().learn(48, read)
    evaluation = EvalCallback(make_env(), eval_freq=1000, verbose=0)
    other = make_model().learn(48, evaluation)
    for model in (watched, other):
        assert [p for p in different(snapshot(plain), snapshot(model)) if "_loop" not in p] == []
    values, log_probs, observations = read.read[0]
    assert values.shape == (1, 1)
    assert (log_probs.shape, observations.shape) == ((1,), (1, 4))
    assert log_probs.dtype == torch.float32


class OwnPolicy(DistributionalActorCriticPolicy):
    """A policy that may do anything."""


class OwnBuffer(RolloutBuffer):
    """A buffer that may do anything."""


def hook_into(model: Any) -> None:
    """Something that a call of a layer does."""
    model.policy.action_net.register_forward_hook(lambda *_: None)


def replace_forward(model: Any) -> None:
    """Another pass for this one policy."""
    model.policy.forward = model.policy.forward


NOT_COVERED: dict[str, tuple[dict[str, Any], Callable[[Any], None]]] = {
    "policy": ({"policy": OwnPolicy}, lambda _: None),
    "buffer": ({"rollout_buffer_class": OwnBuffer}, lambda _: None),
    "activation": ({"policy_kwargs": {"activation_fn": nn.ELU}}, lambda _: None),
    "wide": ({"policy_kwargs": {"net_arch": [300, 300]}}, lambda _: None),
    "noise": ({"use_sde": True}, lambda _: None),
    "hook": ({}, hook_into),
    "replaced": ({}, replace_forward),
}


@pytest.mark.parametrize("name", NOT_COVERED)
def test_what_may_do_more_takes_the_general_way(name: str) -> None:
    """And the plain model beside it does not."""
    options, change = NOT_COVERED[name]
    arguments = {"policy": "MlpPolicy", **options}
    model = type(make_model())(
        arguments.pop("policy"), make_env("Pendulum-v1"), n_steps=16, batch_size=16, device="cpu",
        **arguments,
    )  # fmt: skip
    model.learn(16)
    change(model)
    assert lean_actor(model) is None
    assert lean_actor(started("Pendulum-v1")) is not None


def test_wrapped_observations_are_covered_and_images_are_not() -> None:
    """Frames of a stack are still one row of numbers."""
    model = make_model(VecFrameStack(make_env(normalize=True), 3)).learn(16)
    assert lean_actor(model) is not None


def test_actor_sees_weights_that_move_in_mid_rollout() -> None:
    """They are views, not copies."""
    model = started("Pendulum-v1")
    actor = lean_actor(model)
    assert actor is not None
    observations = np.ones((1, 3), np.float32)
    with torch.no_grad():
        for parameter in model.policy.action_net.parameters():
            parameter.fill_(0.0)
        model.policy.log_std.fill_(-30.0)
    assert abs(float(actor.act(observations)[0][0, 0])) < 1e-9


def test_rollout_that_goes_on_in_the_general_way_has_every_value() -> None:
    """A hook that comes in mid-rollout changes the way, and no value is missing."""

    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            return self.num_timesteps != 8

    model = make_model().learn(16, Stop())
    assert np.isnan(model.rollout_buffer.values[:8]).all()
    hook_into(model)
    model.learn(8, reset_num_timesteps=False)
    assert model.num_timesteps == 16
    assert np.isfinite(model.rollout_buffer.values).all()


class Square(gym.Env[np.ndarray[Any, Any], np.ndarray[Any, Any]]):
    """Actions are tables of two by two."""

    observation_space = spaces.Box(-1, 1, (3,))
    action_space = spaces.Box(-1, 1, (2, 2))

    def reset(self, **options: Any) -> Any:
        """Nothing to see."""
        super().reset(**options)
        return np.zeros(3, np.float32), {}

    def step(self, action: np.ndarray[Any, Any]) -> Any:
        """Asks for the shape of the space."""
        assert action.shape == (2, 2)
        return np.zeros(3, np.float32), 0.0, False, False, {}


def test_actions_have_the_shape_of_their_space() -> None:
    """In the environment and for callbacks; in the buffer they are rows."""
    model = make_model(DummyVecEnv([Square, Square])).learn(32)
    assert lean_actor(model) is not None
    assert model._loop.transition["actions"].shape == (2, 2, 2)
    assert model.rollout_buffer.actions.shape == (32, 4)


def test_action_that_is_not_finite_is_refused() -> None:
    """By the message of the general way."""
    model = started("CartPole-v1")
    actor = lean_actor(model)
    assert actor is not None
    with pytest.raises(ValueError, match="expected finite log-probabilities of the actions"):
        actor.act(np.full((2, 4), np.nan, np.float32))
