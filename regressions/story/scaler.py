"""Scales gradients by how much they vary: a parameter whose gradient is mostly noise moves less."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

NUMBERS = ("step_count", "beta", "epsilon", "floor")
"""The four numbers that the system's own test of bug 10 read."""


class GradientScaler:
    """Divides every gradient by one plus its normalised variance.

    It holds the parameters themselves, and for each an average of its gradient and of its square.

    Args:
        parameters: whose gradients are scaled; named as in `named_parameters()`.
        beta: how slowly the averages move.
        epsilon: added to the squared mean below the fraction.
        floor: below which no gradient is scaled.
    """

    def __init__(
        self,
        parameters: Iterable[tuple[str, torch.nn.Parameter]],
        beta: float = 0.9,
        epsilon: float = 1e-8,
        floor: float = 0.1,
    ) -> None:
        self.beta = beta
        self.epsilon = epsilon
        self.floor = floor
        self.step_count = 0
        self.tracked: dict[str, torch.nn.Parameter] = {}
        self.means: dict[str, torch.Tensor] = {}
        self.squares: dict[str, torch.Tensor] = {}
        self.factors: dict[str, float] = {}
        self.relink(parameters)

    def relink(
        self, parameters: Iterable[tuple[str, torch.nn.Parameter]], *, keep: bool = False
    ) -> None:
        """Tracks other parameters, as after a load.

        Args:
            parameters: whose gradients are scaled from now on.
            keep: whether the averages of those of the same name stay.
        """
        self.tracked = dict(parameters)
        if not keep:
            self.means = {n: torch.zeros_like(p) for n, p in self.tracked.items()}
            self.squares = {n: torch.zeros_like(p) for n, p in self.tracked.items()}
            self.factors = dict.fromkeys(self.tracked, 1.0)

    @torch.no_grad()
    def scale(self) -> None:
        """Scales all gradients in place; parameters without one are left out."""
        self.step_count += 1
        correction = 1.0 - self.beta**self.step_count
        for name, parameter in self.tracked.items():
            if parameter.grad is None:
                continue
            self.means[name].lerp_(parameter.grad, 1.0 - self.beta)
            self.squares[name].lerp_(parameter.grad.square(), 1.0 - self.beta)
            mean = self.means[name] / correction
            square = self.squares[name] / correction
            variance = (square - mean.square()).clamp_(min=0.0)
            noise = variance.mean() / (mean.square().mean() + self.epsilon)
            self.factors[name] = max(1.0 / (1.0 + float(noise)), self.floor)
            parameter.grad.mul_(self.factors[name])

    def state_dict(self) -> dict[str, Any]:
        """Numbers, averages and factors, copied."""
        return {
            "numbers": {name: getattr(self, name) for name in NUMBERS},
            "means": {name: value.clone() for name, value in self.means.items()},
            "squares": {name: value.clone() for name, value in self.squares.items()},
            "factors": dict(self.factors),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what `state_dict` returned.

        Raises:
            KeyError: the state is of other parameters.
        """
        if state["means"].keys() != self.tracked.keys():
            raise KeyError(f"expected {sorted(self.tracked)}, got {sorted(state['means'])}")
        vars(self).update(state["numbers"])
        self.means = {name: value.clone() for name, value in state["means"].items()}
        self.squares = {name: value.clone() for name, value in state["squares"].items()}
        self.factors = dict(state["factors"])
