"""What an object is made of: attributes, slots, and the built-in type that it extends."""

from __future__ import annotations

import types
from collections import OrderedDict, deque
from typing import Any

# what a class may extend and still be read whole: contents and attributes
CONTAINERS: tuple[type, ...] = (OrderedDict, dict, list, set, frozenset, tuple, deque)
PLAIN: tuple[type, ...] = (bool, int, float, complex, str, bytes)
_HEAP_TYPE = 1 << 9  # made by a class statement, or by an extension that says so
_POINTER = tuple.__itemsize__
_MISSING = object()


def name_of(code: Any) -> str:
    """Returns the name of a class or function, as it is written into a checkpoint."""
    module = getattr(code, "__module__", None)
    return f"{module}.{getattr(code, '__qualname__', type(code).__qualname__)}"


def slots_of(cls: type) -> list[str]:
    """Returns the attributes that a class and those it extends keep in slots, as Python does."""
    names = []
    for base in cls.__mro__:
        own = vars(base).get("__slots__", ())
        for name in (own,) if isinstance(own, str) else own:
            if name not in ("__dict__", "__weakref__"):
                hidden = name.startswith("__") and not name.endswith("__")
                names.append(f"_{base.__name__.lstrip('_')}{name}" if hidden else name)
    return names


def built_in_base(cls: type) -> type | None:
    """Returns the built-in type that the class extends, `object` mostly; None where it is native.

    A native class keeps state where Python cannot read it: it has a constructor or memory of its
    own.
    """
    for base in cls.__mro__:
        if base is object or base in CONTAINERS or base in PLAIN:
            return base
        if not base.__flags__ & _HEAP_TYPE or _is_native(base):
            return None
    return None


def _is_native(cls: type) -> bool:
    constructor, parent = vars(cls).get("__new__"), cls.__base__
    stated = any("__dict__" in vars(base) or "__slots__" in vars(base) for base in cls.__mro__)
    room = _POINTER * (len(slots_of(cls)) + 2)  # a dict and a list of weak references
    if parent is None or not stated or cls.__basicsize__ > parent.__basicsize__ + room:
        return True
    return isinstance(constructor, types.BuiltinFunctionType) or any(
        isinstance(value, (types.GetSetDescriptorType, types.MemberDescriptorType))
        and name not in ("__dict__", "__weakref__")
        and name not in slots_of(cls)
        for name, value in vars(cls).items()
    )


def attributes_of(value: Any) -> dict[str, Any]:
    """Returns everything that the object keeps by name, slots included, without running its code.

    A class may have a property or a method of the same name: what counts is what is kept.
    """
    kept = _slot(value, "__dict__")
    own = {} if kept is _MISSING else dict(kept)
    for name in slots_of(type(value)):
        kept = _slot(value, name)
        if kept is not _MISSING:
            own[name] = kept
    return own


def _slot(value: Any, name: str) -> Any:
    try:
        return object.__getattribute__(value, name)
    except AttributeError:  # a slot that holds nothing yet
        return _MISSING


def set_attributes(value: Any, attributes: dict[str, Any]) -> None:
    """Gives the object these attributes and no others, without running its code."""
    for name in attributes_of(value):
        if name not in attributes:
            object.__delattr__(value, name)
    slots = set(slots_of(type(value)))
    for name, kept in attributes.items():
        if name in slots:
            object.__setattr__(value, name, kept)
        else:
            object.__getattribute__(value, "__dict__")[name] = kept
