"""Bug 1: targets were selected by a mask, the cached outputs of the critics were not.

The first update on part of a rollout raised, since the two had other numbers of samples.
"""

from __future__ import annotations

from typing import Any, final
from unittest.mock import patch

import pytest

from algo import DistributionalPPO
from algo import update as updates
from harness.scenario import Scenario
from harness.verdict import Verdict
from regressions.planted import EVERYTHING, lived


@final
class Unselected(DistributionalPPO):
    """Every minibatch is clipped against the outputs cached for the whole rollout."""

    def train(self) -> None:
        """One update; the targets are those of the minibatch, the cached outputs are not."""
        loss = updates._loss

        def with_all(model: Any, samples: Any, targets: Any, old: Any, *rest: Any) -> Any:
            whole = None if old is None else updates._old_outputs(model)
            return loss(model, samples, targets, whole, *rest)

        with patch.object(updates, "_loss", with_all):
            super().train()


PLANTED = {"#1 cached outputs are not selected": Unselected}
# of 32 samples: all at once, a part, as few as are allowed
SELECTIONS = {"all": 32, "part": 16, "few": 2}


def selecting(batch_size: int) -> Scenario:
    """Twin critics with value clipping, in minibatches of this size."""
    chosen = {"clip_range_vf": 0.2, "n_steps": 32, "batch_size": batch_size}
    return Scenario(options=EVERYTHING | chosen, length=64, save_at=0)


@pytest.mark.parametrize("part", ["part", "few"])
def test_planted_bug_is_found(part: str) -> None:
    """Training raises as soon as a minibatch is less than the rollout."""
    assert lived(Unselected, selecting(SELECTIONS[part])).verdict is Verdict.ERROR


def test_report_names_both_shapes() -> None:
    """There is no state to name: the report says which tensor has which shape."""
    error = lived(Unselected, selecting(16)).error
    assert "outputs (16, 5), got old outputs (32, 5); apply the same mask to both" in error


@pytest.mark.parametrize("part", SELECTIONS)
def test_shipped_code_selects_both(part: str) -> None:
    """All, a part, and the fewest that a minibatch may have."""
    record = lived(DistributionalPPO, selecting(SELECTIONS[part]))
    assert record.verdict is Verdict.EXACT, record.error
