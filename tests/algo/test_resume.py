"""Exact resume: a run saved at any step and resumed in a new process equals the one that went on.

Contract:
- every environment step can be a save point, and so can every callback hook;
- nothing is compared but bits: every parameter, moment, stream, buffer and environment variable.
"""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from resumeproof.algo import DistributionalPPO
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CheckpointCallback,
    EvalCallback,
    EveryNTimesteps,
)
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from tests.algo.runs import CASES, SaveAt, different, resume, snapshot
from tests.algo.small import make_env, make_model


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("at", [4, 20, 32, 44, 64])
def test_run_resumed_from_any_step_equals_the_run_that_never_stopped(
    name: str, at: int, tmp_path: Path
) -> None:
    """Saved before, in the middle of and at the end of a rollout, the resumed run ends equal."""
    env_options, options = CASES[name]
    total, path = 128, tmp_path / "run.zip"
    uninterrupted = make_model(make_env(**env_options), **options)
    uninterrupted.learn(total, callback=SaveAt(at, path))
    code = {key: value for key, value in options.items() if key == "learning_rate"}
    resumed = resume(path, make_env(**env_options), total, **code)
    assert different(snapshot(uninterrupted), snapshot(resumed)) == []


def test_saving_changes_nothing(tmp_path: Path) -> None:
    """A run that saves at every step ends as one that never saves."""
    silent = make_model(make_env()).learn(64)
    saving = make_model(make_env())
    saving.learn(64, callback=CheckpointCallback(1, str(tmp_path)))
    assert len(list(tmp_path.glob("*.zip"))) == 64
    assert different(snapshot(silent), snapshot(saving)) == []


def test_every_step_of_a_run_is_a_save_point(tmp_path: Path) -> None:
    """Each of 64 checkpoints, one a step, leads to the same end."""
    whole = make_model(make_env())
    whole.learn(64, callback=CheckpointCallback(1, str(tmp_path)))
    expected = snapshot(whole)
    wrong = {
        at: found
        for at in range(1, 65)
        if (
            found := different(
                expected, snapshot(resume(tmp_path / f"rl_model_{at}_steps.zip", make_env(), 64))
            )
        )
    }
    assert wrong == {}


@pytest.mark.parametrize("hook", ["_on_rollout_start", "_on_rollout_end", "_on_step"])
def test_run_saved_in_any_hook_resumes_exactly_and_calls_the_callbacks_after_it(
    hook: str, tmp_path: Path
) -> None:
    """The callbacks that had not been called yet when one saved the run are called on resume."""

    class Saver(BaseCallback):
        def _on_step(self) -> bool:
            return self._save("_on_step")

        def _on_rollout_start(self) -> None:
            self._save("_on_rollout_start")

        def _on_rollout_end(self) -> None:
            self._save("_on_rollout_end")

        def _save(self, where: str) -> bool:
            path = tmp_path / f"{hook}.zip"
            if where == hook and self.num_timesteps >= 32 and not path.exists():
                self.model.save(path)
            return True

    class Counter(BaseCallback):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Any] = []

        def _on_step(self) -> bool:
            self.seen.append((self.num_timesteps, float(self.locals["rewards"].sum())))
            return True

        def _on_rollout_start(self) -> None:
            self.seen.append("start")

        def _on_rollout_end(self) -> None:
            self.seen.append("end")

    counter = Counter()
    whole = make_model(make_env()).learn(96, callback=[Saver(), counter])
    resumed_counter = Counter()
    resumed = resume(tmp_path / f"{hook}.zip", make_env(), 96, [Saver(), resumed_counter])
    assert different(snapshot(whole), snapshot(resumed)) == []
    assert resumed_counter.seen == counter.seen


def test_callbacks_take_up_their_saved_state(tmp_path: Path) -> None:
    """After a resume, saves and evaluations fall on the same steps with the same results."""

    def callbacks(folder: Path) -> list[BaseCallback]:
        return [
            CheckpointCallback(7, str(folder), name_prefix="c"),
            EvalCallback(
                make_env(),
                eval_freq=10,
                n_eval_episodes=2,
                log_path=str(folder),
                deterministic=False,
                verbose=0,
            ),
            EveryNTimesteps(9, CheckpointCallback(1, str(folder), name_prefix="e")),
        ]

    first, second = tmp_path / "first", tmp_path / "second"
    passed = callbacks(first)
    whole = make_model(make_env()).learn(96, callback=[*passed, SaveAt(45, tmp_path / "run")])
    passed_again = callbacks(second)
    resumed = resume(
        tmp_path / "run.zip", make_env(), 96, [*passed_again, SaveAt(45, tmp_path / "run")]
    )
    assert different(snapshot(whole), snapshot(resumed)) == []
    late = {f.name for f in first.glob("*.zip") if int(f.name.split("_")[1]) > 45}
    assert late == {f.name for f in second.glob("*.zip")}
    evaluation, again = passed[1], passed_again[1]
    assert isinstance(evaluation, EvalCallback)
    assert isinstance(again, EvalCallback)
    assert evaluation.evaluations_results == again.evaluations_results
    assert evaluation.best_mean_reward == again.best_mean_reward


