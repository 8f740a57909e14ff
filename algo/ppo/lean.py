"""The commonest rollout without tensors: a small actor on numpy views of its own weights.

For a few environments the calls into torch cost far more than the arithmetic. Where the policy is
exactly ours, of linear layers with tanh or ReLU, on the CPU, and the buffer is SB3's own, the actor
runs on views of the very weights and draws from torch's global stream what the policy would draw;
the critic looks at the whole rollout at once when it is complete. Everything else takes the general
way, and which way it is depends on nothing that a checkpoint does not hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.distributions import (
    CategoricalDistribution,
    DiagGaussianDistribution,
)
from torch import nn

from ..networks.layers import has_hooks
from ..networks.policy import DistributionalActorCriticPolicy
from ..run_state.model import Model

Array = npt.NDArray[Any]
_ACTIVATIONS: dict[type[nn.Module], Callable[[Array], Array]] = {
    nn.Tanh: np.tanh,
    nn.ReLU: lambda x: np.maximum(x, np.float32(0)),
}
_LOG_ROOT_TAU = np.float32(0.5 * math.log(2.0 * math.pi))


@final
@dataclass(frozen=True, kw_only=True)
class LeanActor:
    """The actor of a policy on views of its weights, which move when the weights do.

    Attributes:
        layers: weight ``(inputs, outputs)``, bias ``(outputs,)`` and activation of each layer.
        log_std: logarithms of the deviations of a Box's actions; None for choices.
    """

    layers: tuple[tuple[Array, Array, Callable[[Array], Array] | None], ...]
    log_std: Array | None

    def act(self, observations: Array) -> tuple[Array, Array]:
        """Actions ``(batch, ...)`` and their log-probabilities ``(batch,)``.

        Raises:
            ValueError: a log-probability is not finite.
        """
        hidden = observations
        for weight, bias, activation in self.layers:
            hidden = hidden @ weight + bias
            hidden = hidden if activation is None else activation(hidden)
        choose = _choose if self.log_std is None else self._move
        actions, log_probs = choose(hidden)
        if not math.isfinite(log_probs.sum()):
            raise ValueError(
                f"expected finite log-probabilities of the actions, got {log_probs.tolist()}; "
                "the observations or the weights are not finite"
            )
        return actions, log_probs

    def _move(self, mean: Array) -> tuple[Array, Array]:
        """As `networks.actions.act_gaussian`."""
        assert self.log_std is not None
        std = np.exp(self.log_std)
        actions = mean + torch.randn(mean.shape).numpy() * std
        squares = np.square((actions - mean) / std).sum(axis=1)
        constant = self.log_std.sum() + np.float32(mean.shape[1]) * _LOG_ROOT_TAU
        return actions, -(constant + np.float32(0.5) * squares)


def _choose(logits: Array) -> tuple[Array, Array]:
    """As `networks.actions.act_categorical`: a race of exponential clocks."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    clocks = torch.empty(logits.shape).exponential_().numpy()
    choices = (np.exp(log_probs) / clocks).argmax(axis=1)
    return choices, log_probs[np.arange(len(choices)), choices]


def lean_actor(model: Model) -> LeanActor | None:
    """The lean actor of a model whose rollouts it covers; None takes the general way."""
    policy, buffer = model.policy, model.rollout_buffer
    is_stock = type(policy) is DistributionalActorCriticPolicy and type(buffer) is RolloutBuffer
    if not is_stock or {"forward", "predict_values"} & set(vars(policy)) or "add" in vars(buffer):
        return None
    space, observations = model.observation_space, model._last_obs
    fits = isinstance(observations, np.ndarray) and observations.dtype == np.float32
    if model.use_sde or policy.squash_output or not fits or space.dtype != np.float32:
        return None
    if not policy._is_plain(torch.from_numpy(observations)):
        return None
    if any(has_hooks(module) for module in policy.modules()):
        return None
    return _actor_of(policy)


def _actor_of(policy: Any) -> LeanActor | None:
    categorical = policy._is_lean(CategoricalDistribution)
    if not (categorical or policy._is_lean(DiagGaussianDistribution)):
        return None
    modules = [*policy.mlp_extractor.policy_net, policy.action_net]
    layers: list[tuple[Array, Array, Callable[[Array], Array] | None]] = []
    for module in modules:
        if type(module) is nn.Linear and _is_small(module):
            layers.append((_view(module.weight).T, _view(module.bias), None))
        elif type(module) in _ACTIVATIONS and layers and layers[-1][2] is None:
            layers[-1] = (*layers[-1][:2], _ACTIVATIONS[type(module)])
        else:
            return None
    return LeanActor(layers=tuple(layers), log_std=None if categorical else _view(policy.log_std))


def _is_small(layer: nn.Linear) -> bool:
    """Whether numpy is the faster one, on plain single-precision weights on the CPU."""
    tensors = (layer._parameters.get("weight"), layer._parameters.get("bias"))
    plain = all(
        t is not None and t.dtype == torch.float32 and t.device.type == "cpu" for t in tensors
    )
    return plain and layer.weight.numel() <= 256 * 256


def _view(parameter: torch.Tensor) -> Array:
    view: Array = parameter.detach().numpy()
    return view


def record(model: Model, rewards: Array, actions: Array, log_probs: Array) -> None:
    """Writes one step into the buffer; its values are missing until the rollout is complete."""
    buffer, place = model.rollout_buffer, model.rollout_buffer.pos
    buffer.observations[place] = model._last_obs
    buffer.actions[place] = actions.reshape(buffer.actions[place].shape)
    buffer.rewards[place] = rewards
    buffer.episode_starts[place] = model._last_episode_starts
    buffer.values[place] = np.nan
    buffer.log_probs[place] = log_probs
    buffer.pos += 1
    buffer.full = buffer.pos == buffer.buffer_size


def fill_values(model: Model) -> None:
    """Predicts the values of the whole rollout in one batch, where some are missing."""
    buffer = model.rollout_buffer
    if not np.isnan(buffer.values).any():
        return
    observations: Any = buffer.observations  # (n_steps, n_envs, d): of the plain kind only
    batch = torch.from_numpy(observations.reshape(-1, observations.shape[-1]))
    buffer.values[:] = model.predict_values(batch).numpy().reshape(buffer.values.shape)
