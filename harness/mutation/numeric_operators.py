"""How numbers are broken in place, by a bit, a step, a rounding, and whether that changed any.

Python and numpy alone decide whether an edit changed anything, never a comparison of the harness:
one that were blind to an edit would otherwise call it no edit.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from ..core.stream_positions import move_to, position_of
from ..transplant.write import Unreachable, is_tensor
from .operator import Apply, Operand, Operator, require, unless

_ROUNDED = {"through f16": np.float16, "through f32": np.float32}


def words(item: Any) -> np.ndarray[Any, Any]:
    """Returns the elements of a tensor or array as unsigned integers of their size, in place.

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
    unsigned: np.ndarray[Any, Any] = item.view(f"u{item.dtype.itemsize}")
    return unsigned


def is_float(item: Any) -> bool:
    """Returns whether the elements are real floating point numbers."""
    if is_tensor(item):
        return bool(item.is_floating_point())
    return isinstance(item, np.ndarray | np.generic) and item.dtype.kind == "f"


def _is_array(item: Any) -> bool:
    return is_tensor(item) or isinstance(item, np.ndarray)


def _numbers(item: Any) -> np.ndarray[Any, Any]:
    """Returns the values themselves; of a bfloat16 tensor as float32."""
    if not is_tensor(item):
        return np.asarray(item)
    plain = item.detach()
    values: np.ndarray[Any, Any] = (plain.float() if plain.element_size() == 2 else plain).numpy()
    return values


