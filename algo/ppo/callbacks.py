"""Callbacks for runs that must survive a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import CheckpointCallback

from ..checkpoint.file.directory import retain, write_latest


class LatestCheckpointCallback(CheckpointCallback):
    """SB3's `CheckpointCallback` that also says which file is the latest, and keeps only a few.

    After each save, once the file is safe on the disk, `latest` in the same directory names it, and
    older files with the same prefix are deleted: `DistributionalPPO.load(find_latest(path), env)`.

    Args:
        save_freq: save every so many calls; a call is one step of every environment.
        save_path: the directory.
        keep: how many verified checkpoints stay, at least 2.
        **arguments: the others of `CheckpointCallback`.

    Raises:
        ValueError: `keep` is below 2.
    """

    def __init__(self, save_freq: int, save_path: str, keep: int = 2, **arguments: Any) -> None:
        super().__init__(save_freq, save_path, **arguments)
        if keep < 2:
            raise ValueError(f"keep={keep}: expected at least 2, a single file has no fallback")
        self.keep = keep

    def _on_step(self) -> bool:
        super()._on_step()
        path = Path(self._checkpoint_path(extension="zip"))
        if self.n_calls % self.save_freq == 0:
            write_latest(path.parent, path.name)
            retain(path.parent, keep=self.keep, prefix=self.name_prefix)
        return True
