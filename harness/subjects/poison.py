"""Spoils the floats of a target, so that what a load leaves alone cannot pass for restored.

A float is known by its place in the run and by its bytes, never by the object that holds it: the
same scenario poisons the same leaves, whatever the process did before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
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
    exclusions: Sequence[Exclusion] = (),
) -> tuple[KeyPath, ...]:
    """Fills with NaN, in place, every float tensor and array that is not as in a fresh build.

    What a fresh build holds too stays: a constant, or a scratch that every step leaves empty, is
    right in any run, and no checkpoint needs to hold it. What cannot be written stays, too: memory
    that overlaps itself, read-only arrays, tensors that refuse.

    Args:
        roots: of a run that was trained.
        fresh: what `floats_of` returned when it had just been built.
        exclusions: what is not walked.

    Returns:
        The places that were filled.
    """
    snapshot, objects = walk_roots(roots, exclusions)
    filled = []
    for place in _bulk(snapshot):
        keypath = snapshot.keypath(place)
        kind, moved = snapshot.kind(place), fresh.get(keypath) != snapshot.payload(place)
        if moved and _fill(objects[place], kind):
            filled.append(keypath)
    return tuple(filled)


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
