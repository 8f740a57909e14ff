"""Checks of cycles of saving and loading: what comes back, and what is saved again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..core.keypath import KeyPath
from ..core.randomness import preserved_streams
from ..files.contents import content_of
from ..files.paths import files_of, lay_out, required_files
from ..state.compare import Diff, compare
from ..state.mismatch import Mismatch, MismatchKind
from ..subjects.loop_file import LENT
from ..trial.finding import Finding
from ..trial.trial import Trial
from .check import Aspect, Check
from .states import as_content


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

    What two saves of one and the same run write differently, as the time, is left out.

    Raises:
        NotApplicable: no file of the checkpoint can be found.
    """
    save, _ = trial.saving
    first = save.path
    required_files(trial.subject.name, first)
    # the same name: files may say their own
    again, once_more = (trial.session.folder / name / first.name for name in ("again", "more"))
    with preserved_streams():
        live = trial.expected.load(first)
        for path in (again, once_more):
            lay_out(path.parent, {})
            trial.subject.save(live, path)
    by_itself = {(m.keypath, m.kind) for m in _same_content(again, once_more).mismatches}
    found = as_content(trial, _same_content(first, again)).mismatches
    left = tuple(m for m in found if (m.keypath, m.kind) not in by_itself)
    return Finding(step=save.step, diff=Diff(mismatches=left))


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
        # what the harness keeps for the program around a part is not the part's
        once, again = (content_of(side[name], (LENT,)) for side in (here, there))
        for mismatch in compare(once, again).mismatches:
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