def _finish_in_new_process(path: Path, env_options: dict[str, Any], queue: Any) -> None:
    queue.put(snapshot(resume(path, make_env(**env_options), 96)))


@pytest.mark.parametrize("name", ["cartpole-4", "pendulum-4-normalized"])
def test_run_resumed_in_a_new_process_ends_equal(name: str, tmp_path: Path) -> None:
    """Nothing of the old interpreter is needed: loaded in a new one, the run ends equal."""
    env_options, options = CASES[name]
    path = tmp_path / "run.zip"
    whole = make_model(make_env(**env_options), **options).learn(96, callback=SaveAt(44, path))
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_finish_in_new_process, args=(path, env_options, queue))
    process.start()
    resumed = queue.get(timeout=120)
    process.join()
    assert different(snapshot(whole), resumed) == []


@pytest.mark.parametrize("cycles", [2, 5])
def test_several_cycles_without_a_step_between_change_nothing(cycles: int, tmp_path: Path) -> None:
    """Saved and loaded again and again, the run still ends as if it had never stopped."""
    whole = make_model(make_env()).learn(64, callback=SaveAt(24, tmp_path / "0.zip"))
    for cycle in range(1, cycles):
        model = DistributionalPPO.load(tmp_path / f"{cycle - 1}.zip", env=make_env(), device="cpu")
        model.save(tmp_path / f"{cycle}.zip")
    resumed = resume(tmp_path / f"{cycles - 1}.zip", make_env(), 64)
    assert different(snapshot(whole), snapshot(resumed)) == []


def test_remaining_timesteps_finish_the_run_that_was_saved(tmp_path: Path) -> None:
    """It counts to the total of the learn() that was saved, below zero in the last rollout."""
    make_model(make_env()).learn(40, callback=SaveAt(45, tmp_path / "run.zip"))
    model = DistributionalPPO.load(tmp_path / "run.zip", env=make_env(), device="cpu")
    assert model.remaining_timesteps == -5
    assert model.learn(model.remaining_timesteps, reset_num_timesteps=False).num_timesteps == 48


def test_loading_without_env_touches_no_stream_and_set_env_resumes(tmp_path: Path) -> None:
    """Prediction needs no environment; set_env(force_reset=False) then resumes exactly."""
    whole = make_model(make_env()).learn(64, callback=SaveAt(24, tmp_path / "run.zip"))
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    model = DistributionalPPO.load(tmp_path / "run.zip", device="cpu")
    model.predict(np.zeros(4, np.float32), deterministic=True)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()
    with pytest.raises(ValueError, match="learn\\(\\) needs an environment"):
        model.learn(8)
    model.set_env(make_env(), force_reset=False)
    model.learn(model.remaining_timesteps, reset_num_timesteps=False)
    assert different(snapshot(whole), snapshot(model)) == []


class Annealed(BaseFeaturesExtractor):
    """An extractor that counts its own passes outside parameters and buffers."""

    def __init__(self, observation_space: Any) -> None:
        super().__init__(observation_space, features_dim=4)
        self.passes = 0

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """The observations, scaled by a factor that depends on the count."""
        self.passes += 1
        return observations * (1.0 + 1.0 / self.passes)


def test_counter_in_a_module_of_the_users_own_is_state(tmp_path: Path) -> None:
    """What a custom features extractor counts in a plain attribute survives."""
    options = {"policy_kwargs": {"net_arch": [8], "features_extractor_class": Annealed}}
    whole = make_model(make_env(), **options).learn(64, callback=SaveAt(24, tmp_path / "run.zip"))
    code = {"policy_kwargs": {"features_extractor_class": Annealed}}
    resumed = resume(tmp_path / "run.zip", make_env(), 64, **code)
    assert different(snapshot(whole), snapshot(resumed)) == []
