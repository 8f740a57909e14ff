"""What is passed to `load` and cannot be put in force: one clear error before anything changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.checkpoint import MismatchedCheckpoint

from tests.algo.runs import touched
from tests.algo.small import make_env, make_model


def test_users_own_schedule_must_be_passed_again(tmp_path: Path) -> None:
    """A checkpoint holds no code: load says which argument is missing."""
    make_model(learning_rate=lambda progress: 1e-3 * progress).save(tmp_path / "run")
    with pytest.raises(MismatchedCheckpoint, match=r"learning_rate was .*lambda.*learning_rate="):
        DistributionalPPO.load(tmp_path / "run", device="cpu")
    DistributionalPPO.load(tmp_path / "run", device="cpu", learning_rate=lambda p: 1e-3 * p)


def test_keyword_that_needs_state_the_run_has_not_is_refused_before_anything_changes(
    tmp_path: Path,
) -> None:
    """At load, by its name: the next update would find no such state."""
    make_model(optimizer="adam").learn(32).save(tmp_path / "run")
    env = make_env()
    before = touched(env)
    given = {"amsgrad": True, "weight_decay": 0.1}
    message = r"'amsgrad': True.*needs \['max_exp_avg_sq'\].*leave it out"
    with pytest.raises(MismatchedCheckpoint, match=message):
        DistributionalPPO.load(tmp_path / "run", env=env, device="cpu", optimizer_kwargs=given)
    assert touched(env) == before
    make_model(optimizer="adam").save(tmp_path / "fresh")
    model = DistributionalPPO.load(tmp_path / "fresh", env, "cpu", optimizer_kwargs=given)
    assert model.learn(32).policy.optimizer.param_groups[0]["amsgrad"]
