"""Bug 6: "minus infinity as the first maximum is unsafe". It was none: nothing was divided by it.

A parameter without a gradient was left out of both passes. The law holds that still; what is
planted is the optimizer that takes a missing gradient for one of zeros.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings

from algo.configuration import OPTIMIZERS
from algo.upgd import UPGD, AdaptiveUPGD
from regressions.laws import LawBroken, Steps, step_cases, step_without_gradient_rests


def fills_in_zeros(kind: type[torch.optim.Optimizer]) -> Any:
    """A factory of optimizers of this class that step on every parameter."""

    def make(*args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        made = kind(*args, **kwargs)
        step = made.step

        def planted(closure: Any = None) -> Any:
            bare = [p for group in made.param_groups for p in group["params"] if p.grad is None]
            for parameter in bare:
                parameter.grad = torch.zeros_like(parameter)
            result = step(closure)
            for parameter in bare:
                parameter.grad = None
            return result

        vars(made)["step"] = planted
        return made

    return make


PLANTED = {
    f"#6 {kind.__name__} takes none for zeros": fills_in_zeros(kind)
    for kind in (UPGD, AdaptiveUPGD)
}
BARE = Steps(parameters=(("normal", "normal"), ("normal", "none")), steps=1, seed=0)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bug_is_found(name: str) -> None:
    """Drawn gradients, some of them missing, reach it."""
    with pytest.raises(LawBroken):
        settings(max_examples=200, database=None, deadline=None, derandomize=True)(
            given(step_cases)(lambda case: step_without_gradient_rests(PLANTED[name], case))
        )()


@pytest.mark.parametrize("name", PLANTED)
def test_report_names_the_parameter(name: str) -> None:
    """The one without a gradient, which moved or whose state did."""
    with pytest.raises(LawBroken) as caught:
        step_without_gradient_rests(PLANTED[name], BARE)
    assert caught.value.place == "parameters.1"


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
@settings(max_examples=50, database=None, deadline=None)
@given(case=step_cases)
def test_shipped_code_rests(kind: type[torch.optim.Optimizer], case: Steps) -> None:
    """Every class: some gradients missing, or all of them."""
    step_without_gradient_rests(kind, case)
