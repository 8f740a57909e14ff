"""A directory of checkpoints: which one is the latest that verifies, and which ones may go.

The order of saving is: the checkpoint (`write`), then `write_latest`, then `retain`. A crash
between any two of these leaves a directory whose newest verified checkpoint is an acknowledged one
or the new one.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Final

from ..errors import CheckpointError, NoCheckpoint
from .archive import MARK, SEAL_SIZE
from .atomic import DISK, FileOperations, atomic_write
from .container import verify

LATEST: Final = "latest"
"""The pointer: a text file with the name of one checkpoint."""

SUFFIX: Final = ".zip"
SHORTEST_HISTORY: Final = 2

logger = logging.getLogger(__name__)

Directory = str | os.PathLike[str]


def write_latest(directory: Directory, name: str, *, operations: FileOperations = DISK) -> None:
    """Points to the checkpoint `name` as the latest of `directory`, atomically and durably.

    Raises:
        ValueError: `name` is not the plain name of a checkpoint file.
    """
    if not is_plain(name, SUFFIX):
        raise ValueError(
            f"expected the plain name of a {SUFFIX} file, got name={name!r}; pass Path(path).name."
        )
    text = f"{name}\n".encode()
    atomic_write(Path(directory) / LATEST, lambda file: file.write(text), operations=operations)


def is_plain(name: object, suffix: str) -> bool:
    """Returns whether a name has the suffix, and leads to no other directory."""
    if not isinstance(name, str):
        return False
    return name.endswith(suffix) and Path(name).name == name and "\\" not in name


def find_latest(directory: Directory) -> Path:
    """Returns the newest checkpoint of `directory` that verifies.

    That is the one that `latest` names, else the others by time of writing, the newest first. Each
    one that is skipped is logged as a warning with the reason.

    Raises:
        NoCheckpoint: none verifies; the message lists what was tried.
    """
    problems = []
    for path in _by_age(Path(directory)):
        problem = _problem(path)
        if problem is None:
            return path
        problems.append(f"{path.name}: {problem}")
        logger.warning("skipped the checkpoint %s: %s", path, problem)
    raise NoCheckpoint(
        f"expected a checkpoint that verifies in {str(directory)!r}, got "
        f"{'; '.join(problems) or 'no ' + SUFFIX + ' file'}; check the directory or start anew."
    )


def retain(
    directory: Directory,
    *,
    keep: int = SHORTEST_HISTORY,
    prefix: str = "",
    operations: FileOperations = DISK,
) -> list[Path]:
    """Deletes the checkpoints older than the newest `keep` that verify; returns the deleted.

    Files that are not checkpoints of this project stay, whatever their age. Nothing is deleted
    before the names of the newer ones are on the disk.

    Args:
        directory: where the checkpoints are.
        keep: how many to keep, at least 2, so that one damaged file does not end the run.
        prefix: only files that SB3's callbacks name after it count, `PREFIX_STEPS_steps.zip`, and
            only they are deleted; any name if it is empty.
        operations: the operations on the disk; tests pass their own.

    Raises:
        ValueError: `keep` is below 2.
    """
    if keep < SHORTEST_HISTORY:
        raise ValueError(
            f"expected keep >= {SHORTEST_HISTORY}, got keep={keep}; a single checkpoint has no "
            "fallback."
        )
    verified = 0
    surplus = []
    for path in _by_age(Path(directory), prefix):
        if verified < keep:
            verified += _problem(path) is None
        elif _is_ours(path):
            surplus.append(path)
    if surplus:
        operations.sync_directory(Path(directory))
    for path in surplus:
        operations.remove(path)
    return surplus


def _by_age(directory: Path, prefix: str = "") -> list[Path]:
    """Returns the checkpoint files: the one that `latest` names, then the newest first."""
    pointed = _read_latest(directory)
    # in full: a prefix may be the beginning of another run's
    own = re.compile(rf"{re.escape(prefix)}_\d+_steps{re.escape(SUFFIX)}" if prefix else ".*")
    files = (path for path in directory.iterdir() if own.fullmatch(path.name))
    found = [path for path in files if is_plain(path.name, SUFFIX) and path.is_file()]
    return sorted(
        found,
        key=lambda path: (path.name == pointed, path.stat().st_mtime_ns, path.name),
        reverse=True,
    )


def _read_latest(directory: Path) -> str | None:
    try:
        return (directory / LATEST).read_text("utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        logger.info("no readable pointer to the latest checkpoint: %s", error)
        return None


def _problem(path: Path) -> str | None:
    try:
        verify(path)
    except (CheckpointError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _is_ours(path: Path) -> bool:
    """Returns whether the file ends like a checkpoint; whether it is intact does not matter."""
    size = len(MARK) + SEAL_SIZE
    with path.open("rb") as file:
        file.seek(-min(size, path.stat().st_size), os.SEEK_END)
        return file.read().startswith(MARK)
