"""Spoils the floats of a target, so that what a load leaves alone cannot pass for restored.

A float is known by its place in the run and by its bytes, never by the object that holds it: the
same scenario poisons the same leaves, whatever the process did before.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..core.exclusions import Exclusion
from ..core.keypath import KeyPath
from ..state.capture import walk_roots
from ..state.rows import NODE
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
        if fresh.get(keypath) != snapshot.payload(place) and _fill(objects[place]):
            filled.append(keypath)
    return tuple(filled)


def _bulk(snapshot: Snapshot) -> list[int]:
    return [
        place
        for place, row in enumerate(snapshot.rows)
        if len(row) == NODE and row[3][0] in ("tensor", "array") and row[4]
    ]


def _fill(item: Any) -> bool:
    with suppress(RuntimeError, TypeError, ValueError):  # it refuses: left as it is
        if isinstance(item, np.ndarray):
            return _fill_array(item)
        torch = sys.modules["torch"]
        plain = item.detach()
        if not (plain.is_floating_point() or plain.is_complex()) or _overlaps(plain):
            return False
        with torch.no_grad():
            plain.fill_(float("nan"))
        return True
    return False


def _fill_array(item: np.ndarray[Any, Any]) -> bool:
    if item.dtype.kind not in "fc" or not item.flags.writeable:
        return False
    item[...] = float("nan")
    return True


def _overlaps(tensor: Any) -> bool:
    """Returns whether several elements lie in one place, as in what `expand` makes."""
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    return any(size > 1 and stride == 0 for size, stride in pairs)
