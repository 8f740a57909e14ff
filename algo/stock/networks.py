"""The policy and the optimizers of any algorithm, by the functions that save those of this project.

Those ask a model for its `policy`; here they are given a view with the part that is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, final

import torch
from stable_baselines3.common.distributions import StateDependentNoiseDistribution

from ..run_state.claims import require_entries
from ..saving.optimizer_state import prepare_optimizer, save_optimizer
from ..saving.policy_state import prepare_policy, restore_noise, save_noise, save_policy

Apply = Callable[[], None]


@final
@dataclass(kw_only=True)
class View:
    """What the functions of `saving` ask of a model."""

    policy: Any
    _configured_modules: dict[str, Any] = field(default_factory=dict)


@final
@dataclass(frozen=True, kw_only=True)
class Trained:
    """An optimizer and everything that it may train, by name."""

    optimizer: torch.optim.Optimizer
    parameters: dict[str, torch.nn.Parameter]

    def named_parameters(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """As a module has it."""
        yield from self.parameters.items()


def optimizers_of(model: Any) -> dict[str, torch.optim.Optimizer]:
    """Returns the optimizers of the model and of its networks, by where they are."""
    owners = [("model", model), *((f"policy.{n}", m) for n, m in model.policy.named_modules())]
    found: dict[str, torch.optim.Optimizer] = {}
    for where, owner in owners:
        for name, value in vars(owner).items():
            if isinstance(value, torch.optim.Optimizer) and not _is_in(value, found):
                found[f"{where}.{name}"] = value
    return found


def _is_in(optimizer: Any, found: dict[str, Any]) -> bool:
    return any(other is optimizer for other in found.values())


def save_networks(model: Any) -> dict[str, Any]:
    """Returns the state of the policy and of the noise in each of its networks."""
    state = save_policy(View(policy=model.policy))  # type: ignore[arg-type]
    noise = {name: save_noise(module) for name, module in _noisy(model)}
    return {"policy": state, "noise": noise}


def prepare_networks(model: Any, state: dict[str, Any]) -> Apply:
    """Checks the state against the policy; returns what puts it in place."""
    require_entries("networks", state, ("policy", "noise"))
    noisy = dict(_noisy(model))
    require_entries("networks.noise", state["noise"], noisy)
    apply_policy = prepare_policy(View(policy=model.policy), state["policy"])  # type: ignore[arg-type]

    def apply() -> None:
        apply_policy()
        for name, module in noisy.items():
            restore_noise(module, state["noise"][name])

    return apply


def _noisy(model: Any) -> list[tuple[str, Any]]:
    return [
        (name, module)
        for name, module in model.policy.named_modules()
        if isinstance(vars(module).get("action_dist"), StateDependentNoiseDistribution)
    ]


def save_optimizers(model: Any) -> dict[str, Any]:
    """Returns the state of every optimizer, by where it is."""
    views = _views(model)
    return {where: save_optimizer(view) for where, view in views.items()}  # type: ignore[arg-type]


def prepare_optimizers(model: Any, state: dict[str, Any]) -> Apply:
    """Checks the states against the optimizers; returns what puts them in place."""
    views = _views(model)
    require_entries("optimizers", state, views)
    restores = [prepare_optimizer(view, state[where]) for where, view in views.items()]  # type: ignore[arg-type]

    def apply() -> None:
        for restore in restores:
            restore()

    return apply


def _views(model: Any) -> dict[str, View]:
    beside = {
        name: value
        for name, value in vars(model).items()
        if isinstance(value, torch.Tensor) and value.requires_grad
    }
    parameters = {**dict(model.policy.named_parameters()), **beside}
    return {
        where: View(policy=Trained(optimizer=optimizer, parameters=parameters))
        for where, optimizer in optimizers_of(model).items()
    }
