"""The callback that saves the whole run, in place of Stable-Baselines3's `CheckpointCallback`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from stable_baselines3.common.callbacks import CheckpointCallback

from ..checkpoint import UnsupportedValue, serialize, write_pieces
from ..checkpoint.file.atomic import HURRIED
from ..checkpoint.file.directory import retain, write_latest
from ..run_state.callbacks import CallbackRun
from ..run_state.claims import Claim, ephemeral
from ..run_state.missing import InexactCheckpoint, collecting, warn_of_missing
from ..saving.tree import without_unstorable
from .loop import class_of, forget, watch
from .resume import require_excludable, tree_at_head
from .segments import Segments


class MovedSavePoint(UserWarning):
    """A checkpoint was due at a step at which the algorithm's loop cannot be taken up.

    You see it when: `save_freq` falls within a rollout; said once. The checkpoint was written
    before the next rollout, whose step its name has.
    """


class ExactCheckpointCallback(CheckpointCallback):
    """SB3's `CheckpointCallback`, whose checkpoints hold the whole run: see `resume`.

    Buffers and the statistics of `VecNormalize` are always in it. A due checkpoint is written when
    the loop is about to collect next, which is the moment at which it can be taken up; its name has
    the step of that moment. Large buffers are in files of their own, written once and then by what
    was added; the checkpoint holds together with them or not at all.

    Args:
        save_freq: save every so many calls; a call is one step of every environment.
        save_path: the directory; `resume(save_path, env)` takes the latest one.
        name_prefix: begins the names of the files.
        save_replay_buffer: accepted, for the buffer is always saved.
        save_vecnormalize: accepted, for the statistics are always saved.
        verbose: 2 says which file is written.
        keep: how many verified checkpoints stay, at least 2; None keeps all of them.
        exclude: "environment", where it cannot be saved: the run then goes on from a new episode.

    Raises:
        ValueError: `keep` is below 2, or `exclude` names another part.
        CheckpointError: when training starts, where part of the run cannot be saved; says which.
    """

    checkpoint_attributes: ClassVar[dict[str, Claim]] = {
        "_due": ephemeral("no checkpoint is due once it is being written"),
        "_warned": ephemeral("what has been said to this process"),
        "_segments": ephemeral("which files this process has written"),
        "_checked": ephemeral("whether this process has tried a save"),
    }

    def __init__(
        self,
        save_freq: int,
        save_path: str,
        name_prefix: str = "rl_model",
        save_replay_buffer: bool = False,
        save_vecnormalize: bool = False,
        verbose: int = 0,
        *,
        keep: int | None = None,
        exclude: Iterable[str] = (),
    ) -> None:
        super().__init__(
            save_freq, save_path, name_prefix, save_replay_buffer, save_vecnormalize, verbose
        )
        if keep is not None and keep < 2:
            raise ValueError(f"keep={keep}: expected at least 2, a single file has no fallback")
        self.keep = keep
        self.exclude = require_excludable(exclude)
        self._due: int | None = None
        self._warned = False
        self._checked = False
        self._segments = Segments(Path(save_path), name_prefix)

    def _init_callback(self) -> None:
        super()._init_callback()
        head = watch(self.model)
        head.savers[:] = [saver for saver in head.savers if saver != self._at_head]
        head.savers.append(self._at_head)
        self._due, self._checked = None, False

    def _on_step(self) -> bool:
        if self.n_calls % self.save_freq == 0 and self._due is None:
            self._due = self.num_timesteps
        return True

    def _on_training_end(self) -> None:
        callbacks = watch(self.model).callbacks
        if self._due is not None and callbacks is not None:
            self._at_head(callbacks)
        forget(self.model)

    def _at_head(self, callbacks: CallbackRun) -> None:
        if not self._checked:
            self._checked = True
            tree_at_head(self.model, callbacks, self.exclude)  # raises before the first step
        if self._due is not None:
            self._tell_moved(self._due)
            self._due = None
            self._write(callbacks)

    def _tell_moved(self, due: int) -> None:
        if self.num_timesteps != due and not self._warned:
            self._warned = True
            warnings.warn(
                f"a checkpoint due at step {due} is written at step {self.num_timesteps}: between "
                "rollouts is where this algorithm's loop can be taken up; it is so from now on",
                MovedSavePoint,
                stacklevel=2,
            )

    def _write(self, callbacks: CallbackRun) -> None:
        self.num_timesteps = self.model.num_timesteps
        path = Path(self._checkpoint_path(extension="zip"))
        pieces = self._serialized(callbacks)
        write_pieces(path, pieces)
        # without this pointer the newest file is the latest: it need not survive the power
        write_latest(path.parent, path.name, operations=HURRIED)
        if self.verbose >= 2:
            print(f"Saving run to {path}")  # noqa: T201  # as CheckpointCallback does
        if self.keep is not None:
            retain(path.parent, keep=self.keep, prefix=self.name_prefix)
            self._segments.retain()

    def _serialized(self, callbacks: CallbackRun) -> Any:
        """The checkpoint as buffers; never an end of the training: what it lacks is told."""
        kind = class_of(self.model).__name__
        with collecting() as missing:
            tree = tree_at_head(self.model, callbacks, self.exclude)
            tree["parts"]["buffers"] = self._segments.written(
                self.model, tree["parts"]["buffers"], self.n_calls
            )
            try:
                pieces = serialize(tree, kind=kind, missing=[*missing, *self.exclude])
            except UnsupportedValue:
                tree = without_unstorable(tree)
                pieces = serialize(tree, kind=kind, missing=[*missing, *self.exclude])
        told = "this run is not saved exactly: the file goes on from a new episode; it lacks"
        warn_of_missing(missing, InexactCheckpoint, told, stacklevel=4)
        return pieces
