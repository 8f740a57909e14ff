"""What a library's own class does to everyone who builds on it, found out by checking that class.

Stock SB3 brings back neither its environment nor a random stream. No user of it can mend that, so
it fails nobody who has not declared to be strict; what a class built on it does beside that does.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from ..core.keypath import PARAMETER, KeyPath, Segment
from ..state.mismatch import Diff, Mismatch, MismatchKind
from ..trial.finding import Finding
from ..trial.trial import Trial

# a value that was lost may be right by chance: in a run of another seed it is not
_RUNS = 4
_SHOWN = 4
# root of the KeyPaths of damaged files, which say which byte
_FILE = "checkpoint"
# kinds that are about all that lies below, too
_WHOLE = (MismatchKind.MISSING, MismatchKind.UNEXPECTED, MismatchKind.TYPE)

Run: TypeAlias = Callable[[Trial], Finding | None]
Place: TypeAlias = tuple[Segment, ...]


def without_library(trial: Trial, check: str, run: Run, found: Finding) -> Finding:
    """Returns what a check has found, without what it finds of the library's own class.

    Args:
        trial: of the subject.
        check: the name of the check, for the note.
        run: what looks.
        found: what it has found of the subject.
    """
    if not found.diff or trial.capabilities.strict:
        return found
    left, names = found.diff.mismatches, set()
    for number in range(_RUNS):
        stock = trial.of_library(number)
        if stock is None or not left:
            break
        names.add(stock.subject.name)
        known = _known(found if stock is trial else _of(stock, run))
        left = tuple(mismatch for mismatch in left if not _covered(mismatch, known))
    theirs = [mismatch for mismatch in found.diff.mismatches if mismatch not in left]
    if not theirs:
        return found
    note = _note(check, ", ".join(sorted(names)), theirs)
    return dataclasses.replace(found, diff=Diff(mismatches=left), notes=(*found.notes, note))


def _of(stock: Trial, run: Run) -> Finding | None:
    try:
        return run(stock)
    except Exception:  # a class that cannot be run so excuses nothing
        return None


def _known(found: Finding | None) -> Mapping[Place, set[MismatchKind]]:
    known: dict[Place, set[MismatchKind]] = {}
    for mismatch in found.diff.mismatches if found else ():
        known.setdefault(_place(mismatch.keypath.segments), set()).add(mismatch.kind)
    return known


def _place(segments: Sequence[Segment]) -> Place:
    """Where it is, but for what one run may have more of: places, parameters, bytes of a file."""
    file = segments[:1] == (_FILE,)
    return tuple(
        (re.sub(r"\d+", "", str(part)),) if file else "*" if _is_one_of_many(part) else part
        for part in segments
    )


def _is_one_of_many(segment: Segment) -> bool:
    return isinstance(segment, int) or (isinstance(segment, tuple) and segment[0] == PARAMETER)


def _covered(mismatch: Mismatch, known: Mapping[Place, set[MismatchKind]]) -> bool:
    place, alias = _place(mismatch.keypath.segments), MismatchKind.ALIASING
    here = known.get(place, set())
    if mismatch.kind in here or (mismatch.kind is not alias and here - {alias}):
        return True
    above = (known.get(place[:end], set()) for end in range(1, len(place)))
    return any(kinds.intersection(_WHOLE) for kinds in above)


def _note(check: str, name: str, theirs: Sequence[Mismatch]) -> str:
    owners = list(dict.fromkeys(str(KeyPath(*m.keypath.segments[:2])) for m in theirs))
    tail = f" and {len(owners) - _SHOWN} more" if len(owners) > _SHOWN else ""
    count = "1 difference is" if len(theirs) == 1 else f"{len(theirs)} differences are"
    return (
        f"{check}: {count} the library's own ({name} does the same: "
        f"{', '.join(owners[:_SHOWN])}{tail}), and not judged; strict=True judges them"
    )
