"""The policies against Stable-Baselines3's own, over spaces, extractors and distributions."""

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from resumeproof.algo.networks.policy import (
    DistributionalActorCriticCnnPolicy,
    DistributionalActorCriticPolicy,
    DistributionalMultiInputActorCriticPolicy,
)
from stable_baselines3 import PPO
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import (
    ActorCriticCnnPolicy,
    ActorCriticPolicy,
    MultiInputActorCriticPolicy,
)
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import Tensor

FLAT = spaces.Box(-1.0, 1.0, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (3, 36, 36), np.uint8)
MIXED = spaces.Dict({"flat": FLAT, "choice": spaces.Discrete(4)})
TWO = spaces.Discrete(2)
ACTIONS = {
    "discrete": (TWO, {}),
    "box": (spaces.Box(-1.0, 1.0, (2,), np.float32), {}),
    "box of two axes": (spaces.Box(-1.0, 1.0, (2, 3), np.float32), {}),
    "multi-discrete": (spaces.MultiDiscrete([2, 3]), {}),
    "multi-binary": (spaces.MultiBinary(3), {}),
    "gsde": (spaces.Box(-1.0, 1.0, (2,), np.float32), {"use_sde": True}),
    "squashed gsde": (
        spaces.Box(-1.0, 1.0, (2,), np.float32),
        {"use_sde": True, "squash_output": True, "full_std": False, "use_expln": True},
    ),
}
MLP = (DistributionalActorCriticPolicy, ActorCriticPolicy)
OBSERVATIONS = {
    "flat": (FLAT, *MLP),
    "bytes": (spaces.Box(0, 255, (5,), np.uint8), *MLP),
    "matrix": (spaces.Box(-1.0, 1.0, (2, 3), np.float32), *MLP),
    "discrete": (spaces.Discrete(5), *MLP),
    "image": (IMAGE, DistributionalActorCriticCnnPolicy, ActorCriticCnnPolicy),
    "dict": (MIXED, DistributionalMultiInputActorCriticPolicy, MultiInputActorCriticPolicy),
}


def schedule(_: float) -> float:
    """Give a constant learning rate."""
    return 1e-3


def make_policy(
    observations: spaces.Space[Any] = FLAT,
    actions: spaces.Space[Any] = TWO,
    kind: type[ActorCriticPolicy] = DistributionalActorCriticPolicy,
    **arguments: Any,
) -> Any:
    """Build a small policy from a fixed seed."""
    torch.manual_seed(0)
    if kind not in (ActorCriticCnnPolicy, DistributionalActorCriticCnnPolicy):
        arguments.setdefault("net_arch", [8])
    return kind(observations, actions, schedule, **arguments)


def observe(policy: Any, batch: int = 5) -> Any:
    """Draw a batch of observations, as the policy receives them in training."""
    space = copy.deepcopy(policy.observation_space)
    space.seed(0)
    samples = [space.sample() for _ in range(batch)]
    if isinstance(space, spaces.Dict):
        return {
            key: torch.as_tensor(np.stack([sample[key] for sample in samples])) for key in space
        }
    return torch.as_tensor(np.stack(samples))


def copy_actor(source: Any, target: Any) -> None:
    """Give the target the source's weights, those of the value head excepted."""
    state = {k: v for k, v in source.state_dict().items() if not k.startswith("value_net.")}
    target.load_state_dict({**target.state_dict(), **state})


