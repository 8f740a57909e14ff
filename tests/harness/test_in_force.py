"""An option that was given stays in force, whatever training writes."""

from __future__ import annotations

from typing import Any

import pytest
from resumeproof import Scenario, sb3
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict
from stable_baselines3 import DQN, PPO

SCENARIO = Scenario(length=32, save_at=16)
SHORT: dict[str, Any] = {"env": "CartPole-v1", "n_steps": 16, "batch_size": 16, "n_epochs": 1}


class _WritesTheDefaultBack(PPO):
    """The rate that was given is that of the optimizer until the first update."""

    def train(self) -> None:
        super().train()
        for group in self.policy.optimizer.param_groups:
            group["lr"] = 3e-4


@pytest.mark.parametrize("algorithm", [PPO, DQN])
def test_stock_algorithms_keep_what_was_given(algorithm: Any) -> None:
    """Their learning rate is the given one at every boundary."""
    options = SHORT if algorithm is PPO else {"env": "CartPole-v1"}
    record = run(sb3(algorithm, **options), Scenario(length=48, save_at=32), ("in_force",))
    assert (record.verdict, record.findings) == (Verdict.EXACT, ())


def test_rate_that_the_first_update_puts_back_is_found() -> None:
    """Both runs of `resume` agree; only a build with another rate tells."""
    subject = sb3(_WritesTheDefaultBack, **SHORT)
    record = run(subject, SCENARIO, ("in_force",))
    assert record.verdict is Verdict.DIFFERS
    places = [str(m.keypath) for m in record.findings[0].diff.mismatches]
    assert places == ["model.policy.optimizer.param_groups[0]['lr']"]
    assert "to stay in force" in record.findings[0].diff.mismatches[0].expected
