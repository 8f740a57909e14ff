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

from ..maths.quantiles import quantile_huber_slopes, quantile_midpoints
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
        outputs: of all critic heads side by side, ``(batch, n_heads * n_outputs)``.
        weight: of all critic heads, one below the other.
        actor: see `Stack.forward`; the last is logits or means.
        critic: the same; the last is the latent of the heads.
        inner: log-probabilities of all choices, or the actions in deviations from the mean.
        outer: probabilities of all choices, or the deviations.
        actions: the actions.
    """

    log_probs: Tensor
    entropies: Tensor
    outputs: Tensor
    weight: Tensor
    actor: list[Tensor]
    critic: list[Tensor]
    inner: Tensor
    outer: Tensor
    actions: Tensor


@final
@dataclass(frozen=True, kw_only=True)
class PlainPolicy:
    """A policy that is differentiated by hand.

    Attributes:
        actor: from the observations to logits or means.
        critic: from the observations to the latent of the heads.
        heads: of the critic, all of one kind and size.
        levels: of the quantiles of all heads side by side, less one half; empty for scalars.
        log_std: logarithms of the deviations of a Box's actions; None for choices.
    """

    actor: Stack
    critic: Stack
    heads: tuple[QuantileHead | ScalarHead, ...]
    levels: Tensor
    log_std: nn.Parameter | None

    @torch.no_grad()
    def score(self, observations: Tensor, actions: Tensor) -> Scores:
        """As `DistributionalActorCriticPolicy.evaluate`."""
        inputs = observations.float()
        actor, critic = self.actor.forward(inputs), self.critic.forward(inputs)
        weight = torch.cat([head.weight for head in self.heads])
        bias = torch.cat([head.bias for head in self.heads])
        if self.log_std is None:
            # an impossible choice has no share in the entropy, but 0 * -inf would be NaN
            inner = actor[-1].log_softmax(dim=1).clamp_min_(torch.finfo(torch.float32).min)
            outer = inner.exp()
            log_probs = inner.gather(1, actions.unsqueeze(1)).squeeze(1)
            entropies = (inner * outer).sum(dim=1).neg_()
        else:
            outer = self.log_std.exp()
            inner = (actions - actor[-1]).div_(outer)
            log_probs = gaussian_log_prob(actor[-1], self.log_std, outer, actions)
            entropies = _normal_entropy(self.log_std).expand_as(log_probs)
        return Scores(
            log_probs=log_probs,
            entropies=entropies,
            outputs=torch.addmm(bias, critic[-1], weight.t()),
            weight=weight,
            actor=actor,
            critic=critic,
            inner=inner,
            outer=outer,
            actions=actions,
        )

    @torch.no_grad()
    def critic_loss(self, scores: Scores, targets: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        """As `TwinCritic.loss`, and ``weight`` times its slopes at the outputs of all heads."""
        head, share = self.heads[0], weight / scores.outputs.numel()
        if isinstance(head, QuantileHead):
            return quantile_huber_slopes(scores.outputs, targets, self.levels, head.kappa, share)
        errors = scores.outputs - targets.unsqueeze(1)
        return errors.square().mean(), errors.mul_(2.0 * share)

    @torch.no_grad()
    def backward(
        self,
        scores: Scores,
        log_prob_slopes: Tensor,
        entropy_slope: float,
        output_slopes: Tensor,
    ) -> None:
        """Leaves in every parameter the gradient of a loss.

        Args:
            scores: of the observations and actions.
            log_prob_slopes: of the loss at each log-probability, ``(batch,)``.
            entropy_slope: of the loss at each entropy.
            output_slopes: of the loss at the outputs of all heads, as `Scores.outputs`.
        """
        self.actor.backward(
            scores.actor, self._actor_slopes(scores, log_prob_slopes, entropy_slope)
        )
        at_weights, at_biases = output_slopes.t() @ scores.critic[-1], output_slopes.sum(dim=0)
        size = len(self.heads[0].bias)
        for head, own, bias in zip(
            self.heads, torch.split(at_weights, size), torch.split(at_biases, size), strict=True
        ):
            head.weight.grad, head.bias.grad = own, bias
        if self.critic.layers:
            self.critic.backward(scores.critic, output_slopes @ scores.weight)

    def _actor_slopes(
        self, scores: Scores, log_prob_slopes: Tensor, entropy_slope: float
    ) -> Tensor:
        """Slopes of the loss at the logits or means; leaves the gradient of the deviations."""
        slopes_b1, inner_ba = log_prob_slopes.unsqueeze(1), scores.inner
        if self.log_std is not None:
            pulls_ba = inner_ba * slopes_b1
            own = (pulls_ba * inner_ba - slopes_b1).sum(dim=0)
            self.log_std.grad = own.add_(entropy_slope * len(inner_ba))
            return pulls_ba.div_(scores.outer)
        if entropy_slope == 0:
            at_logits = scores.outer * -slopes_b1
        else:
            weights_ba = (inner_ba + scores.entropies.unsqueeze(1)).mul_(entropy_slope)
            at_logits = weights_ba.add_(slopes_b1).mul_(scores.outer).neg_()
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
    levels = [quantile_midpoints(len(h.bias)) - 0.5 for h in heads if isinstance(h, QuantileHead)]
    return PlainPolicy(
        actor=actor,
        critic=critic,
        heads=heads,
        levels=torch.cat(levels) if levels else torch.empty(0),
        log_std=log_std,
    )


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
    heads: tuple[Any, ...] = tuple(critic.heads)
    kinds = {(type(h), h.bias.numel(), getattr(h, "kappa", None)) for h in heads}
    known = all(isinstance(head, QuantileHead | ScalarHead) for head in heads)
    return heads if known and len(kinds) == 1 else None
