"""Classes and functions that live objects reach: the only code that a checkpoint may name.

From an object to its class, from a class to its methods and what it lists, from a function to the
names of its module. Modules themselves are not entered, and nothing is imported.
"""

from __future__ import annotations

import enum
import types
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, final

from .shape import attributes_of, name_of

_CONTAINERS = (list, tuple, set, frozenset, deque)
_BUILT_IN = (list, dict, set, int, float, str, tuple, bool)
_CODE = (type, types.FunctionType)
_OF_CLASS = (*_CODE, staticmethod, classmethod, property, list, tuple, dict)


@final
class Reachable:
    """Looks code up by name among what some objects reach, as far as it must to find it.

    Args:
        roots: the live objects: environments, models, what a caller lists.
    """

    def __init__(self, roots: Iterable[Any]) -> None:
        self._found: dict[str, Any] = {}
        self._walk = self._visit([*roots, *_BUILT_IN])

    def code(self, name: str) -> Any:
        """Returns the class or function of that name, or None."""
        while name not in self._found:
            try:
                code = next(self._walk)
            except StopIteration:
                return None
            self._found.setdefault(name_of(code), code)
        return self._found[name]

    def _visit(self, roots: list[Any]) -> Iterator[Any]:
        queue, met = deque(roots), set()
        kept = []  # an object that died would free its identity for another one
        while queue:
            value = queue.popleft()
            if id(value) in met:
                continue
            met.add(id(value))
            kept.append(value)
            if issubclass(type(value), (*_CODE, types.BuiltinFunctionType)):
                yield value
            queue.extend(_next(value))


def _next(value: Any) -> Iterator[Any]:
    # asked of the type: an object may claim another class, or warn when it is asked for its own
    kind = type(value)
    if issubclass(kind, type):
        yield from value.__mro__
        yield from (kept for kept in vars(value).values() if issubclass(type(kept), _OF_CLASS))
    elif issubclass(kind, types.FunctionType):
        yield from _named_by(value)
        yield from (cell.cell_contents for cell in value.__closure__ or () if _is_bound(cell))
        yield from value.__defaults__ or ()
    elif issubclass(kind, (staticmethod, classmethod)):
        yield value.__func__
    elif issubclass(kind, property):
        yield from (part for part in (value.fget, value.fset) if part is not None)
    elif issubclass(kind, types.MethodType):
        yield from (value.__self__, value.__func__)
    elif issubclass(kind, dict):
        yield from (*value.values(), *value.keys())
    elif issubclass(kind, _CONTAINERS):
        yield from value
    elif not issubclass(kind, (types.ModuleType, types.BuiltinFunctionType, str, bytes)):
        yield kind
        if not issubclass(kind, enum.Enum):
            yield from attributes_of(value).values()


def _named_by(function: types.FunctionType) -> Iterator[Any]:
    """The code of its module, and what it takes out of others by an attribute: `world.Door`."""
    used = set(function.__code__.co_names)
    for name, kept in list(function.__globals__.items()):
        if issubclass(type(kept), _CODE):
            yield kept
        elif issubclass(type(kept), types.ModuleType) and name in used:
            own = vars(kept)
            yield from (own[name] for name in used if issubclass(type(own.get(name)), type))


def _is_bound(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
