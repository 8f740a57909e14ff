"""Which files make a checkpoint: what lies at its path, and beside it under its name.

| a subject that is told `folder/0-5.zip` may write | found |
|---|---|
| `0-5.zip`, a file | yes |
| `0-5.zip`, a folder | every file in it |
| `0-5.replay.pkl`, `0-5_model.pkl`, `0-5`, files or folders | yes |
| `0-50.zip`, which is another checkpoint | no |
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..core.errors import NotApplicable


def files_of(path: Path) -> dict[str, Path]:
    """Returns the files of the checkpoint at a path, by their names from its folder on."""
    files = [
        file
        for item in path.parent.iterdir()
        if _named_after(path.stem, item.name)
        for file in ([item] if item.is_file() else item.rglob("*"))
        if file.is_file()
    ]
    return {file.relative_to(path.parent).as_posix(): file for file in sorted(files)}


def required_files(name: str, path: Path) -> dict[str, Path]:
    """Returns the same, for a subject of this name, if there are any.

    Raises:
        NotApplicable: there are none, so that nothing could be looked at.
    """
    if files := files_of(path):
        return files
    raise NotApplicable(
        f"{name} wrote no file at {str(path)!r}, nor one beside it that is called "
        f"'{path.stem}...': write the checkpoint at the path that save() gets, or next to it under "
        "a name that begins so"
    )


def lay_out(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Makes a folder hold these files, and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.rglob("*"):
        if stale.is_file() and stale.relative_to(folder).as_posix() not in contents:
            stale.unlink()
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _named_after(stem: str, name: str) -> bool:
    return name.startswith(stem) and not name[len(stem) : len(stem) + 1].isdigit()
