"""Where a checkpoint of that name is: with the suffix that Stable-Baselines3 adds, or as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..checkpoint import NoCheckpoint


def with_suffix(path: str | Path) -> Path:
    """The path of the file, with ".zip" added where the name has no suffix."""
    path = Path(path)
    return path if path.suffix else path.with_name(f"{path.name}.zip")


def existing(path: Any) -> Any:
    """The path of the file that is there, with or without ".zip"; a stream as it is.

    Raises:
        NoCheckpoint: there is no such file.
    """
    if not isinstance(path, (str, Path)) or Path(path).is_file():
        return path
    found = with_suffix(path)
    if not found.exists():
        raise NoCheckpoint(
            f"expected a checkpoint at {str(path)!r} or {str(found)!r}, got no such file: check "
            "the path, or look for the newest with find_latest(directory)"
        )
    return found
