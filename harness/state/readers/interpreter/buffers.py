"""Memory by the bytes: arrays of Python, values of C, views of memory, weak proxies."""

from __future__ import annotations

import ctypes
import weakref
from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...kind import Kind
from ..containers import joined
from ..reading import Child, Facts, Late, Memory, Names, Reader, Reading, Unreadable

_object_at = ctypes.py_object
_NONE = id(None)
# codes of what `ctypes` holds as numbers or characters; the others are addresses
_NUMBERS_OF_C = frozenset("cbBhHiIlLqQfdg?u")


def _array(obj: array[Any]) -> Reading:
    """Numbers as numpy holds them, from a type code to bytes; text by its code points."""
    start, length = array.buffer_info(obj)
    size = length * obj.itemsize
    facts: Facts = ("numbers", _dtype(obj), (length,), ("strides", obj.itemsize), (True,))
    memory: Memory = (start, size, start, "cpu")
    data = (array.tobytes(obj), memory) if size else None
    return facts, (("typecode", obj.typecode),), data


def _dtype(obj: array[Any]) -> str:
    return np.dtype(f"u{obj.itemsize}" if obj.typecode in "uw" else obj.typecode).str


def _value_of_c(obj: Any) -> Reading:
    """Its type and its bytes, of a number, a structure or an array of such.

    Raises:
        Unreadable: it holds an address, which says nothing in another run.
    """
    kind = type(obj)
    if _holds_addresses(kind):
        raise Unreadable("holds an address, and not what lies there")
    size = ctypes.sizeof(obj)
    start = ctypes.addressof(obj)
    facts = ("value of C", kind.__name__, size)
    return facts, (), (ctypes.string_at(start, size), (start, size, start, "cpu"))


def _holds_addresses(kind: Any) -> bool:
    if issubclass(kind, ctypes.Array):
        return _holds_addresses(kind._type_)
    if issubclass(kind, ctypes.Structure | ctypes.Union):
        return any(_holds_addresses(field[1]) for field in getattr(kind, "_fields_", ()))
    return getattr(kind, "_type_", "") not in _NUMBERS_OF_C


def _write_value(target: Any, source: Any) -> None:
    ctypes.memmove(ctypes.addressof(target), ctypes.addressof(source), ctypes.sizeof(target))


def _view(obj: memoryview) -> Reading:
    """Format and shape, the bytes, and whose they are; once released, nothing."""
    try:
        shape, strides = obj.shape, obj.strides
    except ValueError:
        return ("memoryview", "released"), (), None
    facts = ("memoryview", obj.format, shape, strides, obj.readonly)
    children: list[Child] = [("obj", obj.obj)]
    if not obj.nbytes or 0 in (shape or ()):
        return facts, children, None
    start = np.asarray(obj).__array_interface__["data"][0]
    return facts, children, (obj.tobytes(), (start, obj.nbytes, start, "cpu"))


def _proxy(obj: Any) -> Reading:
    """As a weak reference: its target, where the graph holds it, without running code of it."""
    # the first member of every weak reference points to its target, or to None
    word = ctypes.c_void_p.from_address(id(obj) + object.__basicsize__).value
    if word is None or word == _NONE:
        return ("weakref", "dead"), (), None
    target = ctypes.cast(word, _object_at).value

    def edge(names: Names) -> Iterator[Child]:
        inside = names.position(target) is not None
        yield "<target>", target if inside else "outside the graph"

    return ("weakref", "alive"), joined(Late(edge, last=True), []), None


def _write(target: array[Any], source: array[Any]) -> None:
    target[:] = source


OWN_KINDS = (
    Kind(
        name="numbers",
        numeric=True,
        flags=("writeable",),
        elements=lambda held: np.frombuffer(held, _dtype(held)),
        bulk=True,
        write=_write,
    ),
    Kind(name="memoryview"),
    Kind(name="value of C", bulk=True, write=_write_value),
)

READERS: dict[type, Reader] = {
    array: _array,
    memoryview: _view,
    ctypes._SimpleCData: _value_of_c,
    ctypes.Array: _value_of_c,
    ctypes.Structure: _value_of_c,
    ctypes.Union: _value_of_c,
    weakref.ProxyType: _proxy,
    weakref.CallableProxyType: _proxy,
}
