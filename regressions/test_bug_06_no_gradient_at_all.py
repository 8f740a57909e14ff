"""Bug 6: "minus infinity as the first maximum is unsafe". It was safe, and the law is pinned here.

A parameter without a gradient takes no part. Planted is what would have been the bug: parameters
without a gradient are looked at after all.
"""

from __future__ import annotations

from typing import Any, final

import pytest
import torch

from algo import DistributionalPPO, upgd
from harness.scenario import Scenario
from regressions.laws import PARAMETERS, Case, Found, look
from regressions.planted import EVERYTHING, ours


class _TakesAll:
    """No gradient counts as a gradient of zero: there is noise and decay for it."""

    def step(self, closure: Any = None) -> Any:
        """One step of all parameters."""
        for group in self.param_groups:  # type: ignore[attr-defined]
            for parameter in group["params"]:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        return super().step(closure)  # type: ignore[misc]


TAKES_ALL = {
    each: type(f"TakesAll{each.__name__}", (_TakesAll, each), {})
    for each in (upgd.UPGD, upgd.AdaptiveUPGD, torch.optim.Adam)
}


@final
class TakesPart(DistributionalPPO):
    """Ours, with optimizers that move what has no gradient."""

    def _policy_options(self) -> dict[str, Any]:
        options = super()._policy_options()
        return options | {"optimizer_class": TAKES_ALL[options["optimizer_class"]]}


PLANTED = {"#6 what has no gradient takes part": TakesPart}
OPTIMIZERS = ("upgd", "adaptive_upgd", "adam")


def stepped(
    algorithm: type[DistributionalPPO], optimizer: str, parameters: str = "random"
) -> tuple[Found, ...]:
    """What the law of inputs shows of a step without any gradient."""
    options = EVERYTHING | {"optimizer": optimizer}
    life = Scenario(options=options, length=16, save_at=0)
    case = Case(law="inputs", scenario=life, parameters=parameters, gradients="none")
    return look(ours(algorithm), case)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_planted_bug_is_found(optimizer: str) -> None:
    """A step in which nothing has a gradient changes something."""
    assert stepped(TakesPart, optimizer)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_report_names_the_state_that_came_to_be(optimizer: str) -> None:
    """The optimizer has state for parameters that took no part."""
    places = [found.place for found in stepped(TakesPart, optimizer)]
    assert any(place.startswith("model.policy.optimizer.state") for place in places), places


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_shipped_code_changes_nothing(optimizer: str, parameters: str) -> None:
    """And raises nothing."""
    assert not stepped(DistributionalPPO, optimizer, parameters)
