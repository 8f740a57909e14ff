"""Our components, each as a subject of its own, driven by numbers from the global streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from resumeproof import component
from resumeproof.algo.maths.kl_penalty import KLPenalty
from resumeproof.algo.maths.normalizer import ReturnNormalizer
from resumeproof.algo.optim.upgd import UPGD, AdaptiveUPGD
from resumeproof.algo.optim.vgs import VarianceGradientScaler
from torch.nn import Parameter

_SIZES = ((3, 4), (4,))


def parameters() -> list[Parameter]:
    """Two tensors of fixed values: the parts under test do not hold them, so they never move."""
    return [Parameter(torch.linspace(-1, 1, int(np.prod(size))).reshape(size)) for size in _SIZES]


def push(params: list[Parameter]) -> None:
    """Noise as gradients."""
    for param in params:
        param.grad = torch.randn_like(param)


def pull(params: list[Parameter]) -> None:
    """Fixed values and no gradients again, as before the step."""
    with torch.no_grad():
        for param, fixed in zip(params, parameters(), strict=True):
            param.copy_(fixed)
            param.grad = None


def make_upgd() -> UPGD:
    """Utility-based perturbed gradient descent."""
    return UPGD(parameters(), lr=0.01)


def make_adaptive_upgd() -> AdaptiveUPGD:
    """The same with the moments of Adam."""
    return AdaptiveUPGD(parameters(), lr=0.01)


def descend(optimizer: Any) -> None:
    """One step of an optimizer."""
    params = optimizer.param_groups[0]["params"]
    push(params)
    optimizer.step()
    pull(params)


def make_scaler() -> VarianceGradientScaler:
    """A gradient scaler with a warm-up that ends within any scenario."""
    params = parameters()
    named = [(f"p{number}", param) for number, param in enumerate(params)]
    return VarianceGradientScaler(named, torch.optim.SGD(params, lr=0.01), warmup_steps=2)


def scale(scaler: VarianceGradientScaler) -> None:
    """One update seen by the scaler."""
    params = list(scaler.tracked.values())
    push(params)
    scaler.scale()
    pull(params)


def penalise(penalty: KLPenalty) -> None:
    """One KL, mostly above the target."""
    penalty.update(float(np.random.exponential(0.03)))


def normalise(normalizer: ReturnNormalizer) -> None:
    """A few returns."""
    normalizer.update(np.random.normal(3.0, 2.0, size=4))


# torch's Optimizer sorts its groups anew at every load: what changes the future decides
ADAPTIVE_UPGD = component(make_adaptive_upgd, step=descend)
UPGD_ALONE = component(make_upgd, step=descend)
VGS = component(make_scaler, step=scale, strict=True)
KL_PENALTY = component(KLPenalty, step=penalise, strict=True, copies=("pickle", "deepcopy"))
NORMALIZER = component(ReturnNormalizer, step=normalise, strict=True, copies=("pickle", "deepcopy"))
