"""Spoils the floats of a target, so that what a load leaves alone cannot pass for restored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, final

from ..state.readers import reader_for
from ..state.readers.reading import Child, Late, Unreadable

Bits: TypeAlias = dict[int, bytes]

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})


def bits_of(roots: Mapping[str, Any]) -> Bits:
    """The bytes of every float tensor and array that the roots reach, by identity."""
    return {id(item): bytes(payload) for item, payload in _floats(roots)}


def spoil(roots: Mapping[str, Any], before: Bits) -> int:
    """Fills with NaN, in place, every float tensor and array that is not as it was before.

    What never moved is a constant of the build and stays: no checkpoint needs to hold it.

    Returns:
        How many were filled.
    """
    moved = [item for item, payload in _floats(roots) if before.get(id(item)) != payload]
    for item in moved:
        (item.detach() if hasattr(item, "detach") else item)[...] = float("nan")
    return len(moved)


def _floats(roots: Mapping[str, Any]) -> Iterator[tuple[Any, bytes | memoryview]]:
    seen: dict[int, Any] = {}
    queue = list(roots.values())
    for item in queue:  # grows while it is walked
        if type(item) in _PLAIN or id(item) in seen:
            continue
        seen[id(item)] = item
        try:
            facts, below, data = reader_for(type(item))[1](item)  # type: ignore[arg-type]
        except Unreadable:  # the capture that follows says so, with its KeyPath
            continue
        if data and _writable_float(item, facts):
            yield item, data[0]
        queue.extend(child for _, child in _children(below))


def _children(below: Iterable[Child] | Late) -> Iterable[Child]:
    return below.children(_Anything()) if isinstance(below, Late) else below


def _writable_float(item: Any, facts: tuple[Any, ...]) -> bool:
    if facts[0] == "tensor":
        return bool(item.is_floating_point() or item.is_complex())
    return facts[0] == "array" and item.dtype.kind in "fc" and bool(item.flags.writeable)


@final
class _Anything:
    """Names for late children: which they are does not matter here."""

    def label(self, key: object) -> tuple[str, str] | None:
        return "object", str(id(key))

    def position(self, item: object) -> int | None:
        return None
