"""Functions, methods, classes, modules: known by name, and by the state a closure carries."""

import abc
import functools
import operator
import types
import typing
from typing import Any

import numpy as np

from harness.leaves.reading import Child, Reader, Reading, name_of


def _function(obj: types.FunctionType) -> Reading:
    """Name, and for one made at run time also its code; cells, defaults and attributes walked."""
    children: list[Child] = []
    for name, cell in zip(obj.__code__.co_freevars, obj.__closure__ or (), strict=True):
        children.append((f"<closure {name}>", cell))
    if obj.__defaults__:
        children.append(("__defaults__", obj.__defaults__))
    if obj.__kwdefaults__:
        children.append(("__kwdefaults__", obj.__kwdefaults__))
    children.extend(obj.__dict__.items())
    local = "<" in obj.__qualname__
    facts = ("function", f"{obj.__module__}.{obj.__qualname__}", _body(obj.__code__, local))
    return facts, children, None


def _body(code: types.CodeType, local: bool) -> tuple[Any, ...]:
    """What tells two functions of one name apart: lambdas share theirs."""
    if not local:
        return ()
    constants = tuple(
        _body(constant, True) if isinstance(constant, types.CodeType) else repr(constant)
        for constant in code.co_consts
        if not isinstance(constant, frozenset)  # printed in an order that differs by process
    )
    return code.co_code, code.co_names, constants


def _cell(obj: types.CellType) -> Reading:
    try:
        return ("cell",), (("cell_contents", obj.cell_contents),), None
    except ValueError:  # a cell not yet, or no longer, filled
        return ("cell", "empty"), (), None


def _method(obj: types.MethodType) -> Reading:
    return ("method",), (("__func__", obj.__func__), ("__self__", obj.__self__)), None


def _builtin(obj: types.BuiltinMethodType) -> Reading:
    owner = obj.__self__
    name = f"{getattr(obj, '__module__', None)}.{obj.__qualname__}"
    bound = type(owner).__module__ != "pybind11_builtins"  # there it is a table, not an object
    if owner is None or isinstance(owner, types.ModuleType | type) or not bound:
        return ("builtin", name), (), None
    return ("builtin", name), (("__self__", owner),), None


def _descriptor(obj: Any) -> Reading:
    return ("builtin", f"{name_of(obj.__objclass__)}.{obj.__name__}"), (), None


def _class(obj: type) -> Reading:
    return ("class", name_of(obj)), (), None


def _registrations(obj: object) -> Reading:
    # which virtual subclasses a class has, and a cache of answers: part of its code
    return ("builtin", "registrations"), (), None


def _module(obj: types.ModuleType) -> Reading:
    return ("module", object.__getattribute__(obj, "__dict__").get("__name__")), (), None


def _partial(obj: functools.partial[Any]) -> Reading:
    parts: list[Child] = [("func", obj.func), ("args", obj.args), ("keywords", obj.keywords)]
    return ("partial",), [*parts, *obj.__dict__.items()], None


def _wrapped(obj: Any) -> Reading:
    """A function under `lru_cache`: what it remembers is derived, its parameters are not."""
    parameters = obj.cache_parameters()
    sizes = (parameters["maxsize"], parameters["typed"])
    return ("function", "lru_cache", *sizes), (("__wrapped__", obj.__wrapped__),), None


def _spelled(obj: object) -> Reading:
    """Annotations: `list[int]`, `int | None` and the like say all in their text."""
    return ("spec", repr(obj)), (), None


def _ufunc(obj: np.ufunc) -> Reading:
    return ("builtin", f"numpy.{obj.__name__}"), (), None


def _property(obj: property) -> Reading:
    return ("property",), (("fget", obj.fget), ("fset", obj.fset), ("fdel", obj.fdel)), None


def _wrapper(obj: Any) -> Reading:
    return ("wrapper",), (("__func__", obj.__func__),), None


def _getter(obj: Any) -> Reading:
    return ("builtin", repr(obj)), (), None


_METHOD_LIKE = (types.BuiltinFunctionType, types.MethodWrapperType)
_DESCRIPTORS = (
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
_ANNOTATIONS: tuple[Any, ...] = (
    types.GenericAlias,
    types.UnionType,
    type(typing.Any),
    type(typing.Optional[int]),  # noqa: UP045 (the class of the alias is wanted)
    typing.TypeVar,
    typing.ParamSpec,
    type(NotImplemented),
)

READERS: dict[type, Reader] = {
    types.FunctionType: _function,
    types.CellType: _cell,
    types.MethodType: _method,
    **dict.fromkeys(_METHOD_LIKE, _builtin),
    **dict.fromkeys(_DESCRIPTORS, _descriptor),
    **dict.fromkeys(_ANNOTATIONS, _spelled),
    type(functools.lru_cache(_module)): _wrapped,
    type: _class,
    types.ModuleType: _module,
    type(getattr(abc.ABC, "_abc_impl")): _registrations,  # noqa: B009
    functools.partial: _partial,
    np.ufunc: _ufunc,
    property: _property,
    staticmethod: _wrapper,
    classmethod: _wrapper,
    operator.itemgetter: _getter,
    operator.attrgetter: _getter,
}
