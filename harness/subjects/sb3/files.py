"""What SB3 writes beside the checkpoint: files of their own, and a folder for its logs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from ...core.errors import Unsupported

REPLAY, STATISTICS = "replay", "vecnormalize"
_LOGS = "SB3_LOGDIR"


def save_beside(live: BaseAlgorithm, target: Any) -> None:
    """Replay buffer and `VecNormalize`, as SB3's documentation saves them."""
    for suffix, save in _extras(live).items():
        save(beside(target, suffix))


def load_replay_buffer(model: BaseAlgorithm, source: Any) -> None:
    """Puts back the replay buffer of a model that has one."""
    if isinstance(model, OffPolicyAlgorithm):
        path = beside(source, REPLAY)
        if isinstance(model.replay_buffer, HerReplayBuffer):
            # the run goes on in the episode in which it was saved, as far as its buffer knows
            model.load_replay_buffer(path, truncate_last_traj=False)
        else:
            model.load_replay_buffer(path)


def _extras(live: BaseAlgorithm) -> dict[str, Callable[[Path], None]]:
    extras: dict[str, Callable[[Path], None]] = {}
    if isinstance(live, OffPolicyAlgorithm):
        extras[REPLAY] = live.save_replay_buffer
    normalize = live.get_vec_normalize_env()
    if normalize is not None:
        extras[STATISTICS] = lambda path: normalize.save(str(path))
    return extras


def beside(target: Any, suffix: str) -> Path:
    """The file beside a checkpoint that holds one part.

    Raises:
        Unsupported: the checkpoint is no file, so that nothing can lie beside it.
    """
    if not isinstance(target, str | Path):
        raise Unsupported(
            f"SB3 saves its {suffix} to a file of its own: expected a path, got "
            f"{type(target).__name__}; choose medium='file'"
        )
    return Path(target).with_suffix(f".{suffix}.pkl")


@contextmanager
def no_folder_left() -> Iterator[None]:
    """Every call of `learn()` makes a folder, also where nothing is logged; here it is removed.

    A folder of the user's own, in `SB3_LOGDIR`, stays as it is.
    """
    if os.environ.get(_LOGS) is not None:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="resumeproof-", ignore_cleanup_errors=True) as folder:
        os.environ[_LOGS] = folder
        try:
            yield
        finally:
            os.environ.pop(_LOGS, None)
