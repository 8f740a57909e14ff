"""The policy's state: parameters, every buffer, training flags, frozen parameters, gSDE noise."""

from __future__ import annotations

import copy
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import StateDependentNoiseDistribution
from stable_baselines3.common.policies import BasePolicy
from torch import nn

from ..checkpoint import MismatchedCheckpoint, UnsupportedValue, bits_of, unstorable_reason
from ..networks.policy import DistributionalActorCriticPolicy
from ..run_state.claims import require_entries
from ..run_state.missing import lose
from ..run_state.model import Model
from ..run_state.streams import preserved_streams

# torch.compile wraps a module under this name; the parameters stay the same
_WRAPPER = "_orig_mod."
# whose modules keep no state outside parameters and buffers
_LIBRARIES = ("torch.", "stable_baselines3.", "sb3_contrib.", "resumeproof.")
_NOISE = ("exploration_mat", "exploration_matrices")


def canonical_name(name: str) -> str:
    """The parameter's name without the prefix of a wrapper such as `torch.compile`."""
    return name.replace(_WRAPPER, "")


def named_parameters(policy: nn.Module) -> dict[str, nn.Parameter]:
    """The policy's parameters by canonical name, each once."""
    return {canonical_name(name): parameter for name, parameter in policy.named_parameters()}


def save_policy(model: Model) -> dict[str, Any]:
    """Everything of the policy that training or the user can move, apart from its optimizer."""
    policy = model.policy
    return {
        "tensors": {name: tensor.detach() for name, tensor in _tensors(policy).items()},
        "frozen": [n for n, p in named_parameters(policy).items() if not p.requires_grad],
        "training": [canonical_name(n) for n, m in policy.named_modules() if m.training],
        "noise": save_noise(policy),
        "modules": _save_modules(policy, model._configured_modules),
    }


def prepare_policy(model: Model, state: dict[str, Any]) -> Callable[[], None]:
    """Checks names, shapes and dtypes; returns what copies the state into the live policy.

    Raises:
        MismatchedCheckpoint: lists every missing, unexpected or differing tensor.
    """
    policy = model.policy
    require_entries("policy", state, ("tensors", "frozen", "training", "noise", "modules"))
    live = _tensors(policy)
    _require_same(live, state["tensors"])
    modules = {canonical_name(name): module for name, module in policy.named_modules()}
    if not set(state["modules"]) <= set(modules):
        raise MismatchedCheckpoint(
            f"the checkpoint knows the modules {sorted(set(state['modules']) - set(modules))}, the "
            "policy does not: build the model with the policy_kwargs of the run that was saved"
        )

    def apply() -> None:
        with torch.no_grad():
            for name, tensor in live.items():
                tensor.copy_(state["tensors"][name])
        for name, parameter in named_parameters(policy).items():
            parameter.requires_grad_(name not in state["frozen"])
        training = set(state["training"])
        for name, module in policy.named_modules():
            module.training = canonical_name(name) in training
        restore_noise(policy, state["noise"])
        for name, attributes in state["modules"].items():
            vars(modules[name]).update(copy.deepcopy(attributes))

    return apply


def configured_attributes(policy: nn.Module) -> dict[str, dict[str, Any]]:
    """The attributes of the user's own modules that hold constructor arguments, encoded.

    Read when the policy has been built: one that differs later has become state.
    """
    return {
        canonical_name(name): {
            key: bits_of(value)
            for key, value in _apart_from_spaces(policy, module)
            if key in _arguments(module)
        }
        for name, module in _own_modules(policy)
    }


def _apart_from_spaces(policy: nn.Module, module: nn.Module) -> list[tuple[str, Any]]:
    """The module's attributes without links to the model's own spaces, whose state is a part."""
    linked = [vars(policy).get(name) for name in ("observation_space", "action_space")]
    return [(k, v) for k, v in vars(module).items() if not any(v is space for space in linked)]


def link_spaces(model: Model, new: dict[str, spaces.Space[Any]]) -> None:
    """Lets model, buffer and networks hold these spaces, by name, instead of the model's own."""
    given = {id(getattr(model, name)): space for name, space in new.items()}
    for owner in (model, model.rollout_buffer, *model.policy.modules()):
        held = vars(owner)
        held.update({name: given[id(v)] for name, v in held.items() if id(v) in given})


def _save_modules(policy: nn.Module, configured: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The plain attributes of modules of the user's own: a counter in a features extractor."""
    return {
        canonical_name(name): attributes
        for name, module in _own_modules(policy)
        if (attributes := _own_attributes(policy, name, configured.get(canonical_name(name), {})))
    }


def _own_modules(policy: nn.Module) -> list[tuple[str, nn.Module]]:
    return [
        (name, module)
        for name, module in policy.named_modules()
        if not type(module).__module__.startswith(_LIBRARIES)
    ]


def _arguments(module: nn.Module) -> set[str]:
    return set(inspect.signature(type(module)).parameters)


def _own_attributes(policy: nn.Module, name: str, configured: dict[str, Any]) -> dict[str, Any]:
    module = policy.get_submodule(name)
    of_library = _stock_attributes() if isinstance(module, BasePolicy) else set(vars(nn.Module()))
    attributes = {}
    for key, value in _apart_from_spaces(policy, module):
        if key in of_library or isinstance(value, (type, types.FunctionType)):
            continue  # handled by name, and code
        if key in _arguments(module) and configured.get(key) == bits_of(value):
            continue  # what the caller builds the module with
        if (reason := unstorable_reason(value)) is not None:
            place = ".".join(filter(None, ("policy", name, key)))
            lose(
                UnsupportedValue(
                    f"{place} cannot be saved ({reason}): keep it in a registered buffer, or name "
                    f"it like the argument of {type(module).__name__} that it comes from"
                )
            )
            continue
        attributes[key] = value
    return attributes


@functools.cache
def _stock_attributes() -> set[str]:
    """The attributes of a policy that is not the user's own, which other parts answer for."""
    with preserved_streams():
        policy = DistributionalActorCriticPolicy(
            spaces.Box(0, 1, (1,)), spaces.Discrete(2), lambda _: 0.0, net_arch=[1]
        )
    return set(vars(policy))


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


def save_noise(policy: Any) -> dict[str, torch.Tensor] | None:
    """Returns the matrices and the scale of state-dependent exploration; None without it."""
    distribution = getattr(policy, "action_dist", None)
    if not isinstance(distribution, StateDependentNoiseDistribution):
        return None
    noise = {name: getattr(distribution, name).detach() for name in _NOISE}
    return noise | {"scale": distribution.weights_dist.stddev.detach()}


def restore_noise(policy: Any, noise: dict[str, torch.Tensor] | None) -> None:
    """Puts back what `save_noise` returned."""
    if noise is None:
        return
    distribution = policy.action_dist
    for name in _NOISE:
        setattr(distribution, name, noise[name].to(policy.device, copy=True))
    scale = noise["scale"].to(policy.device, copy=True)
    distribution.weights_dist = torch.distributions.Normal(torch.zeros_like(scale), scale)
