"""Spoils the floats of a target, so that what a load leaves alone cannot pass for restored.

A float is known by its place in the run and by its bytes, never by the object that holds it: the
same scenario poisons the same leaves, whatever the process did before.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import numpy as np

from ..core.exclusions import Exclusion
from ..core.keypath import KeyPath
from ..state.capture import walk_roots
from ..state.kind import Kind
from ..state.snapshot import Snapshot


def floats_of(
    roots: Mapping[str, Any], exclusions: Sequence[Exclusion] = ()
) -> dict[KeyPath, bytes]:
    """Returns the bytes of every float tensor and array that the roots reach, by place."""
    snapshot, _ = walk_roots(roots, exclusions)
    return {snapshot.keypath(place): snapshot.payload(place) for place in _bulk(snapshot)}


def spoil(
    roots: Mapping[str, Any],
    fresh: Mapping[KeyPath, bytes],
    earlier: Mapping[KeyPath, bytes] = MappingProxyType({}),
    exclusions: Sequence[Exclusion] = (),
    lasting: MutableMapping[KeyPath, bool] | None = None,
) -> tuple[KeyPath, ...]:
    """Fills with NaN, in place, every float tensor and array that is not as in a fresh build.

    What a fresh build holds too stays: a constant, or a scratch that every step leaves empty, is
    right in any run, and no checkpoint needs to hold it. So does what was born after it, and has
    not moved since: a table that is made where it is first asked for. What cannot be written stays,
    too: memory that overlaps itself, read-only arrays, tensors that refuse. And what a module, a
    class or a function holds, for it is that of all runs: the next one would begin with it.

    Args:
        roots: of a run that was trained.
        fresh: what `floats_of` returned when it had just been built.
        earlier: what it returned half-way.
        exclusions: what is not walked.
        lasting: place -> whether a module, a class or a function holds what is there, of other
            runs of the same subject; what is not in it is asked, which takes a look at all objects.

    Returns:
        The places that were filled.
    """
    snapshot, objects = walk_roots(roots, exclusions)
    # what was there when it was built is held against that alone: it may have moved, and rest
    known = {**earlier, **fresh}
    moved = {
        place: snapshot.keypath(place)
        for place in _bulk(snapshot)
        if known.get(snapshot.keypath(place)) != snapshot.payload(place)
    }
    lasting = {} if lasting is None else lasting
    unknown = {at: objects[place] for place, at in moved.items() if at not in lasting}
    shared = _of_the_process(list(unknown.values()))
    lasting.update({at: id(item) in shared for at, item in unknown.items()})
    return tuple(
        keypath
        for place, keypath in moved.items()
        if not lasting[keypath] and _fill(objects[place], snapshot.kind(place))
    )


def _of_the_process(items: list[Any]) -> set[int]:
    """The ids of those that a module, a class or a function refers to."""
    outside = [holder for holder in gc.get_referrers(*items) if _lasts(holder)] if items else []
    return {id(item) for item in gc.get_referents(*outside)}


def _lasts(holder: Any) -> bool:
    if type(holder) is dict:  # of a module, or of a class
        return "__name__" in holder or ("__module__" in holder and "__doc__" in holder)
    return type(holder) is types.CellType


def _bulk(snapshot: Snapshot) -> list[int]:
    return [
        place
        for place in snapshot.places
        if snapshot.payload(place) and snapshot.kind(place).numeric
    ]


def _fill(item: Any, kind: Kind) -> bool:
    with suppress(RuntimeError, TypeError, ValueError):  # it refuses: left as it is
        if kind.elements is None or not kind.can_write(item):
            return False
        floats = kind.elements(item)
        if not _are_floats(floats):
            return False
        floats[...] = float("nan")
        return True
    return False


def _are_floats(numbers: Any) -> bool:
    if isinstance(numbers, np.ndarray):
        return numbers.dtype.kind in "fc"
    return bool(numbers.is_floating_point() or numbers.is_complex())
