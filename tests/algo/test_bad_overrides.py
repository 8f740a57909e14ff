"""What is passed to `load` and cannot be put in force: one clear error before anything changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.checkpoint import MismatchedCheckpoint

from tests.algo.runs import different, snapshot, touched
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


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "optimizer by name": ({"optimizer": "adam"}, {"optimizer": "adam"}),
    "optimizer by class": ({"optimizer": "adam"}, {"optimizer": torch.optim.Adam}),
    "scaler": ({}, {"vgs": True}),
    "penalty": ({}, {"kl_penalty": True}),
    "units": ({}, {"normalize_returns": True}),
}


@pytest.mark.parametrize("name", SAME)
def test_component_named_as_it_already_is_keeps_its_state(name: str, tmp_path: Path) -> None:
    """Saying at load what holds anyway changes no moment, no average and no setting."""
    built, said = SAME[name]
    options = {"optimizer_kwargs": {"weight_decay": 0.01}, **built}
    make_model(**options).learn(32).save(tmp_path / "run")
    expected = DistributionalPPO.load(tmp_path / "run", env=make_env(), device="cpu")
    got = DistributionalPPO.load(tmp_path / "run", env=make_env(), device="cpu", **said)
    moved = different(snapshot(expected), snapshot(got))
    assert [place for place in moved if place != "model.optimizer"] == []
    assert len(got.policy.optimizer.state) > 0
