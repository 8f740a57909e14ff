"""The laws of files: saved again they say the same, and damaged ones never pass unnoticed."""

from __future__ import annotations

import base64
import dataclasses
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.keypath import KeyPath
from ..core.randomness import preserved_streams
from ..files.damages import damages_of_files
from ..files.entries import read_entries
from ..files.paths import files_of, lay_out, required_files
from ..state.capture import capture
from ..state.compare import Diff, compare
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from ..trial.trial import Trial


def idempotence(trial: Trial) -> Diff:
    """What is saved right after a load has the content of what was loaded, entry by entry.

    Raises:
        NotApplicable: no file of the checkpoint can be found.
    """
    first = trial.saving[0].path
    required_files(trial.subject.name, first)
    again = trial.folder / "again" / first.name  # the same name: files may say their own
    lay_out(again.parent, {})
    with preserved_streams():
        trial.subject.save(trial.load(first), again)
    return _same_content(first, again)


def damaged_files_fail(trial: Trial) -> Diff:
    """Loads truncated, flipped and incomplete copies of a checkpoint; none may pass unnoticed.

    Raises:
        NotApplicable: no file of the checkpoint can be found.
    """
    path = trial.saving[0].path
    files = required_files(trial.subject.name, path)
    contents = {name: file.read_bytes() for name, file in files.items()}
    target = trial.folder / "damaged" / path.name
    intact = _loaded(trial, target, contents)
    found: list[Mismatch] = []
    for damage, damaged in damages_of_files(contents, path.name):
        try:
            loaded = _loaded(trial, target, damaged)
        except Exception:  # an error is what the law asks for, of whatever class
            continue
        if diff := trial.compare(intact, loaded):
            found.append(_unnoticed(damage, str(diff.mismatches[0])))
    return Diff(mismatches=tuple(found))


def _same_content(first: Path, second: Path) -> Diff:
    here, there = files_of(first), files_of(second)
    found: list[Mismatch] = []
    for name in sorted({*here, *there}):
        if name not in here or name not in there:
            found.append(_of_one_side(name, name in here))
            continue
        above = () if name == first.name else ((name,),)
        for mismatch in compare(_content(here[name]), _content(there[name])).mismatches:
            keypath = KeyPath(*above, *mismatch.keypath.segments)
            found.append(dataclasses.replace(mismatch, keypath=keypath))
    return Diff(mismatches=tuple(found))


def _of_one_side(name: str, expected: bool) -> Mismatch:
    return Mismatch(
        keypath=KeyPath((name,)),
        kind=MismatchKind.MISSING if expected else MismatchKind.UNEXPECTED,
        type_name="file",
        expected="a file, as the first save wrote" if expected else "no such file",
        got="no such file" if expected else "a file that only the second save wrote",
    )


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


def _loaded(trial: Trial, path: Path, contents: Mapping[str, bytes]) -> Snapshot:
    lay_out(path.parent, contents)
    with preserved_streams():
        return trial.capture(trial.load(path))


def _unnoticed(damage: str, difference: str) -> Mismatch:
    return Mismatch(
        keypath=KeyPath("checkpoint", (damage,)),
        kind=MismatchKind.VALUE,
        type_name="file",
        expected="an error, or the state of the intact file",
        got=f"another state, in silence: {difference}",
    )
