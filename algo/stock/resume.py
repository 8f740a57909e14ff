"""`save_run` and `resume`: a run of any algorithm in one file, and the model that goes on."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from ..checkpoint import MismatchedCheckpoint, NoCheckpoint, write
from ..checkpoint.file.directory import find_latest
from ..run_state.callbacks import CallbackRun
from ..run_state.graph.shape import name_of
from ..run_state.missing import InexactResume, warn_of_missing
from ..saving.paths import existing, with_suffix
from .loop import class_of, watch
from .parts import prepare_parts
from .run import (
    Moment,
    algorithm_named,
    build,
    read_run,
    require_same_libraries,
    run_tree,
    with_passed,
)
from .segments import with_segments

EXCLUDABLE = ("environment",)


def save_run(model: BaseAlgorithm, path: str | Path, exclude: Iterable[str] = ()) -> None:
    """Writes a model between two calls of `learn()` as one checkpoint, atomically.

    Within a `learn()` that is `ExactCheckpointCallback`'s to do. The model may be of any algorithm
    of Stable-Baselines3 or sb3-contrib; `resume(path, env)` makes it again.

    Args:
        model: with its environment.
        path: the file; ".zip" is added where the name has no suffix.
        exclude: "environment", for a run that shall go on from a new episode.

    Raises:
        CheckpointError: part of the run cannot be saved; says which and what to write.
        ValueError: `exclude` names something else.
    """
    target = with_suffix(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    excluded = require_excludable(exclude)
    tree = run_tree(model, Moment(callbacks={}), excluded)
    write(target, tree, kind=class_of(model).__name__, missing=list(excluded))


def require_excludable(exclude: Iterable[str]) -> tuple[str, ...]:
    """Returns the names as a tuple.

    Raises:
        ValueError: one of them is none that a run can do without.
    """
    excluded = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    if not set(excluded) <= set(EXCLUDABLE):
        raise ValueError(
            f"exclude={list(excluded)}: expected some of {list(EXCLUDABLE)}, the run cannot go on "
            "without any other part"
        )
    return excluded


def resume(
    path: str | Path,
    env: Any,
    *,
    algorithm: type[BaseAlgorithm] | None = None,
    device: Any = "auto",
    other_versions: bool = False,
    **passed_again: Any,
) -> Any:
    """Returns the model of a checkpoint, which goes on bit for bit as the run that never stopped.

    `model.learn(total - model.num_timesteps, callback=..., reset_num_timesteps=False)` with
    callbacks built as they were ends as that run did.

    Args:
        path: a file that `ExactCheckpointCallback` or `save_run` wrote, or the directory of the
            callback, whose latest one is meant.
        env: an environment built like the run's; it gets back the state that it had.
        algorithm: the class, where it is not imported or is your own.
        device: where the networks go.
        other_versions: accept a file that was written with other libraries, whose bits may differ.
        **passed_again: arguments that held code of your own, such as `learning_rate=schedule`.

    Raises:
        CheckpointError: the file is damaged or does not fit what was passed; neither `env` nor a
            random stream has been touched.
        TypeError: an argument is none of the algorithm's.
    """
    source = _file_of(path)
    content = Path(source).read_bytes()
    manifest, tree = read_run(io.BytesIO(content))
    if not other_versions:
        require_same_libraries(manifest)
    cls = algorithm or algorithm_named(tree["algorithm"])
    _require_same(cls, tree["algorithm"])
    tree["parts"]["buffers"] = with_segments(tree["parts"]["buffers"], source.parent)
    model = build(cls, tree, env, device, dict(passed_again))
    prepare_parts(model, with_passed(tree, passed_again))()
    if "environment" not in tree["parts"]:
        model._last_obs = None
    told = "this run goes on from a checkpoint that was not exact; it lacked"
    warn_of_missing(manifest["missing"], InexactResume, told, stacklevel=2)
    if tree["at_loop_head"]:
        watch(model).take_up = _take_up(model, content, passed_again)
    return model


def _file_of(path: str | Path) -> Path:
    if Path(path).is_dir():
        return find_latest(path)
    found = Path(existing(path))
    if not found.is_file():
        raise NoCheckpoint(f"expected a checkpoint at {str(path)!r}, got no such file")
    return found


def _require_same(cls: type, name: str) -> None:
    if name_of(cls) != name:
        raise MismatchedCheckpoint(
            f"expected a run of {name_of(cls)}, got one of {name}: resume it with the class that "
            "wrote it"
        )


def _take_up(model: Any, content: bytes, given: dict[str, Any]) -> Callable[[CallbackRun], None]:
    """Puts the run in place once more, when `learn()` has started whatever it starts."""

    def apply(callbacks: CallbackRun) -> None:
        _, tree = read_run(io.BytesIO(content))
        parts = with_passed(tree, given)
        parts.pop("buffers")  # nobody moves them before the first step
        saved = parts["attributes"].pop("num_timesteps")
        if model.num_timesteps != saved:
            raise ValueError(
                f"expected learn(..., reset_num_timesteps=False) after resume(), got a run that "
                f"begins anew at {model.num_timesteps} and not at {saved}"
            )
        parts["attributes"].pop("_total_timesteps")  # what the caller asks for wins
        begins_anew = "environment" not in parts
        if begins_anew:
            parts["attributes"].pop("_last_obs")
        _require_same_callbacks(callbacks, tree["callbacks"])
        prepare_parts(model, parts)()
        callbacks.prepare(tree["callbacks"])()
        for name, values in tree["log"].items():
            getattr(model.logger, name).update(values)

    return apply


def _require_same_callbacks(callbacks: CallbackRun, saved: dict[str, Any]) -> None:
    here = sorted(callbacks.save())
    if here != sorted(saved):
        raise MismatchedCheckpoint(
            f"expected learn(callback=...) with the callbacks of the run, {sorted(saved)}, got "
            f"{here}: pass them built as they were"
        )


def tree_at_head(model: Any, callbacks: CallbackRun, excluded: tuple[str, ...]) -> dict[str, Any]:
    """Returns what a checkpoint of a run within `learn()` holds."""
    moment = Moment(callbacks=callbacks.save(), at_loop_head=True)
    return run_tree(model, moment, excluded)
