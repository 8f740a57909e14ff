"""A live object graph as a tree of the schema: plain data as it is, objects by name."""

from __future__ import annotations

import enum
import functools
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Mapping
from typing import Any, final

import numpy as np
import torch

from ...checkpoint import Stored, is_storable
from ...checkpoint.encoding.schema import step
from .natives import native_of
from .shape import CONTAINERS, attributes_of, built_in_base, name_of

_GLANCE = 9  # containers within containers, before a look at everything
_AS_THEY_ARE = frozenset({type(None), bool, int, float, str, bytes})
CODE = (types.FunctionType, type, types.ModuleType, types.BuiltinFunctionType)


class Unfrozen(Exception):
    """Raised inside when a part of a value cannot be stored; whoever asked is told the place."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason


@final
class Freezer:
    """Reads the objects of one run; what is met twice is one object in the tree, too.

    Args:
        places: objects that are saved elsewhere, by identity: kind and number of each.
        passed_again: whether a function that keeps variables may be noted as the caller's own, who
            passes it again.
    """

    def __init__(self, places: Mapping[int, tuple[str, int]], passed_again: bool = False) -> None:
        self._places = places
        self._passed_again = passed_again
        self._made: dict[int, tuple[Any, Any]] = {}

    def freeze(self, value: Any, path: str) -> Any:
        """Returns the value as a tree of the schema; the value itself where it is one already.

        Raises:
            Unfrozen: it holds something that is neither plain data nor an object of Python.
        """
        if type(value) in _AS_THEY_ARE:
            return value
        if id(value) in self._made:
            return self._made[id(value)][1]
        if id(value) in self._places:
            kind, number = self._places[id(value)]
            return Stored(kind=kind, name=type(value).__name__, content=number)
        if type(value) in (list, tuple, dict, set, frozenset, deque, OrderedDict):
            return self._container(value, path)
        if isinstance(value, torch.Tensor) and value.is_leaf and value.requires_grad:
            stored = Stored(kind="parameter", name="torch.Tensor", content=value.detach())
            return self._keep(value, stored)
        return value if _is_plain(value) or is_storable(value) else self._object(value, path)

    def _container(self, value: Any, path: str) -> Any:
        if _is_plain(value) or is_storable(value):
            return self._keep(value, value)
        if type(value) in (set, frozenset):
            raise Unfrozen(path, "a set of objects, whose order is that of their addresses")
        if type(value) is tuple:
            items = (self.freeze(item, f"{path}[{i}]") for i, item in enumerate(value))
            return self._keep(value, tuple(items))
        made: Any = deque(maxlen=value.maxlen) if isinstance(value, deque) else type(value)()
        self._keep(value, made)
        if isinstance(value, dict):
            for index, (key, item) in enumerate(value.items()):
                place = step(path, key, index)
                made[self.freeze(key, f"{place}.key")] = self.freeze(item, place)
        else:
            made.extend(self.freeze(item, f"{path}[{i}]") for i, item in enumerate(value))
        return made

    def _keep(self, value: Any, made: Any) -> Any:
        self._made[id(value)] = (value, made)  # the value, too: a dead one would free its id
        return made

    def _object(self, value: Any, path: str) -> Any:
        native = native_of(value)
        if native is not None:
            refusal = native.refuse(value)
            if refusal is not None:
                raise Unfrozen(path, refusal)
            kept = None if native.save is None else native.save(value)
            return self._keep(value, Stored(kind="native", name=native.name, content=kept))
        if type(value) is np.ndarray and value.dtype == np.dtype(object):
            return self._stored(value, "object array", _sparse(value), path)
        if isinstance(value, enum.Enum):
            return Stored(kind="enum", name=name_of(type(value)), content=value.name)
        if isinstance(value, types.MethodType):
            return self._method(value, path)
        if isinstance(value, CODE):
            return self._code(value, path)
        if isinstance(value, functools.partial):
            parts = [value.func, list(value.args), dict(value.keywords)]
            return self._stored(value, "partial", parts, path)
        if type(value) is defaultdict:
            return self._stored(value, "defaultdict", [value.default_factory, dict(value)], path)
        return self._instance(value, path)

    def _method(self, value: types.MethodType, path: str) -> Any:
        name = value.__func__.__name__
        if getattr(type(value.__self__), name, None) is not value.__func__ and not isinstance(
            value.__self__, type
        ):
            raise Unfrozen(path, f"the method {name}, which its class does not have")
        return self._stored(value, "method", [value.__self__, name], path)

    def _instance(self, value: Any, path: str) -> Any:
        cls = type(value)
        base = built_in_base(cls)
        if base is None:
            raise Unfrozen(path, f"a {name_of(cls)}, which is not made of Python objects")
        if base is not object and base not in CONTAINERS:
            return self._stored(value, "value", [base(value), attributes_of(value)], path, cls)
        if base is object:
            return self._stored(value, "object", attributes_of(value), path, cls)
        items = base(value)
        content = [items, attributes_of(value)]
        if base is deque:
            content = [deque(value, value.maxlen), attributes_of(value)]
        return self._stored(value, "container", content, path, cls)

    def _stored(
        self, value: Any, kind: str, content: Any, path: str, cls: type | None = None
    ) -> Stored:
        stored = Stored(kind=kind, name=name_of(cls or type(value)), content=None)
        self._keep(value, stored)
        try:
            if kind == "object":
                stored.content = {
                    name: self.freeze(kept, f"{path}.{name}") for name, kept in content.items()
                }
            else:
                stored.content = [self.freeze(part, path) for part in content]
                self._keep(content, content)  # its parts are temporary: their ids must stay taken
        except Unfrozen:
            del self._made[id(value)]
            raise
        return stored

    def _code(self, value: Any, path: str) -> Stored:
        if isinstance(value, types.ModuleType):
            return Stored(kind="python module", name=value.__name__, content=None)
        if isinstance(value, types.FunctionType) and (
            value.__closure__ or value.__name__ == "<lambda>"
        ):
            if self._passed_again:
                return Stored(kind="yours", name=name_of(value), content=None)
            raise Unfrozen(path, f"the function {name_of(value)}, which keeps variables")
        owner = getattr(value, "__self__", None)
        if owner is not None and not isinstance(owner, (types.ModuleType, type)):
            raise Unfrozen(path, f"{value.__name__}, bound to a {type(owner).__name__}")
        return Stored(kind="code", name=name_of(value), content=None)


def _sparse(value: np.ndarray[Any, Any]) -> list[Any]:
    """Shape, and the items that are more than an empty dict, which most infos in a buffer are."""
    items = {i: item for i, item in enumerate(value.flat) if type(item) is not dict or item}
    return [list(value.shape), items]


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether the value is one of the most frequent, which are storable at a glance."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return True
    if kind is np.ndarray:
        return value.dtype.kind in "biufc"
    if depth > _GLANCE:
        return False
    if kind in (list, tuple, deque):
        return all(_is_plain(item, depth + 1) for item in value)
    return kind is dict and all(
        type(key) is str and _is_plain(item, depth + 1) for key, item in value.items()
    )
