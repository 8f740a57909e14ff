"""What does not fit is one clear error, and neither the environment nor a stream has moved."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import stable_baselines3 as sb3
from resumeproof.algo import (
    DamagedCheckpoint,
    ExactCheckpointCallback,
    MismatchedCheckpoint,
    MovedSavePoint,
    UnsavableEnvironment,
    resume,
    save_run,
)
from resumeproof.algo.checkpoint import read, write
from resumeproof.algo.stock.segments import with_segments as put_together
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

from audit.cases import CARTPOLE, CASES, OFF, PENDULUM, short
from tests.algo.runs import different, touched

pytestmark = pytest.mark.filterwarnings(f"ignore::{MovedSavePoint.__module__}.MovedSavePoint")


@pytest.fixture(name="run")
def _run(tmp_path: Path) -> Path:
    save_run(CASES["PPO"].make().learn(32), tmp_path / "run")
    return tmp_path / "run.zip"


def rewritten(path: Path, change: Callable[[Any], None]) -> None:
    """The file with another content, intact for all that it can know."""
    manifest, tree = read(path)
    change(tree)
    write(path, tree, kind=manifest["kind"])


@pytest.mark.parametrize(
    ("env", "arguments", "message"),
    [
        (short(CARTPOLE), {"algorithm": sb3.A2C}, r"a run of .*A2C, got one of .*PPO"),
        (short(PENDULUM), {}, "observation_space of the environment is"),
        (short(CARTPOLE, 2), {}, "expected 1 environments, as the run has, got 2"),
        (short(CARTPOLE, stack=True), {}, "observation_space of the environment is"),
        (lambda: DummyVecEnv([lambda: gym.make(CARTPOLE)]), {}, "same wrappers in the same order"),
    ],
)
def test_another_run_is_refused(run: Path, env: Any, arguments: Any, message: str) -> None:
    """Another algorithm, other spaces, another number of environments, other wrappers."""
    other = env()
    repr(other.observation_space)  # which a space keeps
    before = touched(other)
    with pytest.raises(MismatchedCheckpoint, match=message):
        resume(run, other, device="cpu", **arguments)
    assert different(before, touched(other)) == []


def test_argument_that_the_algorithm_does_not_have_is_refused(run: Path) -> None:
    """With those that it has."""
    with pytest.raises(TypeError, match=r"unknown arguments \['depth'\].*clip_range"):
        resume(run, short(CARTPOLE)(), device="cpu", depth=3)


def test_file_of_another_library_version_is_refused_unless_accepted(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bits may differ, and the message says which version wrote it."""
    monkeypatch.setattr(sb3, "__version__", "1.0")
    from resumeproof.algo.checkpoint.file.manifest import libraries

    libraries.cache_clear()
    try:
        with pytest.raises(MismatchedCheckpoint, match=r"stable_baselines3 .* \(here 1\.0\)"):
            resume(run, short(CARTPOLE)(), device="cpu")
        assert resume(run, short(CARTPOLE)(), device="cpu", other_versions=True).num_timesteps == 32
    finally:
        libraries.cache_clear()


def test_missing_part_is_named(run: Path) -> None:
    """And an unknown one."""
    rewritten(run, lambda tree: tree["parts"].pop("streams"))
    with pytest.raises(MismatchedCheckpoint, match=r"misses \['streams'\]"):
        resume(run, short(CARTPOLE)(), device="cpu")


def test_schedule_of_ones_own_must_be_passed_again(tmp_path: Path) -> None:
    """A checkpoint holds no code; what is passed takes its place."""
    model = sb3.PPO("MlpPolicy", short(CARTPOLE)(), learning_rate=lambda p: p * 1e-3, device="cpu")
    save_run(model, tmp_path / "run")
    with pytest.raises(MismatchedCheckpoint, match=r"resume\(path, env, learning_rate=\.\.\.\)"):
        resume(tmp_path / "run", short(CARTPOLE)(), device="cpu")
    again = resume(
        tmp_path / "run", short(CARTPOLE)(), device="cpu", learning_rate=lambda p: p * 1e-3
    )
    assert again.lr_schedule(0.5) == 5e-4


def test_other_callbacks_are_refused_before_the_first_step(tmp_path: Path) -> None:
    """Their state has nobody to return to."""
    CASES["PPO"].make().learn(48, callback=ExactCheckpointCallback(16, str(tmp_path)))
    model = resume(tmp_path, CASES["PPO"].env(), device="cpu")
    other = [ExactCheckpointCallback(16, str(tmp_path)), EvalCallback(CASES["PPO"].env())]
    with pytest.raises(MismatchedCheckpoint, match=r"callbacks of the run.*EvalCallback"):
        model.learn(48, callback=other, reset_num_timesteps=False)
    assert model.num_timesteps == 48


