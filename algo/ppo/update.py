"""One PPO update: epochs of minibatches over a full rollout buffer.

Source: Schulman et al. 2017, https://arxiv.org/abs/1707.06347, with distributional critics.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.utils import explained_variance

from ..maths.losses import approximate_kl, ppo_policy_loss
from ..maths.normalizer import conversion
from ..run_state.model import Model
from .by_hand import loss_by_hand
from .minibatches import (
    Differentiable,
    Minibatch,
    NonFiniteUpdate,
    Statistics,
    actions_of,
    advantages_of,
    flatten,
    minibatches,
    objective,
    require_finite,
)

__all__ = ["NonFiniteUpdate", "Statistics", "update"]


def update(model: Model) -> None:
    """Trains policy and critics on the rollout buffer; leaves no gradient behind."""
    progress = model._current_progress_remaining
    model.policy.set_training_mode(True)
    model._update_learning_rate(model.policy.optimizer)
    clip_range = model.clip_range(progress)
    clip_range_vf = None if model.clip_range_vf is None else model.clip_range_vf(progress)
    targets = _targets(model)
    # in the units that the critics have from now on
    old_outputs = None if clip_range_vf is None else _old_outputs(model)
    unit = 1.0 if model.return_normalizer is None else model.return_normalizer.std
    statistics, parameters = Statistics(), list(model.policy.parameters())
    lose = _loss if old_outputs is not None else loss_by_hand(model) or _loss
    for epoch in range(model.n_epochs):
        go_on = True
        statistics.begin_epoch()
        for number, (indices, samples) in enumerate(minibatches(model)):
            old = None if old_outputs is None else tuple(o[indices] for o in old_outputs)
            minibatch = Minibatch(
                samples=samples,
                targets=_targets_of(model, samples) if indices is None else targets[indices],
                old_outputs=old,
                clip_range=clip_range,
                clip_range_vf=None if clip_range_vf is None else clip_range_vf / unit,
                where=f"minibatch {number} of epoch {epoch}",
            )
            loss = lose(model, minibatch, statistics)
            go_on = not _too_far(model, statistics)
            if not go_on:
                break
            _descend(model, loss, parameters)
        model._n_updates += 1
        if not go_on:
            break
    # gradients are no state between updates: the next backward starts from none
    model.policy.optimizer.zero_grad(set_to_none=True)
    if model.kl_penalty is not None:
        model.kl_penalty.update(_whole_kl(model))
    _log(model, statistics, clip_range, clip_range_vf)


def _targets(model: Model) -> torch.Tensor:
    """The returns of the whole buffer in the critic's units, shape (n_steps * n_envs,).

    The units move with the returns, and the critics with the units, so that no prediction moves.
    """
    flatten(model.rollout_buffer)
    returns, normalizer = model.rollout_buffer.returns.flatten(), model.return_normalizer
    targets = torch.as_tensor(returns, device=model.device)
    if normalizer is not None:
        before = normalizer.units
        normalizer.update(returns)
        model.policy.value_net.rescale(*conversion(before, normalizer.units))
        targets = normalizer.normalize(targets)
    model.policy.value_net.adapt_support(targets)
    return targets


def _targets_of(model: Model, samples: Any) -> torch.Tensor:
    """The same of the samples that a buffer of the user's own gave, shape (batch,)."""
    returns: torch.Tensor = samples.returns.flatten()
    if model.return_normalizer is None:
        return returns
    return model.return_normalizer.normalize(returns)


def _old_outputs(model: Model) -> tuple[torch.Tensor, ...]:
    """What the critics predict for the whole buffer before the update, for value clipping."""
    buffer = model.rollout_buffer
    flatten(buffer)
    with torch.no_grad():
        samples = buffer._get_samples(np.arange(buffer.buffer_size * buffer.n_envs))
        outputs: tuple[torch.Tensor, ...] = model.policy.critic_outputs(samples.observations)
    return outputs


def _loss(model: Model, batch: Minibatch, statistics: Statistics) -> torch.Tensor:
    samples, actions = batch.samples, actions_of(model, batch.samples)
    outputs, log_prob, entropy = model.policy.evaluate(samples.observations, actions)
    log_ratio = log_prob - samples.old_log_prob
    ratio = log_ratio.exp()
    require_finite(model, "ratio", ratio, batch.where)
    policy_loss = ppo_policy_loss(advantages_of(model, samples), ratio, batch.clip_range).mean()
    value_loss = model.policy.value_net.loss(
        outputs, batch.targets, batch.old_outputs, batch.clip_range_vf
    )
    entropy_loss = (log_prob if entropy is None else -entropy).mean()
    loss: torch.Tensor = objective(
        model,
        batch,
        statistics,
        policy_gradient_loss=policy_loss,
        value_loss=value_loss,
        entropy_loss=entropy_loss,
        approx_kl=approximate_kl(log_ratio),
        clip_fraction=((ratio.detach() - 1).abs() > batch.clip_range).float().mean(),
    )
    return loss


@torch.no_grad()
def _whole_kl(model: Model) -> float:
    """The KL of the whole update in nats: from the policy that collected to the one there is now.

    A mean over the minibatches would be of policies on the way, the first of them the old one.
    """
    buffer, total = model.rollout_buffer, 0.0
    flatten(buffer)
    size = buffer.buffer_size * buffer.n_envs
    for start in range(0, size, model.batch_size):
        samples = buffer._get_samples(np.arange(start, min(start + model.batch_size, size)))
        _, log_prob, _ = model.policy.evaluate(samples.observations, actions_of(model, samples))
        total += float(approximate_kl(log_prob - samples.old_log_prob)) * len(log_prob)
    return total / size


def _too_far(model: Model, statistics: Statistics) -> bool:
    if model.target_kl is None:
        return False
    return bool(statistics.values["approx_kl"][-1] > 1.5 * model.target_kl)


def _descend(model: Model, loss: Differentiable, parameters: list[torch.nn.Parameter]) -> None:
    optimizer = model.policy.optimizer
    optimizer.zero_grad()
    loss.backward()
    if model.vgs is not None:
        model.vgs.step(model.max_grad_norm)
        return
    torch.nn.utils.clip_grad_norm_(parameters, model.max_grad_norm)
    optimizer.step()


def _log(
    model: Model, statistics: Statistics, clip_range: float, clip_range_vf: float | None
) -> None:
    record, buffer = model.logger.record, model.rollout_buffer
    for name in statistics.values:
        record(f"train/{name}", statistics.summary(name))
    explained = explained_variance(buffer.values.flatten(), buffer.returns.flatten())
    record("train/explained_variance", explained)
    if hasattr(model.policy, "log_std"):
        record("train/std", float(model.policy.log_std.detach().exp().mean()))
    record("train/n_updates", model._n_updates, exclude="tensorboard")
    record("train/clip_range", clip_range)
    if clip_range_vf is not None:
        record("train/clip_range_vf", clip_range_vf)
    if model.vgs is not None:
        record("train/vgs_factor", model.vgs.factor)
    if model.kl_penalty is not None:
        record("train/kl_coefficient", model.kl_penalty.coefficient)
