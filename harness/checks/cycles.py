"""Checks of cycles of saving and loading: what comes back, and what is saved again."""

from __future__ import annotations

import base64
import dataclasses
import pickle
from pathlib import Path
from typing import Any

from ..core.keypath import KeyPath
from ..core.randomness import preserved_streams
from ..files.entries import read_entries
from ..files.paths import files_of, lay_out, required_files
from ..state.capture import capture
from ..state.compare import Diff, compare
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from ..subjects.loop_file import LENT
from ..trial.finding import Finding
from ..trial.trial import Trial
from .check import Aspect, Check


def roundtrip(trial: Trial) -> Finding | None:
    """After every cycle of saving and loading the live state is the one that was saved."""
    for load in trial.resumed.loads:
        if diff := trial.compare(load.saved, load.loaded):
            return Finding(step=load.step, diff=diff)
    if trial.error is not None and len(trial.loads) < trial.scenario.cycles:
        raise trial.error
    return None


ROUNDTRIP = Check(
    name="roundtrip", run=roundtrip, looks_at=Aspect.LOADED, per_scenario=True, spares_library=True
)


def idempotence(trial: Trial) -> Finding:
    """What is saved right after a load has the content of what was loaded, entry by entry.

    Raises:
        NotApplicable: no file of the checkpoint can be found.
    """
    save, _ = trial.saving
    first = save.path
    required_files(trial.subject.name, first)
    again = trial.session.folder / "again" / first.name  # the same name: files may say their own
    lay_out(again.parent, {})
    with preserved_streams():
        trial.subject.save(trial.expected.load(first), again)
    return Finding(step=save.step, diff=_same_content(first, again))


IDEMPOTENCE = Check(
    name="idempotence", run=idempotence, looks_at=Aspect.RESAVED, spares_library=True
)


def _same_content(first: Path, second: Path) -> Diff:
    here, there = files_of(first), files_of(second)
    mismatches: list[Mismatch] = []
    for name in sorted({*here, *there}):
        if name not in here or name not in there:
            mismatches.append(_of_one_side(name, name in here))
            continue
        above = () if name == first.name else ((name,),)
        for mismatch in compare(_content(here[name]), _content(there[name])).mismatches:
            keypath = KeyPath(*above, *mismatch.keypath.segments)
            mismatches.append(dataclasses.replace(mismatch, keypath=keypath))
    return Diff(mismatches=tuple(mismatches))


def _of_one_side(name: str, expected: bool) -> Mismatch:
    return Mismatch(
        keypath=KeyPath((name,)),
        kind=MismatchKind.MISSING if expected else MismatchKind.UNEXPECTED,
        type_name="file",
        expected="a file, as the first save wrote" if expected else "no such file",
        got="no such file" if expected else "a file that only the second save wrote",
    )


def _content(path: Path) -> Snapshot:
    entries = dict(read_entries(path))
    entries.pop(LENT, None)  # the harness keeps that for the program around a part
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
