"""How far apart two arrays of bytes are: for messages only, nothing is ever decided by it."""

from typing import Any

import numpy as np

_FEW_ULP = 1_000_000
_FLOATS = {"torch.float64": "<f8", "torch.float32": "<f4", "torch.float16": "<f2"}
_TORCH = {
    **_FLOATS,
    "torch.complex128": "<c16",
    "torch.complex64": "<c8",
    "torch.bool": "|b1",
    "torch.uint8": "|u1",
    "torch.int8": "|i1",
    "torch.int16": "<i2",
    "torch.int32": "<i4",
    "torch.int64": "<i8",
    "torch.uint16": "<u2",
    "torch.uint32": "<u4",
    "torch.uint64": "<u8",
}


def describe(dtype: str, shape: tuple[int, ...], expected: bytes, got: bytes) -> tuple[str, ...]:
    """Describes what differs between two payloads of one dtype and shape.

    Returns:
        First expected element that differs, the one got in its place, and the statistics: how
        many elements differ, where first, the greatest difference, the distance in ulp.
    """
    want, have = _decode(dtype, expected), _decode(dtype, got)
    count = max(1, int(np.prod(shape, dtype=np.int64)))
    width = max(1, len(expected) // count)
    unequal = _bytes(expected, width) != _bytes(got, width)
    which = np.flatnonzero(unequal.any(axis=1))
    first = int(which[0])
    place = tuple(int(part) for part in np.unravel_index(first, shape)) if shape else ()
    stats = f"{len(which)} of {count} elements"
    if shape:
        stats += f", first at {place}"
    if want is None or have is None:
        offset = first * width
        return expected[offset : offset + width].hex(), got[offset : offset + width].hex(), stats
    return str(want[first]), str(have[first]), stats + _distance(want[which], have[which])


def _bytes(payload: bytes, width: int) -> np.ndarray[Any, Any]:
    return np.frombuffer(payload, np.uint8).reshape(-1, width)


def _decode(dtype: str, payload: bytes) -> np.ndarray[Any, Any] | None:
    if dtype == "torch.bfloat16":
        # bfloat16 is the upper half of a float32
        return (np.frombuffer(payload, "<u2").astype("<u4") << 16).view("<f4")
    try:
        return np.frombuffer(payload, np.dtype(_TORCH.get(dtype, dtype)))
    except (TypeError, ValueError):  # structured, extended or unknown: bytes are all there is
        return None


def _distance(want: np.ndarray[Any, Any], have: np.ndarray[Any, Any]) -> str:
    if want.dtype.kind not in "fiu":
        return ""
    with np.errstate(all="ignore"):
        # in a wider type: int8 and float16 would wrap round or overflow
        wide: Any = np.longdouble
        gaps = np.abs(have.astype(wide) - want.astype(wide))
    finite = gaps[np.isfinite(gaps)]
    text = f", greatest difference {finite.max():.6g}" if finite.size else ""
    if want.dtype.kind != "f":
        return text
    ulp = _ordered(want), _ordered(have)
    steps = int((np.maximum(*ulp) - np.minimum(*ulp)).max())
    # between numbers that have nothing to do with each other the distance says nothing
    return f"{text}, up to {steps} ulp" if steps <= _FEW_ULP else text


def _ordered(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Floats as unsigned integers in the order of the numbers, -0.0 just below 0.0."""
    width = values.dtype.itemsize
    words = values.astype(values.dtype.newbyteorder("=")).view(f"u{width}")
    top = np.array(1 << (8 * width - 1), words.dtype)
    return np.where(words & top, ~words, words | top)
