"""Exact resume: a run saved at any step and resumed in a new process equals the one that went on.

Contract:
- every environment step can be a save point, and so can every callback hook;
- nothing is compared but bits: every parameter, moment, stream, buffer and environment variable.
"""

from __future__ import annotations

import multiprocessing
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.checkpoint import encode
from resumeproof.algo.maths.schedules import Linear
from resumeproof.algo.saving.registry import PARTS, save_parts
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CheckpointCallback,
    EvalCallback,
    EveryNTimesteps,
)
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv

from tests.algo.small import make_env, make_model

WHAT_ENDS_EQUAL = [part.name for part in PARTS if part.name not in ("loop", "declared")]


class SaveAt(BaseCallback):
    """Saves the run when it has done a given number of environment steps."""

    def __init__(self, timesteps: int, path: Path) -> None:
        super().__init__()
        self.at, self.path = timesteps, path

    def _on_step(self) -> bool:
        if self.num_timesteps == self.at:
            self.model.save(self.path)
        return True


def bits(model: DistributionalPPO) -> dict[str, Any]:
    """Everything a run ends with, in the closed schema: JSON and raw bytes, by part."""
    result = {}
    for name, state in save_parts(model, WHAT_ENDS_EQUAL).items():
        if name == "episodes":
            state = [[(e["r"], e["l"]) for e in model.ep_info_buffer], len(model.ep_info_buffer)]
        tree, arrays = encode(_without_clock(state))
        result[name] = [tree, {k: bytes(v.data) for k, v in arrays.items()}]
    return result


def _without_clock(state: Any) -> Any:
    """Wall-clock seconds, and where this learn() began to count its frames, may differ."""
    clock = ("t_start", "episode_times", "t", "_num_timesteps_at_start")
    if isinstance(state, dict):
        return {k: _without_clock(v) for k, v in state.items() if k not in clock}
    if isinstance(state, (list, tuple)):
        return type(state)(_without_clock(v) for v in state)
    return state


def different(left: dict[str, Any], right: dict[str, Any]) -> list[str]:
    """The names of the parts that are not equal."""
    return [name for name in left if left[name] != right[name]]


def poison() -> None:
    """Leaves no global stream where a lucky resume could find it."""
    random.seed(91)
    np.random.seed(92)
    torch.manual_seed(93)


CASES = {
    "cartpole": ({}, {}),
    "cartpole-4": ({"n_envs": 4}, {}),
    "pendulum": ({"env_id": "Pendulum-v1"}, {}),
    "pendulum-4-normalized": ({"env_id": "Pendulum-v1", "n_envs": 4, "normalize": True}, {}),
    "cartpole-normalized": ({"normalize": True}, {}),
    "schedules": ({}, {"learning_rate": lambda p: 1e-3 * p, "clip_range": Linear(0.3, 0.1, 1.0)}),
    "categorical-clipped": (
        {},
        {"critic": "categorical", "critic_kwargs": {"n_atoms": 7}, "clip_range_vf": 0.2},
    ),
    "scalar-adam": (
        {},
        {
            "critic": "scalar",
            "critic_kwargs": None,
            "optimizer": "adam",
            "twin_critics": False,
            "vgs": False,
            "vgs_kwargs": None,
        },
    ),
    "upgd-gsde": (
        {"env_id": "Pendulum-v1"},
        {"optimizer": "upgd", "use_sde": True, "sde_sample_freq": 4},
    ),
}


def resume(path: Path, env: VecEnv, total: int, callback: Any = None, **code: Any) -> Any:
    """Poisons every stream, loads into a used environment, and finishes the run."""
    poison()
    env.reset()
    env.step(np.array([env.action_space.sample() for _ in range(env.num_envs)]))
    model = DistributionalPPO.load(path, env=env, device="cpu", **code)
    rest = total - model.num_timesteps
    return model.learn(rest, callback=callback, reset_num_timesteps=False)


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
    assert different(bits(uninterrupted), bits(resumed)) == []


def test_saving_changes_nothing(tmp_path: Path) -> None:
    """A run that saves at every step ends as one that never saves."""
    silent = make_model(make_env()).learn(64)
    saving = make_model(make_env())
    saving.learn(64, callback=CheckpointCallback(1, str(tmp_path)))
    assert len(list(tmp_path.glob("*.zip"))) == 64
    assert different(bits(silent), bits(saving)) == []


def test_every_step_of_a_run_is_a_save_point(tmp_path: Path) -> None:
    """Each of 64 checkpoints, one a step, leads to the same end."""
    whole = make_model(make_env())
    whole.learn(64, callback=CheckpointCallback(1, str(tmp_path)))
    expected = bits(whole)
    wrong = {
        at: found
        for at in range(1, 65)
        if (
            found := different(
                expected, bits(resume(tmp_path / f"rl_model_{at}_steps.zip", make_env(), 64))
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
    assert different(bits(whole), bits(resumed)) == []
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
    assert different(bits(whole), bits(resumed)) == []
    late = {f.name for f in first.glob("*.zip") if int(f.name.split("_")[1]) > 45}
    assert late == {f.name for f in second.glob("*.zip")}
    evaluation, again = passed[1], passed_again[1]
    assert isinstance(evaluation, EvalCallback)
    assert isinstance(again, EvalCallback)
    assert evaluation.evaluations_results == again.evaluations_results
    assert evaluation.best_mean_reward == again.best_mean_reward


def _finish_in_new_process(path: Path, env_options: dict[str, Any], queue: Any) -> None:
    queue.put(bits(resume(path, make_env(**env_options), 96)))


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
    assert different(bits(whole), resumed) == []


@pytest.mark.parametrize("cycles", [2, 5])
def test_several_cycles_without_a_step_between_change_nothing(cycles: int, tmp_path: Path) -> None:
    """Saved and loaded again and again, the run still ends as if it had never stopped."""
    whole = make_model(make_env()).learn(64, callback=SaveAt(24, tmp_path / "0.zip"))
    for cycle in range(1, cycles):
        model = DistributionalPPO.load(tmp_path / f"{cycle - 1}.zip", env=make_env(), device="cpu")
        model.save(tmp_path / f"{cycle}.zip")
    resumed = resume(tmp_path / f"{cycles - 1}.zip", make_env(), 64)
    assert different(bits(whole), bits(resumed)) == []


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
    assert different(bits(whole), bits(model)) == []


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
    assert different(bits(whole), bits(resumed)) == []
