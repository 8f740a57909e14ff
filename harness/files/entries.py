"""A checkpoint file as plain content, entry by entry. Nothing in it is ever executed.

| entry | read as |
|---|---|
| a zip of torch (`.pth`, `.pt`) | its tensors and plain values, `weights_only=True` |
| `.safetensors` | its tensors |
| JSON, by content | its data |
| any other zip | its entries |
| all else, pickles included | its bytes |
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.errors import InvalidTarget
from ..core.extras import needing_extras
from ..state.capture import capture
from ..state.compare import Diff, compare

_ZIP = b"PK\x03\x04"


def read_entries(path: Path) -> dict[str, Any]:
    """Returns the content of a file by entry; a file that is no archive is one entry.

    Raises:
        InvalidTarget: no such file, a folder, or an archive that is damaged.
    """
    if not path.is_file():
        reason = "a folder: compare its files one by one" if path.is_dir() else "no such file"
        raise InvalidTarget(f"expected a checkpoint file, got {str(path)!r}: {reason}")
    stored = path.read_bytes()
    try:
        if stored.startswith(_ZIP) and not zipfile.is_zipfile(io.BytesIO(stored)):
            raise zipfile.BadZipFile("it begins as a zip and has no end")
        content = decoded(path.name, stored)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InvalidTarget(
            f"expected a whole checkpoint file, got {str(path)!r} of {len(stored)} bytes: {error}; "
            "it is truncated or damaged, take another copy or save it again"
        ) from error
    return content if isinstance(content, dict) else {path.name: content}


def decoded(name: str, content: bytes) -> Any:
    """Returns the data in the bytes of an entry, or the bytes where no safe reader knows them."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        return _zip(content)
    if name.endswith(".safetensors"):
        with needing_extras(f"reading {name}"):
            from safetensors.torch import load

        return load(content)
    try:
        return json.loads(content)
    except (UnicodeDecodeError, json.JSONDecodeError):
        return content


def _zip(content: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = sorted(archive.namelist())
        if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
            return _torch(content)
        return {name: decoded(name, archive.read(name)) for name in names}


def _torch(content: bytes) -> Any:
    import pickle

    import torch

    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError):  # holds more than tensors and plain values
        return content


def compare_files(expected: Path, got: Path) -> Mapping[str, Diff]:
    """Returns what differs, by entry, in the order of names; equal entries have an empty Diff.

    Raises:
        InvalidTarget: one of the files does not exist, or is a damaged archive.
    """
    sides = read_entries(expected), read_entries(got)
    if all(len(side) == 1 for side in sides):
        sides = sides[0], dict(zip(sides[0], sides[1].values(), strict=True))  # names may differ
    return {name: _difference(name, *sides) for name in sorted({*sides[0], *sides[1]})}


def _difference(name: str, expected: Mapping[str, Any], got: Mapping[str, Any]) -> Diff:
    wanted, there = ({name: side[name]} if name in side else {} for side in (expected, got))
    return compare(capture(wanted), capture(there))
