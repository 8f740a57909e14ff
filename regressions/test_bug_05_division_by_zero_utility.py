"""Bug 5: one step with all-zero parameters made every parameter NaN.

UPGD divided by the greatest utility, which was zero. It was fixed in one optimizer class; the
others, the default too, went on giving NaN. What divides in Adam is planted as well.
"""

from __future__ import annotations

import math
from typing import Any, final
from unittest.mock import patch

import pytest
import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.optim import _gated, _upgd_flat, upgd
from resumeproof.algo.saving.configuration import OPTIMIZERS

from properties.space import CHOICES
from regressions.checks import GRADIENTS, PARAMETERS, Case, Found, look
from regressions.checks_of_options import with_options
from regressions.planted import AT_START, ours


def _peak(values: Any) -> float:
    return max(filter(math.isfinite, values), default=0.0)


def _gates(utilities: Any, scales: Any) -> Any:
    return [torch.sigmoid(-u / scale) for u, scale in zip(utilities, scales, strict=True)]


def _gate(flat: Any, scale: float) -> None:
    flat.gate.copy_(torch.sigmoid(flat.utility / -torch.tensor(scale)))


class _Unguarded:
    """Divides by the greatest utility, whatever it is."""

    def step(self, closure: Any = None) -> Any:
        """One step, without the two guards that the kernels have."""
        patched = patch.multiple(_gated, find_peak=_peak, open_gates=_gates)
        with patched, patch.object(_upgd_flat, "open_gate", _gate):
            return super().step(closure)  # type: ignore[misc]


# final for those who extend them; here they are broken on purpose
UnguardedUPGD = type("UnguardedUPGD", (_Unguarded, upgd.UPGD), {})
UnguardedAdaptive = type("UnguardedAdaptiveUPGD", (_Unguarded, upgd.AdaptiveUPGD), {})


class _BareAdam(torch.optim.Adam):
    """Divides by the root of the second moment alone."""

    def __init__(self, params: Any, lr: float, eps: float = 0.0) -> None:
        super().__init__(params, lr, eps=0.0)


class _Replaced(DistributionalPPO):
    """Ours with one optimizer class replaced."""

    replaced: type[torch.optim.Optimizer]
    by: type[torch.optim.Optimizer]

    def _policy_options(self) -> dict[str, Any]:
        options = super()._policy_options()
        if options["optimizer_class"] is self.replaced:
            options["optimizer_class"] = self.by
        return options


@final
class InUPGD(_Replaced):
    """The bug in UPGD."""

    replaced, by = upgd.UPGD, UnguardedUPGD


@final
class InAdaptiveUPGD(_Replaced):
    """The bug in AdaptiveUPGD, the default."""

    replaced, by = upgd.AdaptiveUPGD, UnguardedAdaptive


@final
class InAdam(_Replaced):
    """The same cause in Adam."""

    replaced, by = torch.optim.Adam, _BareAdam


PLANTED = {
    f"#5 division by zero in {fault.replaced.__name__}": fault
    for fault in (InUPGD, InAdaptiveUPGD, InAdam)
}
# which of the optimizers that a model offers each is planted in
OPTIMIZER = {
    name: optimizer
    for name, fault in PLANTED.items()
    for optimizer, kind in OPTIMIZERS.items()
    if kind is fault.replaced
}


def stepped(
    algorithm: type[DistributionalPPO], optimizer: str, parameters: str, gradients: str
) -> tuple[Found, ...]:
    """What the check of inputs shows of one class of optimizer."""
    scenario = with_options(AT_START, {"optimizer": optimizer})
    case = Case(check="inputs", scenario=scenario, parameters=parameters, gradients=gradients)
    return look(ours(algorithm), case)


def test_every_optimizer_that_is_offered_is_planted_and_generated() -> None:
    """A class added to the model is added here and to the space of the checks, or this says so."""
    assert set(OPTIMIZER.values()) == set(OPTIMIZERS)
    assert set(CHOICES["optimizer"]) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bug_is_found(name: str) -> None:
    """In this class, and in no other one."""
    for optimizer in OPTIMIZERS:
        found = stepped(PLANTED[name], optimizer, "zero", "zero")
        assert bool(found) is (optimizer == OPTIMIZER[name])


@pytest.mark.parametrize("name", PLANTED)
def test_report_names_every_parameter(name: str) -> None:
    """Which of them are no longer finite, by name."""
    found = stepped(PLANTED[name], OPTIMIZER[name], "zero", "zero")
    model = ours(DistributionalPPO).build(AT_START)
    named = [f"model.policy.{parameter}" for parameter, _ in model.policy.named_parameters()]
    assert [each.place for each in found] == named


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize("gradients", GRADIENTS)
def test_shipped_code_stays_finite(optimizer: str, parameters: str, gradients: str) -> None:
    """Every optimizer class on every degenerate input."""
    assert stepped(DistributionalPPO, optimizer, parameters, gradients) == ()


@pytest.mark.parametrize("product", [1e-42, 1e-43, 1e-44])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_shipped_code_divides_by_no_scale_that_underflows(optimizer: str, product: float) -> None:
    """The greatest utility is positive, and no longer is after the correction of a late group."""
    early = torch.nn.Parameter(torch.full((4,), -1e-20))
    late = torch.nn.Parameter(torch.zeros(4))
    early.grad, late.grad = torch.full((4,), product * 1e20), torch.zeros(4)
    groups: list[dict[str, Any]] = [
        {"params": [early], "beta_utility": 0.5},
        {"params": [late], "beta_utility": 0.999},
    ]
    OPTIMIZERS[optimizer](groups, lr=1e-3).step()  # type: ignore[call-arg]
    finite = {"early": early.isfinite().all().item(), "late": late.isfinite().all().item()}
    assert finite == {"early": True, "late": True}