def test_run_that_would_begin_anew_is_refused(tmp_path: Path) -> None:
    """`reset_num_timesteps=True`, which is the default of `learn()`."""
    callback = ExactCheckpointCallback(16, str(tmp_path))
    CASES["PPO"].make().learn(48, callback=callback)
    model = resume(tmp_path, CASES["PPO"].env(), device="cpu")
    with pytest.raises(ValueError, match="reset_num_timesteps=False"):
        model.learn(48, callback=ExactCheckpointCallback(16, str(tmp_path)))


def test_environment_that_cannot_be_saved_is_refused_before_training(tmp_path: Path) -> None:
    """Unless it is left out on purpose: then the run goes on from a new episode, and says so."""
    env = SubprocVecEnv([lambda: gym.make(CARTPOLE)])
    try:
        model = sb3.A2C("MlpPolicy", env, device="cpu", seed=1)
        with pytest.raises(UnsavableEnvironment, match="SubprocVecEnv"):
            model.learn(20, callback=ExactCheckpointCallback(5, str(tmp_path)))
        assert model.num_timesteps == 0
        callback = ExactCheckpointCallback(5, str(tmp_path), exclude=["environment"])
        model.learn(20, callback=callback)
        with pytest.warns(match="not exact; it lacked"):
            again = resume(tmp_path, env, device="cpu")
        again.learn(
            5,
            callback=ExactCheckpointCallback(5, str(tmp_path), exclude=["environment"]),
            reset_num_timesteps=False,
        )
        assert again.num_timesteps == 25
    finally:
        env.close()


def with_segments(folder: Path) -> Any:
    """A run whose buffer is large enough for files of its own."""
    options = {**OFF, "buffer_size": 60_000}
    model = sb3.DQN("MlpPolicy", short(CARTPOLE)(), device="cpu", seed=1, **options)
    return model.learn(60, callback=ExactCheckpointCallback(20, str(folder)))


def test_rows_of_a_large_buffer_are_written_once(tmp_path: Path) -> None:
    """Each segment after the first holds what was added, and all of them make the buffer."""
    whole = with_segments(tmp_path)
    sizes = sorted(path.stat().st_size for path in tmp_path.glob("*.rows"))
    assert len(sizes) == 3
    assert sizes[-1] < 10_000
    model = resume(tmp_path, short(CARTPOLE)(), device="cpu")
    buffers = [vars(each.replay_buffer) for each in (whole, model)]
    for name in ("observations", "actions", "rewards", "dones", "timeouts", "next_observations"):
        assert buffers[0][name].tobytes() == buffers[1][name].tobytes()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, "got no such file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "expected SHA-256"),
        (lambda path: path.write_bytes(path.read_bytes() + b"0"), "expected SHA-256"),
    ],
)
def test_segment_that_is_not_the_one_that_was_written_is_an_error(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    """Missing, cut off or longer."""
    with_segments(tmp_path)
    damage(sorted(tmp_path.glob("*.rows"))[0])
    with pytest.raises(DamagedCheckpoint, match=message):
        resume(tmp_path, short(CARTPOLE)(), device="cpu")


@pytest.mark.parametrize("name", ["../outside.rows", "/etc/passwd", "", 7, "run.zip"])
def test_segment_is_looked_for_beside_the_checkpoint_only(tmp_path: Path, name: Any) -> None:
    """Whatever name a forged file gives."""
    (tmp_path / "outside.rows").write_bytes(b"")
    buffers = {"replay_buffer": {}, "segments": [{"name": name, "sha256": ""}]}
    with pytest.raises(DamagedCheckpoint, match="expected the name of a file of rows"):
        put_together(buffers, tmp_path / "folder")


def test_segments_that_no_checkpoint_names_are_deleted(tmp_path: Path) -> None:
    """With `keep`; those of the kept ones stay."""
    options = {**OFF, "buffer_size": 60_000}
    model = sb3.DQN("MlpPolicy", short(CARTPOLE)(), device="cpu", seed=1, **options)
    (tmp_path / "rl_model_0_0123456789ab.rows").write_bytes(b"left by a crash")
    others = tmp_path / "rl_model_2_0_0123456789ab.rows", tmp_path / "rl_model_notes.rows"
    for other in others:
        other.write_bytes(b"of a run called rl_model_2, and of the user's own")
    model.learn(80, callback=ExactCheckpointCallback(20, str(tmp_path), keep=2))
    assert len(list(tmp_path.glob("*.zip"))) == 2
    assert not (tmp_path / "rl_model_0_0123456789ab.rows").exists()
    assert all(other.exists() for other in others)
    assert resume(tmp_path, short(CARTPOLE)(), device="cpu").num_timesteps == 80


def test_file_of_this_projects_own_algorithm_is_told_apart(tmp_path: Path) -> None:
    """It has a `load` of its own."""
    from tests.algo.small import make_model

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_model().save(tmp_path / "run")
    with pytest.raises(MismatchedCheckpoint, match=r"DistributionalPPO\.load"):
        resume(tmp_path / "run", short(CARTPOLE)(), device="cpu")
