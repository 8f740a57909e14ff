"""Bug 1: targets were selected by a mask, the cached outputs of the critics were not.

The first update on part of a rollout raised, since the two had other numbers of samples.
"""

from __future__ import annotations

import copy
import dataclasses
import warnings
from typing import Any, final
from unittest.mock import patch

import pytest
import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.ppo import update as updates
from resumeproof.core.scenario import Scenario
from resumeproof.verdicts.verdict import Verdict

from properties.space import VARIANTS
from regressions.planted import EVERYTHING, checked, described, ours


class _Broken(DistributionalPPO):
    """Every minibatch is clipped against outputs that are not its own."""

    def train(self) -> None:
        """One update; the targets are those of the minibatch, the cached outputs are not."""
        loss = updates._loss

        def with_others(model: Any, batch: updates.Minibatch, *rest: Any) -> Any:
            if batch.old_outputs is not None:
                others = self._others(len(batch.targets))
                batch = dataclasses.replace(batch, old_outputs=others)
            return loss(model, batch, *rest)

        with patch.object(updates, "_loss", with_others):
            super().train()

    def _others(self, _size: int) -> tuple[torch.Tensor, ...]:
        return updates._old_outputs(self)


@final
class Unselected(_Broken):
    """They are those cached for the whole rollout."""


@final
class FirstRows(_Broken):
    """They are as many as there should be: the first ones.

    No check of checkpoints can see it, so that the search for planted bugs is not asked to.
    """

    def _others(self, size: int) -> tuple[torch.Tensor, ...]:
        return tuple(outputs[:size] for outputs in super()._others(size))


PLANTED = {"#1 cached outputs are not selected": Unselected}
# samples of a rollout and of a minibatch: all at once, a part, few, and a single one at the end
SELECTIONS = {"all": (32, 32), "part": (32, 16), "few": (32, 2), "single": (33, 32)}
CRITICS = VARIANTS["critics"]


def selecting(part: str, **options: Any) -> Scenario:
    """Value clipping, in minibatches of this size."""
    n_steps, batch_size = SELECTIONS[part]
    chosen = {"clip_range_vf": 0.2, "n_steps": n_steps, "batch_size": batch_size, **options}
    return Scenario(options=EVERYTHING | chosen, length=2 * n_steps, save_at=0)


def strange_rows(algorithm: type[DistributionalPPO], scenario: Scenario) -> list[str]:
    """Minibatches of the first update whose cached outputs are not those of their own samples."""
    found: list[str] = []
    loss, place = updates._loss, "{where}: old outputs of critic {number}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SB3 would rather have no part of a minibatch
        model: Any = ours(algorithm).build(scenario)
    before: list[Any] = []  # in the units of this update, and no step taken yet

    def checked(model: Any, batch: updates.Minibatch, *rest: Any) -> Any:
        if not before:
            before.append(copy.deepcopy(model.policy))
        rollout = torch.as_tensor(model.rollout_buffer.observations)
        with torch.no_grad():
            whole = before[0].critic_outputs(rollout)
        # a sample is known by the bits of its observation
        at = [int((rollout == row).all(dim=1).nonzero()[0]) for row in batch.samples.observations]
        own = [outputs[at] for outputs in whole]
        for number, (expected, got) in enumerate(zip(own, batch.old_outputs or (), strict=True)):
            name = place.format(where=batch.where, number=number)
            if expected.shape != got.shape:
                found.append(f"{name} are of shape {tuple(got.shape)}, not {tuple(expected.shape)}")
            elif expected.numpy().tobytes() != got.numpy().tobytes():
                found.append(f"{name} are not those of its samples")
        return loss(model, batch, *rest)

    # the broken ones put their own outputs in between, and restore this function
    with patch.object(updates, "_loss", checked):
        model.learn(model.n_steps)
    return found


@pytest.mark.parametrize("part", ["part", "few"])
def test_planted_bug_is_found(part: str) -> None:
    """Training raises as soon as a minibatch is less than the rollout."""
    record = checked(Unselected, selecting(part))
    assert record.verdict is Verdict.ERROR
    assert "ValueError: expected old outputs of the shape of the outputs" in record.error


def test_report_names_both_shapes() -> None:
    """There is no state to name: the report says which tensor has which shape."""
    error = checked(Unselected, selecting("part")).error
    assert "outputs (16, 5), got old outputs (32, 5); apply the same mask to both" in error


def test_planted_rows_are_found_and_named() -> None:
    """Outputs of the right shape and of other samples raise nothing."""
    found = strange_rows(FirstRows, selecting("part"))
    name = "minibatch 0 of epoch 0: old outputs of critic 1 are not those of its samples"
    assert name in found


@pytest.mark.parametrize("part", ["all", "part", "few"])
def test_shipped_code_selects_both(part: str) -> None:
    """All, a part, and the fewest that a minibatch may have."""
    record = checked(DistributionalPPO, selecting(part))
    assert record.verdict is Verdict.EXACT, described(record)


@pytest.mark.parametrize("part", SELECTIONS)
@pytest.mark.parametrize("twins", [True, False], ids=["twins", "one critic"])
@pytest.mark.parametrize("critics", CRITICS)
def test_shipped_code_selects_the_rows_of_the_minibatch(
    critics: str, twins: bool, part: str
) -> None:
    """Of every critic, a single sample at the end too."""
    scenario = selecting(part, critics=critics, twin_critics=twins)
    assert strange_rows(DistributionalPPO, scenario) == []
