"""Bug 9: after a load the scaler scaled nothing.

It had pickled its list of parameters, so that what came back were copies: none of the tracked
objects was the policy's. A restored flag said that set-up was done, and nothing was linked again.
"""

from __future__ import annotations

from typing import Any, final

import pytest
import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.saving.configuration import OPTIMIZERS
from resumeproof.core.scenario import Scenario
from resumeproof.verdicts.verdict import Verdict

from regressions.builds import WAYS, found_after
from regressions.planted import AT_START, TWO_CYCLES, checked, described, ours, places


@final
class Copies(DistributionalPPO):
    """The list of parameters comes back as what it was in the file: copies."""

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> Any:
        """The model, its scaler over parameters of nobody."""
        model = super().load(*args, **kwargs)
        if model.vgs is not None:
            model.vgs._tracked = {
                name: torch.nn.Parameter(parameter.detach().clone())
                for name, parameter in model.vgs.tracked.items()
            }
        return model


PLANTED = {"#9 the scaler tracks copies after a load": Copies}


@pytest.mark.parametrize("scenario", [TWO_CYCLES, AT_START], ids=["trained", "at the start"])
def test_planted_bug_is_found(scenario: Scenario) -> None:
    """An alias of the graph that was saved is no alias in the one that was loaded: no training."""
    record = checked(Copies, scenario)
    assert record.verdict is Verdict.DIFFERS, described(record)
    assert "roundtrip" in {finding.check for finding in record.findings}


def test_report_names_the_tracked_parameters() -> None:
    """Each is one object under two names in the run that was saved, and two in the other."""
    found = places(checked(Copies), "roundtrip")
    policy = ours(Copies).build(TWO_CYCLES).policy
    for name, _ in policy.named_parameters():
        assert any(f"model.vgs._tracked[{name!r}]" in place for place in found), name
    assert all(place.startswith("ALIASING ") for place in found), found


@pytest.mark.parametrize("way", [way for way in WAYS if way.startswith("load_")])
def test_planted_copies_see_no_gradient(way: str) -> None:
    """Whichever way of loading: each parameter whose gradient moves nothing is named."""
    found = [each.place for each in found_after(way, "upgd", Copies) if each.check == "gradients"]
    names = [name for name, _ in ours(Copies).build(TWO_CYCLES).policy.named_parameters()]
    assert found == [f"model.vgs._tracked[{name!r}]" for name in names]


@pytest.mark.parametrize("scenario", [TWO_CYCLES, AT_START], ids=["trained", "at the start"])
def test_shipped_code_links_by_identity(scenario: Scenario) -> None:
    """The same checks on the same scenarios; what is tracked are the very parameters."""
    record = checked(DistributionalPPO, scenario)
    assert record.verdict is Verdict.EXACT, described(record)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("way", WAYS)
def test_shipped_code_sees_every_gradient_whatever_built_it(way: str, optimizer: str) -> None:
    """A gradient of any parameter of the policy changes what the scaler has seen."""
    assert [found for found in found_after(way, optimizer) if found.check == "gradients"] == []
