"""Bug 6: "minus infinity as the first maximum is unsafe". It was safe, and that is pinned here.

A parameter without a gradient takes no part, whether others have one or not, in the optimizer and
in the whole step: scaler, clipping, optimizer. Planted is what would have been the bug: parameters
without a gradient are looked at after all.
"""

from __future__ import annotations

from typing import Any, final

import pytest
import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.saving.configuration import OPTIMIZERS
from resumeproof.core.scenario import Scenario

from regressions.checks import PARAMETERS, Case, Found, look
from regressions.checks_of_options import with_options
from regressions.planted import AT_START, TWO_CYCLES, ours


class _TakesAll:
    """No gradient counts as a gradient of zero: there is noise and decay for it."""

    def step(self, closure: Any = None) -> Any:
        """One step of all parameters."""
        for group in self.param_groups:  # type: ignore[attr-defined]
            for parameter in group["params"]:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        return super().step(closure)  # type: ignore[misc]


class _TakesOthers(_TakesAll):
    """The same, but only where another parameter has a gradient."""

    def step(self, closure: Any = None) -> Any:
        """One step, of nothing or of everything."""
        parameters = [p for group in self.param_groups for p in group["params"]]  # type: ignore[attr-defined]
        if all(parameter.grad is None for parameter in parameters):
            return None
        return super().step(closure)


class _Replaced(DistributionalPPO):
    """Ours, with optimizers that move what has no gradient."""

    way: type

    def _policy_options(self) -> dict[str, Any]:
        options = super()._policy_options()
        kind = options["optimizer_class"]
        # final for those who extend them; here they are broken on purpose
        broken = type(f"{self.way.__name__}{kind.__name__}", (self.way, kind), {})
        return options | {"optimizer_class": broken}


@final
class TakesPart(_Replaced):
    """Always."""

    way = _TakesAll


@final
class TakesPartWithOthers(_Replaced):
    """Where another has one."""

    way = _TakesOthers


PLANTED = {
    "#6 what has no gradient takes part": TakesPart,
    "#6 what has no gradient takes part with others": TakesPartWithOthers,
}
# which gradients there are where the fault shows
SHOWS = {TakesPart: ("none", "some"), TakesPartWithOthers: ("some",)}
FAULTS = [(fault, gradients) for fault, shows in SHOWS.items() for gradients in shows]
SCENARIOS = {"at the start": AT_START, "after the warm-up": TWO_CYCLES}


def stepped(
    algorithm: type[DistributionalPPO],
    optimizer: str,
    gradients: str,
    scenario: Scenario = AT_START,
    parameters: str = "random",
) -> tuple[Found, ...]:
    """What the check of inputs shows of a step in which not everything has a gradient."""
    scenario = with_options(scenario, {"optimizer": optimizer})
    case = Case(check="inputs", scenario=scenario, parameters=parameters, gradients=gradients)
    return look(ours(algorithm), case)


@pytest.mark.parametrize(("fault", "gradients"), FAULTS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_planted_bug_is_found(
    optimizer: str, fault: type[DistributionalPPO], gradients: str
) -> None:
    """A step changes something that has no gradient."""
    assert stepped(fault, optimizer, gradients)


@pytest.mark.parametrize(("fault", "gradients"), FAULTS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_report_names_the_state_that_came_to_be(
    optimizer: str, fault: type[DistributionalPPO], gradients: str
) -> None:
    """The optimizer has state for parameters that took no part."""
    kept = {"none": "model.policy.optimizer.state", "some": "['policy.optimizer.states']"}
    places = [found.place for found in stepped(fault, optimizer, gradients)]
    assert any(kept[gradients] in place for place in places), places


@pytest.mark.parametrize("scaler", ["on", "off"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize("begun", SCENARIOS)
@pytest.mark.parametrize("gradients", ["none", "some"])
def test_shipped_code_changes_nothing(
    gradients: str, begun: str, parameters: str, optimizer: str, scaler: str
) -> None:
    """Of what has no gradient; and it raises nothing."""
    scenario = with_options(SCENARIOS[begun], {"scaler": scaler})
    assert stepped(DistributionalPPO, optimizer, gradients, scenario, parameters) == ()
