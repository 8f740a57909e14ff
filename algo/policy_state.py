"""The policy's state: parameters, every buffer, training flags, frozen parameters, gSDE noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3.common.distributions import StateDependentNoiseDistribution
from torch import nn

from algo.checkpoint import MismatchedCheckpoint

# torch.compile wraps a module under this name; the parameters stay the same
_WRAPPER = "_orig_mod."
_NOISE = ("exploration_mat", "exploration_matrices")


def canonical_name(name: str) -> str:
    """The parameter's name without the prefix of a wrapper such as `torch.compile`."""
    return name.replace(_WRAPPER, "")


def named_parameters(policy: nn.Module) -> dict[str, nn.Parameter]:
    """The policy's parameters by canonical name, each once."""
    return {canonical_name(name): parameter for name, parameter in policy.named_parameters()}


def save_policy(model: Any) -> dict[str, Any]:
    """Everything of the policy that training or the user can move, apart from its optimizer."""
    policy = model.policy
    return {
        "tensors": {name: tensor.detach() for name, tensor in _tensors(policy).items()},
        "frozen": [n for n, p in named_parameters(policy).items() if not p.requires_grad],
        "training": [canonical_name(n) for n, m in policy.named_modules() if m.training],
        "noise": _save_noise(policy),
    }


def prepare_policy(model: Any, state: dict[str, Any]) -> Callable[[], None]:
    """Checks names, shapes and dtypes; returns what copies the state into the live policy.

    Raises:
        MismatchedCheckpoint: lists every missing, unexpected or differing tensor.
    """
    policy = model.policy
    live = _tensors(policy)
    _require_same(live, state["tensors"])

    def apply() -> None:
        with torch.no_grad():
            for name, tensor in live.items():
                tensor.copy_(state["tensors"][name])
        for name, parameter in named_parameters(policy).items():
            parameter.requires_grad_(name not in state["frozen"])
        training = set(state["training"])
        for name, module in policy.named_modules():
            module.training = canonical_name(name) in training
        _restore_noise(policy, state["noise"])

    return apply


def _tensors(policy: nn.Module) -> dict[str, torch.Tensor]:
    # state_dict() leaves out buffers registered with persistent=False; they are state all the same
    buffers = {canonical_name(name): buffer for name, buffer in policy.named_buffers()}
    return {**named_parameters(policy), **buffers}


def _require_same(live: dict[str, torch.Tensor], saved: dict[str, torch.Tensor]) -> None:
    def describe(tensor: torch.Tensor) -> str:
        return f"{tuple(tensor.shape)} {tensor.dtype}"

    wrong = [f"missing in the file: {name}" for name in live if name not in saved]
    wrong += [f"not in the policy: {name}" for name in saved if name not in live]
    wrong += [
        f"{name}: expected {describe(live[name])}, got {describe(saved[name])}"
        for name in live
        if name in saved and describe(live[name]) != describe(saved[name])
    ]
    if wrong:
        raise MismatchedCheckpoint(
            f"the policy does not fit the checkpoint ({'; '.join(wrong)}): build the model with "
            "the critic, net_arch and spaces of the run that was saved"
        )


def _save_noise(policy: Any) -> dict[str, torch.Tensor] | None:
    distribution = getattr(policy, "action_dist", None)
    if not isinstance(distribution, StateDependentNoiseDistribution):
        return None
    noise = {name: getattr(distribution, name).detach() for name in _NOISE}
    return noise | {"scale": distribution.weights_dist.stddev.detach()}


def _restore_noise(policy: Any, noise: dict[str, torch.Tensor] | None) -> None:
    if noise is None:
        return
    distribution = policy.action_dist
    for name in _NOISE:
        setattr(distribution, name, noise[name].clone())
    scale = noise["scale"].clone()
    distribution.weights_dist = torch.distributions.Normal(torch.zeros_like(scale), scale)
