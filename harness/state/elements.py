"""Which elements of a tensor or array differ: one leaf can be right here and wrong there.

A replay buffer whose unread rows differ, or of which only the lost rows stay wrong, is judged
element by element; everything else is judged as a whole.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ..core.keypath import KeyPath
from .mismatch import Mismatch, MismatchKind
from .snapshot import Snapshot

Elements: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
"""One truth value for each element, in C order."""


def differing(expected: Snapshot, got: Snapshot, mismatch: Mismatch) -> Elements | None:
    """Returns which elements of a tensor or array differ.

    Args:
        expected: the graph in which the mismatch was found.
        got: the graph that was compared with it.
        mismatch: one of their differences.

    Returns:
        None where the difference is not one of elements: of another kind, or of another leaf.
    """
    if mismatch.kind is not MismatchKind.VALUE:
        return None
    return differing_at(expected, got, mismatch.keypath)


def differing_at(expected: Snapshot, got: Snapshot, keypath: KeyPath) -> Elements | None:
    """Returns as `differing` for the leaf at a KeyPath; None where either has no such elements."""
    first, second = _payload(expected, keypath), _payload(got, keypath)
    if first is None or second is None or first[0] != second[0] or len(first[1]) != len(second[1]):
        return None
    count = max(1, int(np.prod(first[0][1], dtype=np.int64)))
    width = len(first[1]) // count
    if not width:
        return None
    words = [np.frombuffer(bits, np.uint8).reshape(count, width) for _, bits in (first, second)]
    unequal: Elements = np.any(words[0] != words[1], axis=1)
    return unequal


def _payload(snapshot: Snapshot, keypath: KeyPath) -> tuple[tuple[Any, ...], bytes] | None:
    """Returns dtype and shape, and the bytes, of a tensor or array."""
    place = snapshot.resolve(keypath)
    if place is None or not snapshot.kind(place).numeric:
        return None
    return snapshot.facts(place)[:2], snapshot.payload(place)
