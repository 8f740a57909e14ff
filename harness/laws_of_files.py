"""The law of damaged files: an error, or the very state of the intact file."""

from __future__ import annotations

import base64
import io
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.arms import Save
from harness.capture import capture
from harness.compare import Diff, compare
from harness.entries import read_entries
from harness.keypath import KeyPath
from harness.mismatch import Mismatch, MismatchKind
from harness.randomness import preserved_streams
from harness.snapshot import Snapshot
from harness.trial import Trial

_FLIPS = 6
_MAX_ENTRIES = 12


def damaged_files_fail(trial: Trial, save: Save) -> Diff:
    """Loads truncated, flipped and incomplete copies of a checkpoint; none may pass unnoticed."""
    intact = _loaded(trial, save.path)
    found: list[Mismatch] = []
    for name, content in _damages(save.path):
        target = trial.folder / "damaged" / save.path.name
        _copy_beside(save.path, target, content)
        try:
            loaded = _loaded(trial, target)
        except Exception:  # an error is what the law asks for, of whatever class
            continue
        if diff := trial.compare(intact, loaded):
            found.append(_unnoticed(name, str(diff.mismatches[0])))
    return Diff(mismatches=tuple(found))


def same_content(first: Path, second: Path) -> Diff:
    """How two checkpoints of this trial, with all files beside them, differ by entry."""
    found: list[Mismatch] = []
    for here in sorted(first.parent.glob(f"{first.stem}.*")):
        there = second.with_suffix(here.suffix if here == first else here.name[len(first.stem) :])
        found.extend(compare(_content(here), _content(there)).mismatches)
    return Diff(mismatches=tuple(found))


def _content(path: Path) -> Snapshot:
    entries = read_entries(path)
    return capture(_opened(entries.get(path.name, entries)))  # a file that is no archive


def _opened(content: Any) -> Any:
    """Pickles as what they hold: equal objects do not have equal pickles. Keys in order."""
    if isinstance(content, dict):
        if ":serialized:" in content:  # as SB3 writes objects into JSON
            return pickle.loads(base64.b64decode(content[":serialized:"]))
        return {key: _opened(content[key]) for key in sorted(content, key=str)}
    if isinstance(content, bytes):
        try:
            return pickle.loads(content)
        except Exception:  # no pickle
            return content
    return content


def _loaded(trial: Trial, path: Path) -> Snapshot:
    with preserved_streams():
        return trial.capture(trial.load(path))


def _copy_beside(source: Path, target: Path, content: bytes) -> None:
    target.parent.mkdir(exist_ok=True)
    for sibling in source.parent.glob(f"{source.stem}.*"):
        if sibling.is_file():
            (target.parent / sibling.name).write_bytes(sibling.read_bytes())
    target.write_bytes(content)


def _damages(path: Path) -> Iterator[tuple[str, bytes]]:
    if not path.is_file():
        return
    content = path.read_bytes()
    yield "no content", b""
    yield "the first half", content[: len(content) // 2]
    yield "the last byte cut", content[:-1]
    for number in range(_FLIPS):
        place = (2 * number + 1) * len(content) // (2 * _FLIPS)
        flipped = bytes((content[place] ^ 0x10,))
        yield f"byte {place} flipped", content[:place] + flipped + content[place + 1 :]
    if zipfile.is_zipfile(path):
        yield from _incomplete(path)


def _incomplete(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for missing in sorted(entries)[:_MAX_ENTRIES]:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in entries.items():
                if name != missing:
                    archive.writestr(name, content)
        yield f"without {missing}", stream.getvalue()


def _unnoticed(damage: str, difference: str) -> Mismatch:
    return Mismatch(
        keypath=KeyPath("checkpoint", (damage,)),
        kind=MismatchKind.VALUE,
        type_name="file",
        expected="an error, or the state of the intact file",
        got=f"another state, in silence: {difference}",
    )
