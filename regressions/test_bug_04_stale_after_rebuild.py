"""Bug 4: "the scaler tracks stale parameters after the optimizer is rebuilt".

It was claimed, and its fix changed nothing. What would have been the bug is planted here: a way to
build, after the scaler was linked, that puts another optimizer or another policy in place.
"""

from __future__ import annotations

import copy
from typing import Any, final

import pytest
import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.saving.configuration import OPTIMIZERS
from resumeproof.verdicts.verdict import Verdict

from regressions.builds import WAYS, found_after
from regressions.planted import checked, described, places


def rebuild_optimizer(model: Any) -> None:
    """Puts an optimizer of the same state in place, which only the policy knows."""
    old = model.policy.optimizer
    with torch.random.fork_rng():  # an optimizer that is built may seed a stream of its own
        new = type(old)([dict(group) for group in old.param_groups])
    new.load_state_dict(old.state_dict())
    model.policy.optimizer = new


@final
class OptimizerRebuilt(DistributionalPPO):
    """Loading ends with a new optimizer of the same state; the scaler holds on to the old one."""

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> Any:
        """The model, with an optimizer that only the policy knows."""
        model = super().load(*args, **kwargs)
        rebuild_optimizer(model)
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


@final
class AlwaysRebuilt(DistributionalPPO):
    """Every set-up ends so: no comparison with what was saved can show it, both are as wrong."""

    def _setup_model(self) -> None:
        super()._setup_model()
        rebuild_optimizer(self)


PLANTED = {
    "#4 the optimizer is rebuilt behind the scaler": OptimizerRebuilt,
    "#4 the policy is rebuilt behind the scaler": PolicyRebuilt,
}
NAMED = dict(zip(PLANTED, ("model.vgs._optimizer", "model.vgs._tracked["), strict=True))


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bug_is_found(name: str) -> None:
    """Equal values are not enough: it must be the same object by every name."""
    record = checked(PLANTED[name])
    assert record.verdict is Verdict.DIFFERS, described(record)
    assert "roundtrip" in {finding.check for finding in record.findings}


@pytest.mark.parametrize("name", PLANTED)
def test_report_names_what_the_scaler_holds(name: str) -> None:
    """The alias that was cut, by the name under which the scaler holds it."""
    found = places(checked(PLANTED[name]), "roundtrip")
    assert any(place.startswith(f"ALIASING {NAMED[name]}") for place in found), found


@pytest.mark.parametrize("way", WAYS)
def test_planted_stranger_is_found_and_named(way: str) -> None:
    """However the model came about, where there is nothing to compare it with."""
    found = found_after(way, "adam", AlwaysRebuilt)
    assert "model.vgs._optimizer" in [each.place for each in found if each.check == "identity"]


def test_shipped_code_has_one_of_each() -> None:
    """After two loads too."""
    record = checked(DistributionalPPO)
    assert record.verdict is Verdict.EXACT, described(record)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("way", WAYS)
def test_shipped_code_has_one_of_each_whatever_built_it(way: str, optimizer: str) -> None:
    """What a component tracks are the policy's own parameters, and its own optimizer."""
    assert [found for found in found_after(way, optimizer) if found.check == "identity"] == []
