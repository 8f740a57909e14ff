"""Bug 5: all parameters NaN after one step. UPGD divided by a greatest utility of zero.

It was mended in one class of optimizers; the others, the default among them, still gave NaN. So
there is one planted variant for each class, and the law is asked of every class there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings

from algo import upgd
from algo.configuration import OPTIMIZERS
from algo.upgd import UPGD, AdaptiveUPGD
from regressions.laws import LawBroken, Steps, step_cases, steps_stay_finite


def divides_by_zero(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """A factory of optimizers of this class that divide by the greatest utility, whatever it is."""

    def gates(utilities: list[torch.Tensor], scales: Iterator[float]) -> list[torch.Tensor]:
        pairs = zip(utilities, scales, strict=True)
        return [1 - torch.sigmoid(utility / scale) for utility, scale in pairs]

    def make(*args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        made = kind(*args, **kwargs)
        step = made.step

        def planted(closure: Any = None) -> Any:
            with patch.object(upgd, "find_peak", max), patch.object(upgd, "open_gates", gates):
                return step(closure)

        vars(made)["step"] = planted
        return made

    return make


PLANTED = {
    f"#5 {kind.__name__} divides by zero": divides_by_zero(kind) for kind in (UPGD, AdaptiveUPGD)
}
ZEROS = Steps(parameters=(("zeros", "normal"),), steps=1, seed=0)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bug_is_found(name: str) -> None:
    """Drawn parameters and gradients reach it, and the parameters are what is named."""
    with pytest.raises(LawBroken) as caught:
        settings(max_examples=200, database=None, deadline=None, derandomize=True)(
            given(step_cases)(lambda case: steps_stay_finite(PLANTED[name], case))
        )()
    assert caught.value.place.startswith("parameters.")


@pytest.mark.parametrize("name", PLANTED)
def test_report_names_the_parameter(name: str) -> None:
    """One step from parameters of zero is enough, and all others are finite."""
    with pytest.raises(LawBroken, match=r"^parameters\.0: not finite after step 1 of"):
        steps_stay_finite(PLANTED[name], ZEROS)


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
@settings(max_examples=50, database=None, deadline=None)
@given(case=step_cases)
def test_shipped_code_stays_finite(kind: type[torch.optim.Optimizer], case: Steps) -> None:
    """Every class, for zero parameters, zero gradients and utilities that are all negative."""
    steps_stay_finite(kind, case)
