"""State of one live run put into another, in place."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from harness.capture import walk_roots
from harness.keypath import KeyPath
from harness.snapshot import ALIAS, Snapshot


def fill_with_nan(roots: Mapping[str, Any], keypaths: Iterable[KeyPath]) -> None:
    """Fills the float tensors and arrays at these places with NaN; what is not there is left."""
    snapshot, objects = walk_roots(roots)
    for keypath in keypaths:
        place = resolve(snapshot, keypath)
        found: Any = None if place is None else objects.get(place)
        if isinstance(found, np.ndarray):
            if found.dtype.kind == "f" and found.flags.writeable:
                found.fill(np.nan)
        elif is_tensor(found) and found.is_floating_point():
            with sys.modules["torch"].no_grad():
                found.fill_(float("nan"))


def resolve(snapshot: Snapshot, keypath: KeyPath) -> int | None:
    """The row of the object at a KeyPath, through aliases; None where there is none."""
    place = 0
    for segment in keypath.segments:
        below = snapshot.children[place].get(segment)
        if below is None:
            return None
        place = below
        if len(snapshot.rows[place]) == ALIAS:
            place = snapshot.rows[place][2]
    return place


def is_tensor(found: object) -> Any:
    """Whether it is a tensor; without importing torch for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(found, torch.Tensor)
