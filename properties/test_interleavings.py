"""In whatever order a population trains, is saved, killed and changed, it is its twin."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from resumeproof.algo import Population
from resumeproof.fuzzing.strategies import profile

from properties.interleavings import Interleavings, load

SEARCHING = settings(
    profile("ckpt-ci"),
    phases=(Phase.generate,),
    max_examples=20,
    stateful_step_count=6,
    report_multiple_bugs=False,
)


def test_population_is_its_twin_in_every_order() -> None:
    """Bits, aliases, isolation and what was chosen, after every step."""
    run_state_machine_as_test(Interleavings, settings=profile())


class RateForgotten(Interleavings):
    """After a load the optimizer trains with another rate than the one chosen."""

    @staticmethod
    def come_back(path: Path) -> Population:
        """As saved, but for one group's rate."""
        loaded = load(path)
        loaded.members[0].model.policy.optimizer.param_groups[0]["lr"] = 0.5
        return loaded


class Shared(Interleavings):
    """After a load two members hold the same weights."""

    @staticmethod
    def come_back(path: Path) -> Population:
        """As saved, but for one tensor that both members hold."""
        loaded = load(path)
        first, second = (next(m.model.policy.parameters()) for m in loaded.members)
        second.data = first.data
        return loaded


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        (RateForgotten, r"param_groups"),
        (Shared, r"members\[1\]\.model\.policy|shared by"),
    ],
)
def test_planted_fault_is_found(machine: type[Interleavings], message: str) -> None:
    """A load that forgets what was chosen, and one that lets members share, both fail."""
    with pytest.raises(AssertionError, match=message):
        run_state_machine_as_test(machine, settings=SEARCHING)