@pytest.mark.parametrize(("space", "arguments"), ACTIONS.values(), ids=ACTIONS)
def test_policy_matches_sb3_for_every_action_space(space: Any, arguments: dict[str, Any]) -> None:
    """Actions, log-probabilities and entropies of one seed and one set of weights agree."""
    ours = make_policy(actions=space, **arguments)
    theirs = make_policy(actions=space, kind=ActorCriticPolicy, **arguments)
    copy_actor(ours, theirs)
    obs = observe(ours)
    for policy in (ours, theirs):
        torch.manual_seed(1)
        if policy.use_sde:
            policy.reset_noise(5)
    for deterministic in (True, False):
        torch.manual_seed(2)
        actions, values, log_prob = ours(obs, deterministic)
        torch.manual_seed(2)
        expected, _, expected_log_prob = theirs(obs, deterministic)
        torch.testing.assert_close(actions, expected, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(log_prob, expected_log_prob, rtol=1e-5, atol=1e-5)
        assert (values.shape, log_prob.shape) == ((5, 1), (5,))
    flat = actions.detach() if isinstance(space, spaces.Discrete) else actions.detach().flatten(1)
    values, log_prob, entropy = ours.evaluate_actions(obs, flat)
    _, expected_log_prob, expected_entropy = theirs.evaluate_actions(obs, flat)
    torch.testing.assert_close(log_prob, expected_log_prob, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(entropy, expected_entropy, rtol=1e-6, atol=1e-6)
    assert torch.equal(values, ours.predict_values(obs))


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "separate"])
@pytest.mark.parametrize(("space", "kind", "peer"), OBSERVATIONS.values(), ids=OBSERVATIONS)
def test_policy_matches_sb3_for_every_observation_space(
    space: Any, kind: Any, peer: Any, shared: bool
) -> None:
    """Extractors and preprocessing give SB3's choices and their log-probabilities."""
    ours = make_policy(space, kind=kind, share_features_extractor=shared)
    theirs = make_policy(space, kind=peer, share_features_extractor=shared)
    copy_actor(ours, theirs)
    obs = observe(ours)
    actions, values, log_prob = ours(obs, deterministic=True)
    expected, _, expected_log_prob = theirs(obs, deterministic=True)
    assert torch.equal(actions, expected)
    torch.testing.assert_close(log_prob, expected_log_prob, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(values, ours.predict_values(obs))


@pytest.mark.parametrize("twin", [True, False])
@pytest.mark.parametrize("critic", ["quantile", "categorical", "scalar"])
def test_values_are_the_minimum_of_the_heads_in_every_method(critic: str, twin: bool) -> None:
    """All methods agree on the value, which is computed from the outputs that evaluate returns."""
    policy = make_policy(critic=critic, twin_critics=twin)
    obs = observe(policy)
    actions, values, _ = policy(obs)
    outputs, _, _ = policy.evaluate(obs, actions)
    assert len(outputs) == (2 if twin else 1)
    assert all(map(torch.equal, outputs, policy.critic_outputs(obs)))
    each = [head.value(o) for head, o in zip(policy.value_net.heads, outputs, strict=True)]
    expected = torch.stack(each).amin(dim=0).unsqueeze(1)
    for result in (values, policy.predict_values(obs), policy.evaluate_actions(obs, actions)[0]):
        assert torch.equal(result, expected)


@pytest.mark.parametrize("critic", ["quantile", "categorical", "scalar"])
def test_every_parameter_gets_a_gradient_and_is_in_the_optimizer(critic: str) -> None:
    """A loss of policy and critics reaches each parameter, and the optimizer holds each once."""
    policy = make_policy(actions=ACTIONS["box"][0], critic=critic)
    outputs, log_prob, entropy = policy.evaluate(observe(policy), torch.zeros(5, 2))
    loss = policy.value_net.loss(outputs, torch.ones(5)) - log_prob.mean() - entropy.mean()
    loss.backward()
    assert all(parameter.grad is not None for parameter in policy.parameters())
    (group,) = policy.optimizer.param_groups
    assert list(map(id, group["params"])) == list(map(id, policy.parameters()))


@pytest.mark.parametrize(("space", "arguments"), ACTIONS.values(), ids=ACTIONS)
def test_a_policy_keeps_nothing_of_a_pass(space: Any, arguments: dict[str, Any]) -> None:
    """After passes with gradients the policy can be copied, and holds no distribution of them."""
    policy = make_policy(actions=space, **arguments)
    before = set(vars(policy.action_dist))
    obs = observe(policy)
    actions = policy(obs)[0].detach()
    flat = actions if isinstance(space, spaces.Discrete) else actions.flatten(1)
    policy.evaluate(obs, flat)
    policy.get_distribution(obs)
    if policy.use_sde:
        policy.reset_noise(2)
    assert set(vars(policy.action_dist)) == before
    copy.deepcopy(policy)


def test_sampling_moves_torch_global_stream_and_no_other() -> None:
    """Equal torch seeds give equal actions, and numpy's stream stays where it is."""
    for space in (spaces.Discrete(9), ACTIONS["box"][0]):
        policy = make_policy(actions=space)
        numpy_before = np.random.get_state()[1]
        drawn = []
        for seed in (7, 7, 8):
            torch.manual_seed(seed)
            drawn.append(policy(observe(policy, 64))[0])
        assert torch.equal(drawn[0], drawn[1])
        assert not torch.equal(drawn[0], drawn[2])
        assert np.array_equal(numpy_before, np.random.get_state()[1])


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"critic": "categorical", "critic_kwargs": {"n_atoms": 7}, "twin_critics": False},
        {"critic": "scalar", "share_features_extractor": False, "ortho_init": False},
        {"use_sde": True, "full_std": False, "use_expln": True, "squash_output": True},
    ],
)
def test_save_and_load_give_the_same_policy(tmp_path: Path, arguments: dict[str, Any]) -> None:
    """SB3's own save and load of a policy keep its configuration and every prediction."""
    policy = make_policy(actions=ACTIONS["box"][0], **arguments)
    policy.value_net.adapt_support(torch.tensor([40.0]))
    policy.save(str(tmp_path / "policy.pt"))
    loaded = DistributionalActorCriticPolicy.load(str(tmp_path / "policy.pt"))
    obs = observe(policy)
    assert torch.equal(loaded.predict_values(obs), policy.predict_values(obs))
    assert torch.equal(loaded(obs, deterministic=True)[0], policy(obs, deterministic=True)[0])
    ours, theirs = (p._get_constructor_parameters() for p in (policy, loaded))
    ignored = ("lr_schedule", "observation_space", "action_space")
    assert all(ours[key] == theirs[key] for key in ours if key not in ignored)