def _flip(item: Any, where: np.ndarray[Any, Any], mask: int) -> None:
    """Flips bits of the middle one of the elements that qualify."""
    bits, qualified = words(item), np.argwhere(where)
    require(len(qualified) > 0, "no such element")
    at = tuple(qualified[len(qualified) // 2])
    bits[at] ^= bits.dtype.type(mask)


def _scalar(operand: Operand, value: Any) -> None:
    was = operand.value
    require(type(value) is not type(was) or repr(value) != repr(was))
    if operand.edges.snapshot.is_plain(operand.place):
        operand.put(value)
    else:
        operand.replace(value)


def _off_by_one(operand: Operand) -> None:
    item = operand.numbers
    if _is_array(item):
        require(not is_float(item), "not an integer")
        boolean = "bool" in str(item.dtype)
        bits = words(item)
        at = tuple(size // 2 for size in bits.shape)
        one = bits.dtype.type(1)
        bits[at] = bits[at] ^ one if boolean or bits[at] == ~bits.dtype.type(0) else bits[at] + one
        return
    require(type(item) in (bool, int) or isinstance(item, np.integer), "not an integer")
    _scalar(operand, not item if type(item) is bool else type(item)(item + 1))


def _one_ulp(operand: Operand) -> None:
    item = operand.numbers
    if _is_array(item):
        require(is_float(item), "not a float")
        _flip(item, np.ones(_numbers(item).shape, bool), 1)
        return
    require(type(item) is float or isinstance(item, np.floating), "not a float")
    up = np.nextafter(item, np.inf) if isinstance(item, np.floating) else math.nextafter(item, 9e99)
    _scalar(operand, up)


def _all_ulp(operand: Operand) -> None:
    item = operand.numbers
    require(_is_array(item) and is_float(item), "not floats")
    moved = np.isfinite(_numbers(item)) & (_numbers(item) != 0)
    require(bool(moved.any()), "no element to scale")
    bits = words(item)
    bits[...] = np.where(moved, bits + bits.dtype.type(1), bits)


def _signed_zero(operand: Operand) -> None:
    item = operand.numbers
    if type(item) is float:
        require(item == 0, "not zero")
        _scalar(operand, -item)
        return
    require(_is_array(item) and is_float(item), "not floats")
    values = _numbers(item)
    _flip(item, values == 0, 1 << (8 * words(item).dtype.itemsize - 1))


def _nan_payload(operand: Operand) -> None:
    item = operand.numbers
    require(_is_array(item) and is_float(item), "not floats")
    _flip(item, np.isnan(_numbers(item)), 2)


def _one_bit(operand: Operand) -> None:
    item = operand.value
    if isinstance(item, np.random.RandomState):
        state = position_of(item)
        move_to(item, {**state, "has_gauss": 1 - state["has_gauss"]})
        return
    require(type(item) in (str, bytes) and len(item) > 0, "no text")
    last = item[-1:]
    changed = chr(ord(last) ^ 1) if isinstance(last, str) else bytes([last[0] ^ 1])
    _scalar(operand, item[:-1] + changed)


def _zeroed(operand: Operand) -> None:
    item = operand.numbers
    if _is_array(item):
        bits = words(item)
        require(bool(bits.any()))
        bits[...] = 0
        return
    require(type(item) in (int, float, str, bytes) or isinstance(item, np.number), "no number")
    _scalar(operand, type(item)())


def _rounding(target: str) -> Apply:
    def apply(operand: Operand) -> None:
        item = operand.numbers
        if type(item) is float:
            _scalar(operand, float(_rounded(np.asarray(item), target)))
            return
        require(_is_array(item) and is_float(item), "not floats")
        bits, values = words(item), _numbers(item)
        require(bits.dtype.itemsize > 2, "already as narrow")
        rounded = _rounded(values, target).view(bits.dtype)
        require(bool((rounded != bits).any()), "survives the rounding")
        bits[...] = rounded

    return apply


def _rounded(values: np.ndarray[Any, Any], target: str) -> np.ndarray[Any, Any]:
    with np.errstate(all="ignore"):
        if target in _ROUNDED:
            return values.astype(_ROUNDED[target]).astype(values.dtype)
        # bfloat16 is the upper half of a float32, rounded half to even
        half = values.astype(np.float32).view(np.uint32)
        near = (half + np.uint32(0x7FFF) + ((half >> np.uint32(16)) & np.uint32(1))) >> 16 << 16
        return near.astype(np.uint32).view(np.float32).astype(values.dtype)


def _dtype(operand: Operand) -> None:
    item = operand.value
    if is_tensor(item):
        torch = sys.modules["torch"]
        other = torch.float64 if item.dtype is torch.float32 else torch.float32
        item.data = item.detach().to(other)
    elif isinstance(item, np.ndarray):
        require(item.dtype.kind in "biuf", "no plain numbers")
        operand.replace(item.astype(np.float64 if item.dtype == np.float32 else np.float32))
    else:
        kinds: dict[type, Any] = {bool: int, int: np.int64, float: np.float64}
        require(type(item) in kinds, "no number")
        _scalar(operand, kinds[type(item)](item))


def _layout(operand: Operand) -> None:
    item = operand.value
    require(_is_array(item), "no array")
    if is_tensor(item):
        require(item.numel() > 1, "one element has no layout")
        torch = sys.modules["torch"]
        item.data = torch.stack((item.detach(), item.detach()), dim=-1)[..., 0]
    else:
        require(item.size > 1, "one element has no layout")
        operand.replace(np.stack((item, item), axis=-1)[..., 0])


# where an operator would only find that it does not apply; each try costs a load
_PLAIN = ("int", "bool", "str", "bytes", "NoneType", "dict", "list", "tuple")
_MAY_HOLD_FLOATS = unless(*_PLAIN)
_MAY_BE_ARRAY = unless(*_PLAIN, "float")

OPERATORS = (
    Operator(name="off by one", apply=_off_by_one),
    Operator(name="one ulp", apply=_one_ulp, applies=_MAY_HOLD_FLOATS),
    Operator(name="every element one ulp", apply=_all_ulp, applies=_MAY_BE_ARRAY),
    Operator(name="signed zero", apply=_signed_zero, applies=_MAY_HOLD_FLOATS),
    Operator(name="NaN payload", apply=_nan_payload, applies=_MAY_BE_ARRAY),
    Operator(
        name="one bit",
        apply=_one_bit,
        applies=unless("int", "bool", "float", "NoneType", numeric=False),
    ),
    Operator(name="zeroed", apply=_zeroed),
    Operator(name="through bf16", apply=_rounding("through bf16"), applies=_MAY_HOLD_FLOATS),
    Operator(name="through f16", apply=_rounding("through f16"), applies=_MAY_HOLD_FLOATS),
    Operator(name="through f32", apply=_rounding("through f32"), applies=_MAY_HOLD_FLOATS),
    Operator(name="dtype", apply=_dtype),
    Operator(name="layout", apply=_layout, applies=_MAY_BE_ARRAY),
)
"""On every number, tensor or array that training moved, where they apply."""
