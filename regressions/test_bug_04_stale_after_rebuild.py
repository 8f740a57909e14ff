"""Bug 4: "the scaler tracks stale parameters after the optimizer is rebuilt".

It was claimed, and its fix changed nothing. What would have been the bug is planted here: a way to
build, after the scaler was linked, that puts another optimizer or another policy in place.
"""

from __future__ import annotations

import copy
from typing import Any, final

import pytest
import torch

from algo import DistributionalPPO
from harness.verdict import Verdict
from regressions.planted import lived, places


@final
class OptimizerRebuilt(DistributionalPPO):
    """Loading ends with a new optimizer of the same state; the scaler holds on to the old one."""

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> Any:
        """The model, with an optimizer that only the policy knows."""
        model = super().load(*args, **kwargs)
        old = model.policy.optimizer
        with torch.random.fork_rng():  # an optimizer that is built may seed a stream of its own
            new = type(old)([dict(group) for group in old.param_groups])
        new.load_state_dict(old.state_dict())
        model.policy.optimizer = new
        return model


@final
class PolicyRebuilt(DistributionalPPO):
    """Loading ends with a copy of the policy; the scaler holds on to the old one's parameters."""

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> Any:
        """The model, with a policy that its scaler does not know."""
        model = super().load(*args, **kwargs)
        model.policy = copy.deepcopy(model.policy)
        return model


PLANTED = {
    "#4 the optimizer is rebuilt behind the scaler": OptimizerRebuilt,
    "#4 the policy is rebuilt behind the scaler": PolicyRebuilt,
}
NAMED = dict(zip(PLANTED, ("model.vgs._optimizer", "model.vgs._tracked["), strict=True))


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bug_is_found(name: str) -> None:
    """Equal values are not enough: it must be the same object by every name."""
    record = lived(PLANTED[name])
    assert record.verdict is Verdict.DIFFERS
    assert "roundtrip" in {finding.check for finding in record.findings}


@pytest.mark.parametrize("name", PLANTED)
def test_report_names_what_the_scaler_holds(name: str) -> None:
    """The alias that was cut, by the name under which the scaler holds it."""
    found = places(lived(PLANTED[name]), "roundtrip")
    assert any(place.startswith(f"ALIASING {NAMED[name]}") for place in found), found


def test_shipped_code_has_one_of_each() -> None:
    """After a load too."""
    assert lived(DistributionalPPO).verdict is Verdict.EXACT