def test_orthogonal_init_treats_each_head_on_its_own() -> None:
    """Each head has orthonormal rows and no bias, and the heads differ; it can be switched off."""
    first, second = make_policy(net_arch=[64]).value_net.heads
    for head in (first, second):
        gram = head.weight.detach() @ head.weight.detach().T
        torch.testing.assert_close(gram, torch.eye(32), rtol=0, atol=1e-5)
        assert not head.bias.any()
    assert not torch.equal(first.weight, second.weight)
    plain = make_policy(net_arch=[64], ortho_init=False).value_net.heads[0]
    assert plain.bias.any()


class Shifted(DistributionalActorCriticPolicy):
    """A user's policy that forbids the first action."""

    def _get_action_dist_from_latent(self, latent_pi: Tensor) -> Distribution:
        logits = self.action_net(latent_pi) + torch.tensor([-torch.inf, 0.0])
        return self.action_dist.proba_distribution(action_logits=logits)


class Halved(FlattenExtractor):
    """A user's extractor."""

    def forward(self, observations: Tensor) -> Tensor:
        """Half of the observation."""
        return 0.5 * super().forward(observations)


def test_the_lean_pass_honours_a_subclass_distribution() -> None:
    """Where a subclass changes the distribution, every method uses the changed one."""
    policy = make_policy(kind=Shifted)
    obs = observe(policy, 50)
    assert policy(obs)[0].tolist() == [1] * 50
    assert policy.evaluate(obs, torch.ones(50))[1].tolist() == [0.0] * 50


def test_the_lean_pass_honours_a_custom_extractor() -> None:
    """An extractor given as an argument is applied although the space is a flat Box."""
    halved, plain = make_policy(features_extractor_class=Halved), make_policy()
    obs = observe(plain)
    assert torch.equal(
        halved.evaluate(obs, torch.ones(5))[1], plain.evaluate(0.5 * obs, torch.ones(5))[1]
    )


def test_the_lean_pass_honours_a_hook_on_the_extractor() -> None:
    """A hook on a module that the lean pass would skip is called."""
    policy, seen = make_policy(), []
    policy.features_extractor.register_forward_hook(lambda *_: seen.append(1))
    policy(observe(policy))
    assert seen == [1]


@pytest.mark.parametrize("space", [TWO, ACTIONS["box"][0]], ids=["discrete", "box"])
def test_forward_refuses_observations_that_are_not_finite(space: Any) -> None:
    """A NaN is an error at the step where it appears, not an action."""
    policy = make_policy(actions=space)
    with pytest.raises(ValueError, match="expected finite log-probabilities of the actions"):
        policy(torch.tensor([[0.0, 0.0, 0.0], [0.0, float("nan"), 0.0]]))


def test_evaluate_refuses_a_column_of_discrete_actions() -> None:
    """Actions (batch, 1) would broadcast to (batch, batch) and are an error."""
    policy = make_policy()
    with pytest.raises(ValueError, match=re.escape("got actions (5, 1), logits (5, 2)")):
        policy.evaluate(observe(policy), torch.zeros(5, 1))


def test_constructor_refuses_unknown_critics_and_keywords() -> None:
    """The kind, a nested keyword and a keyword of the policy are each rejected by name."""
    with pytest.raises(ValueError, match=re.escape("critic='c51' is unknown: expected one of")):
        make_policy(critic="c51")
    with pytest.raises(ValueError, match=re.escape("unknown critic_kwargs ['n_atoms']")):
        make_policy(critic_kwargs={"n_atoms": 3})
    with pytest.raises(TypeError, match="'twin_critic'"):
        make_policy(twin_critic=True)


def test_stock_ppo_trains_the_policy() -> None:
    """SB3's own algorithm can use the policy as it is."""
    sizes: dict[str, Any] = {"n_steps": 16, "batch_size": 8, "n_epochs": 1, "device": "cpu"}
    model = PPO(MLP[0], "CartPole-v1", policy_kwargs={"net_arch": [8]}, **sizes)
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    model.learn(16)
    assert not any(map(torch.equal, before, model.policy.parameters()))
