"""The loss of a minibatch of the plain policy, differentiated by hand: the formulas of `update`.

With ratio r, advantage A and batch size B the loss is

    mean(-min(A r, A clip(r))) - ent_coef mean(H) + vf_coef critic + beta mean(r - 1 - log r)

whose slope at a log-probability is (-A r where A r is the minimum, else 0, + beta (r - 1)) / B.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from ..networks.by_hand import PlainPolicy, Scores, plain_policy
from ..run_state.model import Model
from .minibatches import (
    Minibatch,
    Statistics,
    actions_of,
    advantages_of,
    flatten,
    has_own_get,
    objective,
    require_finite,
)


@final
@dataclass(frozen=True, kw_only=True)
class HandLoss:
    """What `backward` needs to leave the gradient of a minibatch's loss in the parameters."""

    policy: PlainPolicy
    scores: Scores
    log_prob_slopes: torch.Tensor
    entropy_slope: float
    output_slopes: torch.Tensor

    def backward(self) -> None:
        """Leaves the gradient in every parameter of the policy, in the place of what was there."""
        self.policy.backward(
            self.scores, self.log_prob_slopes, self.entropy_slope, self.output_slopes
        )


def loss_by_hand(model: Model) -> Callable[[Model, Minibatch, Statistics], HandLoss] | None:
    """What computes the loss of a minibatch, where the policy is one that is covered."""
    buffer: Any = model.rollout_buffer
    if has_own_get(type(buffer)) or not isinstance(buffer.observations, np.ndarray):
        return None
    flatten(buffer)
    policy = plain_policy(model.policy, buffer.to_torch(buffer.observations[:1]))
    if policy is None:
        return None
    return lambda model, batch, statistics: _loss(policy, model, batch, statistics)


@torch.no_grad()
def _loss(policy: PlainPolicy, model: Model, batch: Minibatch, statistics: Statistics) -> HandLoss:
    samples = batch.samples
    scores = policy.score(samples.observations, actions_of(model, samples))
    log_ratio = scores.log_probs - samples.old_log_prob
    ratio = log_ratio.exp()
    require_finite(model, "ratio", ratio, batch.where)
    advantages, reach = advantages_of(model, samples), batch.clip_range
    free, clipped = advantages * ratio, advantages * ratio.clamp(1.0 - reach, 1.0 + reach)
    policy_loss = torch.minimum(free, clipped).mean().neg_()
    value_loss, output_slopes = policy.critic_loss(scores, batch.targets, model.vf_coef)
    moved, entropy_loss = ratio - 1, scores.entropies.mean().neg_()
    slopes = free * (free <= clipped)
    if model.kl_penalty is not None:
        slopes = slopes.sub_(moved, alpha=model.kl_penalty.coefficient)
    objective(
        model,
        batch,
        statistics,
        policy_gradient_loss=policy_loss,
        value_loss=value_loss,
        entropy_loss=entropy_loss,
        approx_kl=(moved - log_ratio).mean(),  # see `approximate_kl`
        clip_fraction=(moved.abs_() > reach).float().mean(),
    )
    size = len(ratio)
    return HandLoss(
        policy=policy,
        scores=scores,
        log_prob_slopes=slopes.mul_(-1.0 / size),
        entropy_slope=-model.ent_coef / size,
        output_slopes=output_slopes,
    )
