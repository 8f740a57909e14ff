"""Forward and gradient of the plain policy by hand: for small networks autograd is half the update.

Covered is what most runs train: linear layers with tanh or ReLU, choices or independent normals,
quantile or scalar critics, in single precision on the CPU. Whoever asks for anything else gets
None, and lets autograd do it.

Legend of shape suffixes: ``b`` batch, ``a`` actions (choices, or dimensions of a Box), ``n``
outputs of a critic head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from stable_baselines3.common.distributions import (
    CategoricalDistribution,
    DiagGaussianDistribution,
)
from torch import Tensor, nn

from ..maths.quantiles import quantile_huber_slopes
from .actions import gaussian_log_prob
from .critic_heads import QuantileHead, ScalarHead
from .critics import TwinCritic
from .layers import has_hooks
from .policy import DistributionalActorCriticPolicy

# activation in place, and the derivative as a factor on a gradient, from the activation's output
_ACTIVATIONS: dict[type[nn.Module], tuple[Callable[[Tensor], Tensor], Callable[..., Tensor]]] = {
    nn.Tanh: (torch.tanh_, torch.ops.aten.tanh_backward),
    nn.ReLU: (torch.relu_, lambda d, out: d * (out > 0)),
}
# what a user may have put in the place of a method
_METHODS = frozenset({"forward", "evaluate", "_latents", "_score", "loss", "value"})


@final
@dataclass(frozen=True, kw_only=True)
class Stack:
    """Linear layers, each with the activation that follows it, if one does."""

    layers: tuple[tuple[nn.Linear, type[nn.Module] | None], ...]

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """The inputs, and what comes out of each layer after its activation."""
        passed = [inputs]
        for layer, activation in self.layers:
            out = torch.addmm(layer.bias, passed[-1], layer.weight.t())
            passed.append(out if activation is None else _ACTIVATIONS[activation][0](out))
        return passed

    def backward(self, passed: Sequence[Tensor], slopes: Tensor) -> None:
        """Leaves in every parameter the gradient that belongs to the slopes of the output."""
        for index in reversed(range(len(self.layers))):
            layer, activation = self.layers[index]
            if activation is not None:
                slopes = _ACTIVATIONS[activation][1](slopes, passed[index + 1])
            layer.weight.grad = slopes.t() @ passed[index]
            layer.bias.grad = slopes.sum(dim=0)
            if index:
                slopes = slopes @ layer.weight


@final
@dataclass(frozen=True, kw_only=True)
class Scores:
    """What a policy says of given observations and actions, and what its gradient needs.

    Attributes:
        log_probs: of the actions, ``(batch,)``.
        entropies: in nats, ``(batch,)``.
        outputs: of each critic head, ``(batch, n_outputs)``.
        actor: see `Stack.forward`; the last is logits or means.
        critic: the same; the last is the latent of the heads.
        inner: log-probabilities of all choices, or the actions in deviations from the mean.
        actions: the actions.
    """

    log_probs: Tensor
    entropies: Tensor
    outputs: tuple[Tensor, ...]
    actor: list[Tensor]
    critic: list[Tensor]
    inner: Tensor
    actions: Tensor


@final
@dataclass(frozen=True, kw_only=True)
class PlainPolicy:
    """A policy that is differentiated by hand.

    Attributes:
        actor: from the observations to logits or means.
        critic: from the observations to the latent of the heads.
        heads: of the critic.
        log_std: logarithms of the deviations of a Box's actions; None for choices.
    """

    actor: Stack
    critic: Stack
    heads: tuple[QuantileHead | ScalarHead, ...]
    log_std: nn.Parameter | None

    @torch.no_grad()
    def score(self, observations: Tensor, actions: Tensor) -> Scores:
        """As `DistributionalActorCriticPolicy.evaluate`."""
        inputs = observations.float()
        actor, critic = self.actor.forward(inputs), self.critic.forward(inputs)
        outputs = tuple(torch.addmm(h.bias, critic[-1], h.weight.t()) for h in self.heads)
        if self.log_std is None:
            inner = actor[-1].log_softmax(dim=1)
            log_probs = inner.gather(1, actions.unsqueeze(1)).squeeze(1)
            finite = inner.clamp_min(torch.finfo(inner.dtype).min)
            entropies = -(finite * finite.exp()).sum(dim=1)
        else:
            std = self.log_std.exp()
            inner = (actions - actor[-1]) / std
            log_probs = gaussian_log_prob(actor[-1], self.log_std, std, actions)
            entropies = _normal_entropy(self.log_std).expand_as(log_probs)
        return Scores(
            log_probs=log_probs,
            entropies=entropies,
            outputs=outputs,
            actor=actor,
            critic=critic,
            inner=inner,
            actions=actions,
        )

    @torch.no_grad()
    def critic_loss(self, scores: Scores, targets: Tensor) -> tuple[Tensor, list[Tensor]]:
        """As `TwinCritic.loss`, and the slopes of the loss at the outputs of each head."""
        losses, slopes = [], []
        for head, outputs in zip(self.heads, scores.outputs, strict=True):
            if isinstance(head, QuantileHead):
                loss_b, own = quantile_huber_slopes(outputs, targets, head.kappa)
            else:
                own = outputs - targets.unsqueeze(1)
                loss_b = own[:, 0].square()
                own = own.mul_(2.0)
            losses.append(loss_b.mean())
            slopes.append(own.mul_(1.0 / (len(self.heads) * len(targets))))
        return (losses[0] if len(losses) == 1 else (losses[0] + losses[1]) / 2), slopes

    @torch.no_grad()
    def backward(
        self,
        scores: Scores,
        log_prob_slopes: Tensor,
        entropy_slope: float,
        output_slopes: Sequence[Tensor],
    ) -> None:
        """Leaves in every parameter the gradient of a loss.

        Args:
            scores: of the observations and actions.
            log_prob_slopes: of the loss at each log-probability, ``(batch,)``.
            entropy_slope: of the loss at each entropy.
            output_slopes: of the loss at the outputs of each head, ``(batch, n_outputs)``.
        """
        self.actor.backward(
            scores.actor, self._actor_slopes(scores, log_prob_slopes, entropy_slope)
        )
        latent, latent_slopes = scores.critic[-1], torch.zeros(())
        for head, slopes in zip(self.heads, output_slopes, strict=True):
            head.weight.grad, head.bias.grad = slopes.t() @ latent, slopes.sum(dim=0)
            latent_slopes = latent_slopes + slopes @ head.weight
        if self.critic.layers:
            self.critic.backward(scores.critic, latent_slopes)

    def _actor_slopes(
        self, scores: Scores, log_prob_slopes: Tensor, entropy_slope: float
    ) -> Tensor:
        """Slopes of the loss at the logits or means; leaves the gradient of the deviations."""
        slopes_b1, inner_ba = log_prob_slopes.unsqueeze(1), scores.inner
        if self.log_std is not None:
            own = ((inner_ba.square() - 1) * slopes_b1).sum(dim=0)
            self.log_std.grad = own + entropy_slope * len(inner_ba)
            return slopes_b1 * inner_ba / self.log_std.exp()
        finite_ba = inner_ba.clamp_min(torch.finfo(inner_ba.dtype).min)
        weights_ba = entropy_slope * (finite_ba + scores.entropies.unsqueeze(1)) + slopes_b1
        at_logits = -inner_ba.exp() * weights_ba
        return at_logits.scatter_add_(1, scores.actions.unsqueeze(1), slopes_b1)


def _normal_entropy(log_std: Tensor) -> Tensor:
    constant = 0.5 + 0.9189385332046727  # half the logarithm of 2 pi e
    return log_std.sum() + len(log_std) * constant


def plain_policy(policy: Any, observations: Any) -> PlainPolicy | None:
    """The policy, where all of it is covered; otherwise None.

    Args:
        policy: of a model.
        observations: some of those that it is trained on.
    """
    if type(policy) is not DistributionalActorCriticPolicy or not policy._is_plain(observations):
        return None
    categorical = policy._is_lean(CategoricalDistribution)
    if not (categorical or policy._is_lean(DiagGaussianDistribution)):
        return None
    modules = [policy, *policy.modules()]
    if any(has_hooks(m) or _METHODS & set(vars(m)) for m in modules) or not all(
        map(_is_covered, policy.parameters())
    ):
        return None
    actor = _stack([*policy.mlp_extractor.policy_net, policy.action_net])
    critic, heads = _stack(policy.mlp_extractor.value_net), _heads(policy.value_net)
    if actor is None or critic is None or heads is None:
        return None
    log_std = None if categorical else policy.log_std
    return PlainPolicy(actor=actor, critic=critic, heads=heads, log_std=log_std)


def _is_covered(parameter: nn.Parameter) -> bool:
    watched = parameter._backward_hooks or parameter._post_accumulate_grad_hooks
    plain = parameter.is_cpu and parameter.dtype is torch.float32
    return plain and parameter.requires_grad and not watched


def _stack(modules: Iterable[nn.Module]) -> Stack | None:
    layers: list[tuple[nn.Linear, type[nn.Module] | None]] = []
    for module in modules:
        if type(module) is nn.Linear and "weight" in module._parameters and module.bias is not None:
            layers.append((module, None))
        elif type(module) in _ACTIVATIONS and layers and layers[-1][1] is None:
            layers[-1] = (layers[-1][0], type(module))
        else:
            return None
    return Stack(layers=tuple(layers))


def _heads(critic: nn.Module) -> tuple[QuantileHead | ScalarHead, ...] | None:
    if type(critic) is not TwinCritic:
        return None
    heads = tuple(critic.heads)
    return heads if all(isinstance(h, QuantileHead | ScalarHead) for h in heads) else None  # type: ignore[return-value]
