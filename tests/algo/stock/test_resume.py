"""Every algorithm of the libraries ends, resumed, as the run that never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from resumeproof.algo import ExactCheckpointCallback, MovedSavePoint, resume, save_run
from resumeproof.state.capture import capture
from resumeproof.state.snapshot import Snapshot
from resumeproof.subjects.sb3 import sb3

from audit.cases import CASES
from tests.algo.runs import different

TOTAL = 120
pytestmark = pytest.mark.filterwarnings(f"ignore::{MovedSavePoint.__module__}.MovedSavePoint")


def snapshot(model: Any) -> Snapshot:
    """Everything that the model reaches, and the global streams; the clock and the log are not."""
    exclusions = sb3(type(model), env="CartPole-v1").exclusions
    return capture(model, name="model", streams=True, exclusions=exclusions)


def trained(name: str, folder: Path) -> Any:
    """A run to its end, which leaves checkpoints behind."""
    model = CASES[name].make()
    callback = ExactCheckpointCallback(24 // model.n_envs, str(folder))
    return model.learn(TOTAL, callback=callback)


def steps_of(path: Path) -> int:
    """The step that the name of a checkpoint has."""
    return int(path.stem.split("_")[-2])


@pytest.mark.parametrize("name", CASES)
def test_resumed_run_ends_as_the_one_that_never_stopped(name: str, tmp_path: Path) -> None:
    """From each checkpoint, in a new model and environment, with all streams elsewhere."""
    whole = trained(name, tmp_path)
    reference = snapshot(whole)
    checkpoints = sorted(tmp_path.glob("*.zip"), key=steps_of)
    within = [path for path in checkpoints if steps_of(path) < TOTAL]
    assert within
    for path in {within[0], within[-1]}:
        np.random.seed(99)
        torch.manual_seed(99)
        model = resume(path, CASES[name].env(), device="cpu")
        callback = ExactCheckpointCallback(24 // model.n_envs, str(tmp_path / "again"))
        model.learn(TOTAL - model.num_timesteps, callback=callback, reset_num_timesteps=False)
        assert different(reference, snapshot(model)) == []


def test_model_between_two_calls_of_learn_is_saved_and_goes_on(tmp_path: Path) -> None:
    """Without a callback: the second `learn()` ends as it would have without the interruption."""
    case = CASES["SAC"]
    whole = case.make().learn(40)
    save_run(whole, tmp_path / "run")
    model = resume(tmp_path / "run", case.env(), device="cpu")
    for each in (whole, model):
        streams = torch.get_rng_state(), np.random.get_state()
        each.learn(40, reset_num_timesteps=False)
        if each is whole:
            end = snapshot(whole)
            torch.set_rng_state(streams[0])
            np.random.set_state(streams[1])
    assert different(end, snapshot(model)) == []


def test_save_point_within_a_rollout_moves_to_its_end_and_says_so(tmp_path: Path) -> None:
    """Once; the name of the file has the step at which it was written."""
    with pytest.warns(MovedSavePoint, match="due at step 10 is written at step 16") as told:
        CASES["PPO"].make().learn(48, callback=ExactCheckpointCallback(10, str(tmp_path)))
    assert len(told) == 1
    names = {path.name for path in tmp_path.glob("*.zip")}
    assert names == {"rl_model_16_steps.zip", "rl_model_32_steps.zip", "rl_model_48_steps.zip"}
