"""Every stateful component by name, each with the same three handles: make, step and refuse."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from resumeproof.algo.maths.kl_penalty import KLPenalty
from resumeproof.algo.maths.normalizer import ReturnNormalizer
from resumeproof.algo.optim.upgd import UPGD, AdaptiveUPGD
from resumeproof.algo.optim.vgs import VarianceGradientScaler
from torch.nn import Parameter

SHAPES = {"weight": (4, 3), "bias": (4,), "scale": ()}


@dataclass(frozen=True, kw_only=True)
class Component:
    """One row of the contract.

    Attributes:
        make: builds one from keyword arguments; two of the same arguments are equal.
        step: moves its state by numbers that depend on the seed only.
        other: arguments of an instance whose state is another one after the same steps.
        illegal: values that each argument refuses.
        optional: paths in the state whose absence means something, such as no gradient yet.
        lends: whether `state_dict()` lends its own tensors, as torch's optimizers do.
    """

    make: Callable[..., Any]
    step: Callable[[Any, int], None]
    other: Mapping[str, Any] = field(default_factory=dict)
    illegal: Mapping[str, tuple[Any, ...]]
    optional: tuple[str, ...] = ()
    lends: bool = False


def make_parameters() -> dict[str, Parameter]:
    """Named tensors of fixed values."""
    generator = torch.Generator().manual_seed(1)
    return {name: Parameter(torch.randn(s, generator=generator)) for name, s in SHAPES.items()}


def set_gradients(parameters: Mapping[str, Parameter], seed: int) -> None:
    """Gradients that depend on the seed; "scale" has none at even seeds."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in parameters.items():
        gradient = torch.randn(parameter.shape, generator=generator)
        parameter.grad = None if name == "scale" and seed % 2 == 0 else gradient


def take_step(optimizer: Any, seed: int) -> None:
    """One step from the same parameters, which the optimizer does not own and gets back."""
    parameters = dict(zip(SHAPES, optimizer.param_groups[0]["params"], strict=True))
    before = [parameter.detach().clone() for parameter in parameters.values()]
    set_gradients(parameters, seed)
    optimizer.step()
    with torch.no_grad():
        for parameter, value in zip(parameters.values(), before, strict=True):
            parameter.copy_(value)
            parameter.grad = None


def make_scaler(**options: Any) -> VarianceGradientScaler:
    """A scaler over Adam that is warm after two updates."""
    named = make_parameters()
    optimizer = torch.optim.Adam(named.values())
    return VarianceGradientScaler(named.items(), optimizer, **{"warmup_steps": 2, **options})


def scale(scaler: VarianceGradientScaler, seed: int) -> None:
    """Observes one gradient."""
    set_gradients(scaler.tracked, seed)
    scaler.observe()
    for parameter in scaler.tracked.values():
        parameter.grad = None


def draw(seed: int) -> np.random.Generator:
    """Numbers that depend on the seed only."""
    return np.random.default_rng(seed)


NOT_NUMBERS: tuple[Any, ...] = (math.nan, "1", None, True)
NEGATIVE: tuple[Any, ...] = (-1.0, math.inf, *NOT_NUMBERS)
OUTSIDE_RATE: tuple[Any, ...] = (-0.1, 1.0, *NOT_NUMBERS)
NOT_POSITIVE: tuple[Any, ...] = (0.0, *NEGATIVE)
OF_UPGD = {
    "lr": NEGATIVE,
    "weight_decay": NEGATIVE,
    "sigma": NEGATIVE,
    "beta_utility": OUTSIDE_RATE,
    "seed": (0.5, "1", True),
}

COMPONENTS: dict[str, Component] = {
    "UPGD": Component(
        make=lambda **options: UPGD(make_parameters().values(), **{"seed": 3, **options}),
        step=take_step,
        other={"seed": 4},
        illegal=OF_UPGD,
        optional=("/state/0", "/state/1", "/state/2"),
        lends=True,
    ),
    "AdaptiveUPGD": Component(
        make=lambda **options: AdaptiveUPGD(make_parameters().values(), **{"seed": 3, **options}),
        step=take_step,
        other={"seed": 4},
        illegal=OF_UPGD | {"betas": ((0.9, 1.5), (0.9,), 0.9, None), "eps": NOT_POSITIVE},
        optional=("/state/0", "/state/1", "/state/2"),
        lends=True,
    ),
    "VGS": Component(
        make=make_scaler,
        step=scale,
        illegal={
            "beta": OUTSIDE_RATE,
            "beta_reference": OUTSIDE_RATE,
            "ceiling": (0.5, *NEGATIVE),
            "floor": (1.5, *NOT_POSITIVE),
            "warmup_steps": (-1, 1.5, "1", None, True),
            "apply_to": ("both", None, 1),
        },
    ),
    "KLPenalty": Component(
        make=KLPenalty,
        step=lambda penalty, seed: penalty.update(float(draw(seed).random() / 10)),
        illegal={
            "target": NOT_POSITIVE,
            "initial": (11.0, *NEGATIVE),
            "kp": NEGATIVE,
            "ki": NEGATIVE,
            "kd": NEGATIVE,
            "beta_min": NEGATIVE,
            "beta_max": NOT_POSITIVE,
            "integral_limit": NOT_POSITIVE,
        },
    ),
    "ReturnNormalizer": Component(
        make=ReturnNormalizer,
        step=lambda normalizer, seed: normalizer.update(draw(seed).normal(size=5)),
        illegal={"epsilon": NOT_POSITIVE},
    ),
}
