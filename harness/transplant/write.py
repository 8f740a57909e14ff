"""Writing to a live object as directly as capture reads it: no property and no `__setattr__`."""

from __future__ import annotations

import contextvars
import ctypes
import sys
import types
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Any, final

from ..core.keypath import Segment
from ..state.readers.objects import dict_getter

_PARTS = ("_parameters", "_buffers", "_modules")


@final
class Unreachable(Exception):
    """A difference cannot be put back into the live object; the text says why."""


def assign(owner: Any, segment: Segment, key: Any, value: Any) -> None:
    """Sets the item or attribute of `owner` behind a segment.

    Args:
        owner: the live object.
        segment: as in its KeyPath.
        key: of a mapping, the key itself.
        value: what to put there.

    Raises:
        Unreachable: an owner of this kind does not take it.
    """
    if isinstance(segment, tuple) and isinstance(owner, dict):
        owner[key] = value
    elif isinstance(segment, int) and isinstance(owner, list | deque):
        owner[segment] = value
    elif isinstance(owner, contextvars.ContextVar) and segment == "<value>":
        owner.set(value)
    elif isinstance(segment, str) and not segment.startswith("<"):
        _set_attribute(owner, segment, value)
    else:
        raise Unreachable(f"{type(owner).__name__} does not take {segment!r}")


def _set_attribute(owner: Any, name: str, value: Any) -> None:
    if isinstance(owner, types.CellType):
        owner.cell_contents = value
        return
    if frame := _frame_of(owner):
        _set_variable(frame, name, value)
        return
    getter = dict_getter(type(owner))
    own = getter(owner) if getter else {}
    for part in _PARTS:
        if part in own and name in own[part]:
            own[part][name] = value
            return
    if getter and (name in own or not hasattr(type(owner), name)):
        own[name] = value
    else:  # slots, and fields of extension types such as the gradient of a tensor
        _setter(type(owner))(owner, name, value)


def _setter(cls: type) -> Any:
    """How objects of a class are written to without code of their own: a class of C may insist."""
    known = (vars(base).get("__setattr__") for base in cls.__mro__)
    return next(way for way in known if isinstance(way, types.WrapperDescriptorType))


def _frame_of(owner: Any) -> types.FrameType | None:
    """Where the variables of half-run code are; None of anything else."""
    names = {types.GeneratorType: "gi", types.CoroutineType: "cr", types.AsyncGeneratorType: "ag"}
    prefix = names.get(type(owner))
    return getattr(owner, f"{prefix}_frame") if prefix else None


def _set_variable(frame: types.FrameType, name: str, value: Any) -> None:
    """Gives a variable of half-run code another value, which must have one already."""
    variables = frame.f_locals
    if name not in variables:
        raise Unreachable(f"half-run code has no variable {name!r} now")
    variables[name] = value
    if sys.version_info < (3, 13):  # there it is a copy, that is written back on demand only
        call = ctypes.pythonapi.PyFrame_LocalsToFast
        call(ctypes.py_object(frame), ctypes.c_int(0))
        variables.clear()


def remove(owner: Any, segment: Segment, key: Any) -> None:
    """Deletes the item or attribute of `owner` behind a segment.

    Raises:
        Unreachable: an owner of this kind cannot lose it.
    """
    if isinstance(segment, tuple) and isinstance(owner, dict):
        del owner[key]
    elif segment in ("grad", "_backward_hooks"):  # fields of a tensor
        setattr(owner, str(segment), None)
    elif isinstance(segment, str):
        object.__delattr__(owner, segment)
    else:
        raise Unreachable(f"{type(owner).__name__} cannot lose {segment!r}")


def reorder(owner: dict[Any, Any], keys: Sequence[Any]) -> None:
    """Puts the items of a mapping in the order of these keys; they are all of its keys.

    Raises:
        Unreachable: they are not.
    """
    items = dict(items_of(owner))
    if len(items) != len(keys) or not all(key in items for key in keys):
        raise Unreachable("its keys are not those whose order is to be put back")
    kind = OrderedDict if isinstance(owner, OrderedDict) else dict
    kind.clear(owner)
    for key in keys:
        kind.__setitem__(owner, key, items[key])


def items_of(owner: dict[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """Returns keys and values as capture reads them: `move_to_end` changes an order of its own."""
    return OrderedDict.items(owner) if isinstance(owner, OrderedDict) else dict.items(owner)


def is_tensor(item: object) -> Any:
    """Returns whether it is a tensor, without importing torch for it."""
    torch = sys.modules.get("torch")
    # by its type: a weak proxy would answer for its target
    return torch is not None and issubclass(type(item), torch.Tensor)
