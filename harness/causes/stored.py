"""Where a checkpoint holds what was lost all the same: the load does not apply it, or not last."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from ..core.keypath import KeyPath, Segment
from ..files.contents import content_of
from ..files.paths import files_of
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from ..subjects.loop_file import PACKING
from ..trial.trial import Trial
from .attribution import Attribution

_TELLING = 64  # bytes that no two leaves hold by chance, whatever they are called
# what is lost is a flag, or that two names share it: the value is there, and in the file, too
_OF_THE_SAME_BITS = (MismatchKind.ALIASING, MismatchKind.LAYOUT)
_Bits: TypeAlias = tuple[Any, ...]


def located(trial: Trial, cycle: int, found: Attribution) -> Attribution:
    """Returns the same, with the places in the file that hold what was lost all the same."""
    return dataclasses.replace(found, stored=stored(trial, cycle, found.lost))


def stored(trial: Trial, cycle: int, lost: Sequence[Mismatch]) -> tuple[tuple[str, str], ...]:
    """Returns the KeyPath of what was lost, and the place in the file that holds it.

    A place holds a leaf if it has the same last name and the same bits, and no other leaf of the
    run that has both may be meant as well; a long piece of data is known by its bits alone.

    Args:
        trial: what was run.
        cycle: after which load; 0 is the first.
        lost: what was expected after it, and was not there.
    """
    lost = [mismatch for mismatch in lost if mismatch.kind not in _OF_THE_SAME_BITS]
    if not lost:
        return ()
    load = trial.resumed.loads[cycle]
    first = trial.saving[0].path
    path = first if cycle == 0 else trial.session.folder / f"{cycle}.zip"
    held: dict[_Bits, list[KeyPath]] = defaultdict(list)
    for place, bits in _content(path):
        held[bits].append(place)
    rivals: dict[_Bits, list[KeyPath]] = defaultdict(list)
    for row in load.saved.places:
        for bits in _bits(load.saved, row):
            if bits in held:
                rivals[bits].append(load.saved.keypath(row))
    found = ((m.keypath, _place(m.keypath, load.saved, held, rivals)) for m in lost)
    return tuple((str(path), str(place)) for path, place in found if place is not None)


def _place(
    keypath: KeyPath,
    saved: Snapshot,
    held: dict[_Bits, list[KeyPath]],
    rivals: dict[_Bits, list[KeyPath]],
) -> KeyPath | None:
    row = saved.resolve(keypath)
    for bits in () if row is None else _bits(saved, row):
        likeness = {place: _likeness(keypath, place) for place in held.get(bits, ())}
        best = [at for at, value in likeness.items() if value == max(likeness.values())]
        others = [rival for rival in rivals[bits] if rival != keypath]
        # of equal values each needs a place of its own: with too few, one is not known to be there
        alike = [rival for rival in others if any(_rivals(rival, at, likeness) for at in best)]
        if len(best) > len(alike):
            return best[0]
    return None


def _rivals(rival: KeyPath, place: KeyPath, likeness: Mapping[KeyPath, int]) -> bool:
    return _likeness(rival, place) >= likeness[place]


def _content(path: Path) -> Iterator[tuple[KeyPath, _Bits]]:
    for name, file in files_of(path).items():
        with suppress(Exception):  # what cannot be opened here, in whatever way, says nothing
            content = content_of(file)
            for row in content.places[1:]:
                segments = content.keypath(row).segments
                at = segments[1:] if segments[:1] in PACKING else segments
                above = () if name == path.name else ((name,),)
                for bits in _bits(content, row):
                    yield KeyPath(*above, *at), bits


def _bits(snapshot: Snapshot, row: int) -> Iterator[_Bits]:
    """Yields what a leaf is known by: its name and its value, or long data alone."""
    if snapshot.is_alias(row):
        row = snapshot.target(row)
    if snapshot.is_plain(row):
        value = snapshot.value(row)
        # none, true and false are found anywhere
        if value is not None and type(value) is not bool:
            yield _name(snapshot.segment(row)), type(value).__name__, repr(value)
        return
    data = snapshot.payload(row)
    if not data:
        return
    shape = snapshot.facts(row)[1] if snapshot.kind(row).numeric else ()
    yield _name(snapshot.segment(row)), shape, data
    if len(data) >= _TELLING and data.lstrip(data[:1]):  # of more than one value
        yield ("", data)


def _name(segment: Segment) -> str:
    """The last part of a name: an entry may be called by the whole path to it."""
    text = segment[-1] if isinstance(segment, tuple) else segment
    return str(text).rpartition(".")[2]


def _likeness(keypath: KeyPath, place: KeyPath) -> int:
    """How many names two places have in common, from the last on, numbers aside."""
    ours, theirs = (
        [part for segment in path.segments for part in _parts(segment)] for path in (keypath, place)
    )
    count = 0
    for mine, other in zip(reversed(ours), reversed(theirs), strict=False):
        if mine != other:
            break
        count += 1
    return count


def _parts(segment: Segment) -> list[str]:
    text = segment[-1] if isinstance(segment, tuple) else segment
    return [] if isinstance(text, int) else text.split(".")
