"""Members of an object of C that no attribute shows: read from its own memory, never followed.

Only the bytes of a live object are looked at. A word that points to a Python object is found
among those that the garbage collector is told of, so that no pointer is ever followed.
"""

import ctypes
from functools import lru_cache
from gc import get_referents
from typing import Any

from ..reading import Unreadable

_HEAD = object.__basicsize__
_TYPES: dict[str, Any] = {
    "object": ctypes.c_void_p,
    "size": ctypes.c_ssize_t,
    "int": ctypes.c_int,
    "bool": ctypes.c_bool,
    "address": ctypes.c_void_p,
    "hidden": ctypes.c_void_p,  # a cache, a borrowed reference, a table of functions
}


def fields_of(obj: Any, cls: type, layouts: tuple[str, ...]) -> dict[str, Any]:
    """The members of an object by name: numbers, addresses, and the objects that are there.

    Args:
        obj: an instance of `cls` or of a subclass.
        cls: the class of C that the members belong to.
        layouts: those of the versions of Python, each like `"it:object index:size"`.

    Raises:
        Unreadable: this version of Python lays the class out in another way.
    """
    layout = _layout(cls, layouts)
    if layout is None:
        raise Unreadable("is laid out by this version of Python in a way not known here")
    words = layout.from_address(id(obj) + _HEAD)
    held = {id(item): item for item in get_referents(obj)}
    members = {name: getattr(words, name) for name in layout.kinds}
    for name, kind in layout.kinds.items():
        if kind == "hidden" or (kind == "object" and members[name] is None):
            del members[name]
        elif kind == "object":
            members[name] = _member(members[name], held)
    return members


def _member(word: int, held: dict[int, Any]) -> Any:
    if word not in held:
        raise Unreadable("keeps a member that Python does not show")
    return held[word]


@lru_cache(maxsize=256)
def _layout(cls: type, layouts: tuple[str, ...]) -> Any:
    """The layout with the size of the class, as a structure; None if there is none."""
    for text in layouts:
        kinds = dict(part.split(":") for part in text.split())
        listed = [(name, _TYPES[kind]) for name, kind in kinds.items()]
        made = type("Layout", (ctypes.Structure,), {"_fields_": listed, "kinds": kinds})
        if ctypes.sizeof(made) == cls.__basicsize__ - _HEAD:
            return made
    return None


def sizes_at(address: int | None, count: int) -> tuple[int, ...]:
    """Numbers in memory that an object of C owns; none where it has none yet."""
    return tuple((ctypes.c_ssize_t * count).from_address(address)) if address else ()
