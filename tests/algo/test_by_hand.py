"""The gradient by hand: that it is autograd's, and for which models it is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from resumeproof.algo import DistributionalActorCriticPolicy
from resumeproof.algo.ppo import update as updates
from resumeproof.algo.ppo.by_hand import loss_by_hand
from resumeproof.algo.ppo.minibatches import Minibatch, Statistics, flatten, minibatches
from stable_baselines3.common.buffers import RolloutBuffer
from torch import nn

from tests.algo.small import make_env, make_model

OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "scalar": {"critic": "scalar", "critic_kwargs": None},
    "one critic": {"twin_critics": False, "kl_penalty": False},
    "relu, deep": {"policy_kwargs": {"net_arch": [8, 8, 8], "activation_fn": nn.ReLU}},
    "no critic layers": {"policy_kwargs": {"net_arch": {"pi": [5], "vf": []}}},
    "no layers": {"policy_kwargs": {"net_arch": []}},
    "raw advantages": {"normalize_advantage": False, "vf_coef": 0.1, "learning_rate": 0.03},
}


def started(env_id: str = "CartPole-v1", **options: Any) -> Any:
    """A model after a few updates, whose ratios are no longer all one."""
    arguments = {"ent_coef": 0.013, "learning_rate": 3e-3, **options}
    return make_model(make_env(env_id, n_envs=2), **arguments).learn(128)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize("name", OPTIONS)
def test_gradient_and_statistics_are_those_of_autograd(name: str, env_id: str) -> None:
    """Of every parameter and to rounding, for policies that have moved away from the rollout's."""
    model = started(env_id, **OPTIONS[name])
    flatten(model.rollout_buffer)
    lose = loss_by_hand(model)
    assert lose is not None
    for chosen, samples in minibatches(model):
        batch = Minibatch(
            samples=samples,
            targets=torch.linspace(-2, 2, len(chosen)),
            old_outputs=None,
            clip_range=0.001,
            clip_range_vf=None,
            where="here",
        )
        found = []
        for loss in (updates._loss, lose):
            statistics = Statistics()
            model.policy.zero_grad()
            loss(model, batch, statistics).backward()
            found.append(([p.grad for p in model.policy.parameters()], statistics))
        (expected, theirs), (gradients, ours) = found
        assert float(theirs.summary("clip_fraction")) > 0
        for given, own in zip(expected, gradients, strict=True):
            torch.testing.assert_close(own, given, rtol=1e-3, atol=1e-6)
        assert list(theirs.values) == list(ours.values)
        for key in theirs.values:
            assert ours.summary(key) == pytest.approx(theirs.summary(key), rel=1e-4, abs=1e-5)


class OwnPolicy(DistributionalActorCriticPolicy):
    """A policy that may do anything."""


class OwnGet(RolloutBuffer):
    """A buffer that draws minibatches in a way of its own."""

    def get(self, batch_size: int | None = None) -> Any:
        """As SB3's."""
        return super().get(batch_size)


def hook_into(model: Any) -> None:
    """Something that a call of a layer does."""
    model.policy.action_net.register_forward_hook(lambda *_: None)


def watch_a_gradient(model: Any) -> None:
    """Something that happens when a gradient comes."""
    model.policy.action_net.weight.register_hook(lambda gradient: gradient)


def freeze(model: Any) -> None:
    """A parameter that is not to have a gradient."""
    model.policy.action_net.weight.requires_grad_(False)


def replace_a_loss(model: Any) -> None:
    """Another loss for this one head."""
    head = model.policy.value_net.heads[0]
    head.loss = head.loss


NOT_COVERED: dict[str, tuple[dict[str, Any], Callable[[Any], None]]] = {
    "buffer": ({"rollout_buffer_class": OwnGet}, lambda _: None),
    "activation": ({"policy_kwargs": {"activation_fn": nn.ELU}}, lambda _: None),
    "atoms": ({"critic": "categorical", "critic_kwargs": None}, lambda _: None),
    "hook": ({}, hook_into),
    "hook of a gradient": ({}, watch_a_gradient),
    "frozen": ({}, freeze),
    "replaced": ({}, replace_a_loss),
}


@pytest.mark.parametrize("name", NOT_COVERED)
def test_what_is_not_known_is_left_to_autograd(name: str) -> None:
    """And such a model trains."""
    options, change = NOT_COVERED[name]
    model = make_model(**options).learn(16)
    change(model)
    assert loss_by_hand(model) is None
    assert model.learn(16, reset_num_timesteps=False)._n_updates == 4


def test_state_dependent_noise_is_left_to_autograd() -> None:
    """Its distribution has parameters that are no plain deviations."""
    assert loss_by_hand(make_model(make_env("Pendulum-v1"), use_sde=True).learn(16)) is None


def test_policy_of_another_class_is_left_to_autograd() -> None:
    """Nothing is known of what it does."""
    model = type(make_model())(OwnPolicy, make_env(), n_steps=16, batch_size=16, device="cpu")
    assert loss_by_hand(model.learn(16)) is None
