"""A full rollout in random minibatches, and what the losses of each need and note."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, final

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer
from stable_baselines3.common.type_aliases import RolloutBufferSamples

from ..run_state.model import Model


class Differentiable(Protocol):
    """A loss: a tensor, or one whose gradient is computed by hand."""

    def backward(self) -> Any:
        """Leaves the gradient in the parameters."""


class NonFiniteUpdate(ArithmeticError):
    """A ratio or a loss of a minibatch is not finite; no parameter has been changed by it.

    You see it when training has diverged. Lower `learning_rate`, set `max_grad_norm`, or look at
    the rewards: the message says where it happened.
    """


@final
@dataclass(frozen=True, kw_only=True)
class Minibatch:
    """What one step of the optimizer learns from.

    Attributes:
        samples: of the rollout buffer, `batch` of each.
        targets: returns in the critic's units, shape (batch,).
        old_outputs: of each critic head before the update, where values are clipped.
        clip_range: greatest useful distance of the ratio from one.
        clip_range_vf: greatest move of a prediction, in the critic's units, or None.
        where: which one it is, for a message.
    """

    samples: RolloutBufferSamples
    targets: torch.Tensor
    old_outputs: tuple[torch.Tensor, ...] | None
    clip_range: float
    clip_range_vf: float | None
    where: str


@final
@dataclass
class Statistics:
    """What one update logs: one value a minibatch, read only at the end."""

    values: dict[str, list[torch.Tensor]] = field(default_factory=dict)
    epoch: int = 0

    def begin_epoch(self) -> None:
        """Notes that what follows belongs to another epoch."""
        self.epoch = len(next(iter(self.values.values()), ()))

    def add(self, **values: torch.Tensor) -> None:
        """Notes one minibatch."""
        for name, value in values.items():
            self.values.setdefault(name, []).append(value.detach())

    def summary(self, name: str) -> float:
        """What is logged: SB3 takes the KL of the last epoch, the loss of the last minibatch."""
        values = self.values[name]
        first = {"approx_kl": self.epoch, "loss": len(values) - 1}.get(name, 0)
        return float(torch.stack(values[first:]).mean())


def minibatches(model: Model) -> Iterator[tuple[Any, Any]]:
    """One epoch: random index arrays into the flattened buffer, with their samples.

    A buffer whose class has a `get` of its own is asked instead; its samples come without indices.
    """
    buffer = model.rollout_buffer
    if has_own_get(type(buffer)):
        yield from ((None, samples) for samples in buffer.get(model.batch_size))
        return
    size = buffer.buffer_size * buffer.n_envs
    indices = np.random.permutation(size)
    flatten(buffer)
    for start in range(0, size, model.batch_size):
        chosen = indices[start : start + model.batch_size]
        yield chosen, buffer._get_samples(chosen)


def has_own_get(kind: type[RolloutBuffer]) -> bool:
    """Whether a class of buffers draws minibatches in its own way."""
    return kind.get not in (RolloutBuffer.get, DictRolloutBuffer.get)


def flatten(buffer: Any) -> None:
    """(n_steps, n_envs, ...) to (n_steps * n_envs, ...), as RolloutBuffer.get does, once."""
    if buffer.generator_ready:
        return
    if isinstance(buffer.observations, dict):
        for key, values in buffer.observations.items():
            buffer.observations[key] = buffer.swap_and_flatten(values)
    else:
        buffer.observations = buffer.swap_and_flatten(buffer.observations)
    for name in ("actions", "values", "log_probs", "advantages", "returns"):
        setattr(buffer, name, buffer.swap_and_flatten(getattr(buffer, name)))
    buffer.generator_ready = True


def objective(model: Model, batch: Minibatch, statistics: Statistics, **terms: torch.Tensor) -> Any:
    """The loss of a minibatch from its terms, all of which are noted.

    Args:
        model: weighs the terms.
        batch: for the message.
        statistics: gets the terms, by the names that SB3 logs, and the loss.
        **terms: `policy_gradient_loss`, `value_loss`, `entropy_loss`, `approx_kl` and what is noted
            only.

    Raises:
        NonFiniteUpdate: the loss is not finite.
    """
    loss = terms["policy_gradient_loss"] + model.ent_coef * terms["entropy_loss"]
    loss = loss + model.vf_coef * terms["value_loss"]
    if model.kl_penalty is not None:
        loss = loss + model.kl_penalty.coefficient * terms["approx_kl"]
    require_finite(model, "loss", loss, batch.where)
    statistics.add(**terms, loss=loss)
    return loss


def actions_of(model: Model, samples: Any) -> torch.Tensor:
    """The actions as the policy scores them: choices ``(batch,)`` or ``(batch, n_dimensions)``."""
    actions: torch.Tensor = samples.actions
    return actions.long().flatten() if isinstance(model.action_space, spaces.Discrete) else actions


def advantages_of(model: Model, samples: Any) -> torch.Tensor:
    """The advantages of a minibatch, of zero mean and unit variance if the model asks, (batch,)."""
    advantages: torch.Tensor = samples.advantages
    if not model.normalize_advantage or len(advantages) < 2:
        return advantages
    centred = advantages - advantages.mean()
    # the deviation as a norm, which torch computes several times as fast as std()
    deviation: torch.Tensor = torch.linalg.vector_norm(centred) / math.sqrt(len(centred) - 1)
    return centred / (deviation + 1e-8)


def require_finite(model: Model, name: str, values: torch.Tensor, where: str) -> None:
    """Refuses what an update must not learn from.

    Raises:
        NonFiniteUpdate: some values are not finite; says how many and where.
    """
    # one pass: a NaN is the maximum too, and no ratio is -inf
    if math.isfinite(float(values.detach().max())):
        return
    bad = int((~torch.isfinite(values)).sum())
    raise NonFiniteUpdate(
        f"{name} is not finite for {bad} of {values.numel()} samples in {where} of update "
        f"{model._n_updates} at {model.num_timesteps} timesteps: lower learning_rate "
        f"({model.policy.optimizer.param_groups[0]['lr']}), or check the rewards and observations"
    )
