"""How numbers are broken in place, by a bit, a step, a rounding, and whether that changed any.

Whether an edit changed anything is told by Python and numpy alone, never by a comparison of the
harness: one that were blind to an edit would otherwise call it no edit.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias, final

import numpy as np

from ..causes.write import Unreachable, is_tensor
from ..core.stream_positions import move_to, position_of
from .graph_edits import Edges

Edit: TypeAlias = Callable[[Edges, int], None]
_ROUNDED = {"through f16": np.float16, "through f32": np.float32}


@final
class NoMutation(Exception):
    """An edit that would leave everything as it is, or has nothing to work on."""


def require(change: bool, why: str = "nothing would change") -> None:
    """Goes on only where there is something to break.

    Raises:
        NoMutation: there is not.
    """
    if not change:
        raise NoMutation(why)


def words(item: Any) -> np.ndarray[Any, Any]:
    """The elements of a tensor or array as unsigned integers of their size, in place.

    Raises:
        NoMutation: it has no elements, or none of a plain numeric type.
        Unreachable: it cannot be written to.
    """
    if is_tensor(item):
        torch = sys.modules["torch"]
        sizes = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
        require(item.element_size() in sizes and item.is_cpu, "no plain numbers")
        item = item.detach().view(sizes[item.element_size()]).numpy()
    require(item.size > 0 and item.dtype.kind in "biuf", "no plain numbers")
    require(item.dtype.itemsize in (1, 2, 4, 8), "no plain numbers")
    if not item.flags.writeable:
        raise Unreachable("read only")
    found: np.ndarray[Any, Any] = item.view(f"u{item.dtype.itemsize}")
    return found


def is_float(item: Any) -> bool:
    """Whether the elements are real floating point numbers."""
    if is_tensor(item):
        return bool(item.is_floating_point())
    return isinstance(item, np.ndarray | np.generic) and item.dtype.kind == "f"


def _is_array(item: Any) -> bool:
    return is_tensor(item) or isinstance(item, np.ndarray)


def _numbers(item: Any) -> np.ndarray[Any, Any]:
    """The values themselves; of a bfloat16 tensor as float32."""
    if not is_tensor(item):
        return np.asarray(item)
    plain = item.detach()
    found: np.ndarray[Any, Any] = (plain.float() if plain.element_size() == 2 else plain).numpy()
    return found


def _flip(item: Any, where: np.ndarray[Any, Any], mask: int) -> None:
    """Flips bits of the middle one of the elements that qualify."""
    bits, found = words(item), np.argwhere(where)
    require(len(found) > 0, "no such element")
    at = tuple(found[len(found) // 2])
    bits[at] ^= bits.dtype.type(mask)


def _scalar(edges: Edges, place: int, value: Any) -> None:
    was = edges.value(place)
    require(type(value) is not type(was) or repr(value) != repr(was))
    if edges.snapshot.is_plain(place):
        edges.put(place, value)
    else:
        edges.replace(place, value)


def _off_by_one(edges: Edges, place: int) -> None:
    item = edges.value(place)
    if _is_array(item):
        require(not is_float(item), "not an integer")
        boolean = "bool" in str(item.dtype)
        bits = words(item)
        at = tuple(size // 2 for size in bits.shape)
        one = bits.dtype.type(1)
        bits[at] = bits[at] ^ one if boolean or bits[at] == ~bits.dtype.type(0) else bits[at] + one
        return
    require(type(item) in (bool, int) or isinstance(item, np.integer), "not an integer")
    _scalar(edges, place, not item if type(item) is bool else type(item)(item + 1))


def _one_ulp(edges: Edges, place: int) -> None:
    item = edges.value(place)
    if _is_array(item):
        require(is_float(item), "not a float")
        _flip(item, np.ones(_numbers(item).shape, bool), 1)
        return
    require(type(item) is float or isinstance(item, np.floating), "not a float")
    up = np.nextafter(item, np.inf) if isinstance(item, np.floating) else math.nextafter(item, 9e99)
    _scalar(edges, place, up)


def _all_ulp(edges: Edges, place: int) -> None:
    item = edges.value(place)
    require(_is_array(item) and is_float(item), "not floats")
    moved = np.isfinite(_numbers(item)) & (_numbers(item) != 0)
    require(bool(moved.any()), "no element to scale")
    bits = words(item)
    bits[...] = np.where(moved, bits + bits.dtype.type(1), bits)


def _signed_zero(edges: Edges, place: int) -> None:
    item = edges.value(place)
    if type(item) is float:
        require(item == 0, "not zero")
        _scalar(edges, place, -item)
        return
    require(_is_array(item) and is_float(item), "not floats")
    values = _numbers(item)
    _flip(item, values == 0, 1 << (8 * words(item).dtype.itemsize - 1))


def _nan_payload(edges: Edges, place: int) -> None:
    item = edges.value(place)
    require(_is_array(item) and is_float(item), "not floats")
    _flip(item, np.isnan(_numbers(item)), 2)


def _one_bit(edges: Edges, place: int) -> None:
    item = edges.value(place)
    if isinstance(item, np.random.RandomState):
        state = position_of(item)
        move_to(item, {**state, "has_gauss": 1 - state["has_gauss"]})
        return
    require(type(item) in (str, bytes) and len(item) > 0, "no text")
    last = item[-1:]
    changed = chr(ord(last) ^ 1) if isinstance(last, str) else bytes([last[0] ^ 1])
    _scalar(edges, place, item[:-1] + changed)


def _zeroed(edges: Edges, place: int) -> None:
    item = edges.value(place)
    if _is_array(item):
        bits = words(item)
        require(bool(bits.any()))
        bits[...] = 0
        return
    require(type(item) in (int, float, str, bytes) or isinstance(item, np.number), "no number")
    _scalar(edges, place, type(item)())


def _rounding(target: str) -> Edit:
    def edit(edges: Edges, place: int) -> None:
        item = edges.value(place)
        if type(item) is float:
            _scalar(edges, place, float(_rounded(np.asarray(item), target)))
            return
        require(_is_array(item) and is_float(item), "not floats")
        bits, values = words(item), _numbers(item)
        require(bits.dtype.itemsize > 2, "already as narrow")
        rounded = _rounded(values, target).view(bits.dtype)
        require(bool((rounded != bits).any()), "survives the rounding")
        bits[...] = rounded

    return edit


def _rounded(values: np.ndarray[Any, Any], target: str) -> np.ndarray[Any, Any]:
    with np.errstate(all="ignore"):
        if target in _ROUNDED:
            return values.astype(_ROUNDED[target]).astype(values.dtype)
        # bfloat16 is the upper half of a float32, rounded half to even
        half = values.astype(np.float32).view(np.uint32)
        near = (half + np.uint32(0x7FFF) + ((half >> np.uint32(16)) & np.uint32(1))) >> 16 << 16
        return near.astype(np.uint32).view(np.float32).astype(values.dtype)


def _dtype(edges: Edges, place: int) -> None:
    item = edges.value(place)
    if is_tensor(item):
        torch = sys.modules["torch"]
        other = torch.float64 if item.dtype is torch.float32 else torch.float32
        item.data = item.detach().to(other)
    elif isinstance(item, np.ndarray):
        require(item.dtype.kind in "biuf", "no plain numbers")
        edges.replace(place, item.astype(np.float64 if item.dtype == np.float32 else np.float32))
    else:
        kinds: dict[type, Any] = {bool: int, int: np.int64, float: np.float64}
        require(type(item) in kinds, "no number")
        _scalar(edges, place, kinds[type(item)](item))


def _layout(edges: Edges, place: int) -> None:
    item = edges.value(place)
    require(_is_array(item), "no array")
    if is_tensor(item):
        require(item.numel() > 1, "one element has no layout")
        torch = sys.modules["torch"]
        item.data = torch.stack((item.detach(), item.detach()), dim=-1)[..., 0]
    else:
        require(item.size > 1, "one element has no layout")
        edges.replace(place, np.stack((item, item), axis=-1)[..., 0])


OF_NUMBERS: Mapping[str, Edit] = MappingProxyType(
    {
        "off by one": _off_by_one,
        "one ulp": _one_ulp,
        "every element one ulp": _all_ulp,
        "signed zero": _signed_zero,
        "NaN payload": _nan_payload,
        "one bit": _one_bit,
        "zeroed": _zeroed,
        "through bf16": _rounding("through bf16"),
        "through f16": _rounding("through f16"),
        "through f32": _rounding("through f32"),
        "dtype": _dtype,
        "layout": _layout,
    }
)
"""On every number, tensor or array that training moved, where they apply."""
