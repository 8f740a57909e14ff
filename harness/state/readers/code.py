"""Functions, methods, classes, modules: known by name, and by the state a closure carries."""

import abc
import functools
import operator
import sys
import types
import typing
from gc import get_referents
from typing import Any

import numpy as np

from ..kind import WITH_ATTRIBUTES, Kind
from .objects import attributes
from .reading import Child, Reader, Reading, Unreadable, name_of

_COPIED = frozenset({*functools.WRAPPER_ASSIGNMENTS, "__wrapped__", "cache_parameters"})


# where `torch.compile` keeps the function it was given: all else in its wrapper is a cache
_COMPILED = "_torchdynamo_orig_callable"


def _function(obj: types.FunctionType) -> Reading:
    """Name, and of one that the name does not lead to also its code; what it holds is walked.

    Documentation and annotations are code, as names are: no run loses them.
    """
    if (original := obj.__dict__.get(_COMPILED)) is not None:
        return ("function", "compiled", ()), ((_COMPILED, original),), None
    children: list[Child] = _foreign_globals(obj)
    for name, cell in zip(obj.__code__.co_freevars, obj.__closure__ or (), strict=True):
        children.append((f"<closure {name}>", cell))
    if obj.__defaults__:
        children.append(("__defaults__", obj.__defaults__))
    if obj.__kwdefaults__:
        children.append(("__kwdefaults__", obj.__kwdefaults__))
    if "__wrapped__" in obj.__dict__:
        children.append(("__wrapped__", obj.__dict__["__wrapped__"]))
    own = _own(obj)
    body = () if _leads_to(obj, obj.__module__, obj.__qualname__) else _body(obj.__code__)
    # with attributes it is an object: two names of one are not two equal ones
    kind = "function" + WITH_ATTRIBUTES * bool(own)
    facts = (kind, f"{obj.__module__}.{obj.__qualname__}", body)
    return facts, [*children, *own], None


def _own(obj: Any) -> list[Child]:
    """Attributes that `functools.wraps` did not copy: those are another function's, or names."""
    return [item for item in attributes(obj.__dict__) if item[0] not in _COPIED]


def _leads_to(obj: object, module: Any, qualified: Any) -> bool:
    """Whether a module holds this very object under its name, which then tells all of it."""
    if not isinstance(module, str) or not isinstance(qualified, str) or "<" in qualified:
        return False
    place: Any = sys.modules.get(module)
    for name in qualified.split("."):
        if isinstance(place, types.ModuleType):
            place = object.__getattribute__(place, "__dict__").get(name)
        elif isinstance(place, type):
            place = type.__getattribute__(place, "__dict__").get(name)
        else:
            return False
    return (place.__func__ if type(place) in (staticmethod, classmethod) else place) is obj


def _foreign_globals(obj: types.FunctionType) -> list[Child]:
    """Globals it names that are no module's: what `exec` gave it, and nobody else may hold."""
    space = obj.__globals__
    module = sys.modules.get(space.get("__name__", ""))
    if module is not None and object.__getattribute__(module, "__dict__") is space:
        return []
    return [(f"<global {name}>", space[name]) for name in _names(obj.__code__) if name in space]


def _names(code: types.CodeType) -> list[str]:
    """The globals and attributes that code names, and code within it."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found.update(_names(constant))
    return sorted(found)


def _body(code: types.CodeType) -> tuple[Any, ...]:
    """What tells two functions of one name apart: lambdas share theirs."""
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    names = (parameters, code.co_names, code.co_freevars, code.co_cellvars)
    constants = tuple(map(_constant, code.co_consts))
    return code.co_code, code.co_exceptiontable, counts, names, constants


def _constant(value: Any) -> Any:
    """A constant of code as a plain value, the same in every process."""
    if isinstance(value, types.CodeType):
        return _body(value)
    if type(value) is tuple:
        return ("tuple", *map(_constant, value))
    if type(value) is frozenset:  # iterates in an order that differs by process
        return ("frozenset", *sorted(map(_constant, value), key=repr))
    if type(value) is slice:
        return ("slice", *map(_constant, (value.start, value.stop, value.step)))
    return value


def _code(obj: types.CodeType) -> Reading:
    return ("code", obj.co_qualname, _body(obj)), (), None


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
    """Its name: what a program keeps in its classes and modules belongs to the process."""
    return ("class", name_of(obj)), (), None


def _registrations(obj: object) -> Reading:
    # which virtual subclasses a class has, and a cache of answers: part of its code
    return ("builtin", "registrations"), (), None


def _module(obj: types.ModuleType) -> Reading:
    """What the program imported is known by its name; any other one is an object."""
    own = object.__getattribute__(obj, "__dict__")
    name = own.get("__name__")
    if sys.modules.get(name) is obj:
        return ("module", name), (), None
    return ("module object", name), attributes(own), None


def _partial(obj: functools.partial[Any]) -> Reading:
    parts: list[Child] = [("func", obj.func), ("args", obj.args), ("keywords", obj.keywords)]
    return ("partial",), [*parts, *attributes(obj.__dict__)], None


def _wrapped(obj: Any) -> Reading:
    """A function under `lru_cache`, with what it remembers where that is its holder's.

    One that a module or a class holds under its name remembers for the whole process, and what
    a process keeps in its modules is no state of an object. Any other is made by a run, and its
    answers, which may have been drawn, are the run's. How often it was asked is not.
    """
    parameters = obj.cache_parameters()
    sizes = (parameters["maxsize"], parameters["typed"])
    own = obj.__dict__
    children: list[Child] = [("__wrapped__", own["__wrapped__"]), *_own(obj)]
    if _leads_to(obj, own.get("__module__"), own.get("__qualname__")):
        return ("function", "lru_cache", *sizes), children, None
    return ("cache", "lru_cache", *sizes), [*children, ("<answers>", _answers(obj))], None


def _answers(obj: Any) -> list[tuple[Any, Any]]:
    """Questions and answers, the one to be forgotten first in front; read below all its code."""
    size, limit = obj.cache_info().currsize, obj.cache_parameters()["maxsize"]
    if not size:
        return []
    held = get_referents(obj)[1:]  # after its class: question, answer and class of each link
    table = held[0 if limit is None else 3 * size]
    if type(table) is not dict or len(table) != size:
        raise Unreadable("remembers answers in a way of its own, that cannot be read here")
    if limit is None:
        return list(table.items())
    return list(zip(held[: 3 * size : 3], held[1 : 3 * size : 3], strict=True))


def _spelled(obj: object) -> Reading:
    """Annotations: `list[int]`, `int | None` and the like say all in their text."""
    return ("spec", repr(obj)), (), None


def _ufunc(obj: np.ufunc) -> Reading:
    if all(set(signature) <= {"O", "-", ">"} for signature in obj.types):
        raise Unreadable("is made of a function of Python, which numpy does not show")
    return ("builtin", f"numpy.{obj.__name__}"), (), None


def _dispatched(obj: Any) -> Reading:
    return ("builtin", f"{obj.__module__}.{obj.__qualname__}"), (), None


def _property(obj: property) -> Reading:
    return ("property",), (("fget", obj.fget), ("fset", obj.fset), ("fdel", obj.fdel)), None


def _wrapper(obj: Any) -> Reading:
    return ("wrapper",), [("__func__", obj.__func__), *_own(obj)], None


def _getter(obj: Any) -> Reading:
    # exact builtin types only: their __reduce__ tells what they get
    return ("getter",), enumerate(obj.__reduce__()[1]), None


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

_VALUES = ("builtin", "getter", "class", "module", "spec", "code")

OWN_KINDS = (
    Kind(name="function", identity=False, sets_members=True),
    Kind(name="method", identity=False, sets_members=True),
    *(Kind(name=name, identity=False) for name in _VALUES),
    *(
        Kind(name=name)
        for name in ("cell", "module object", "partial", "cache", "property", "wrapper")
    ),
)

READERS: dict[type, Reader] = {
    types.FunctionType: _function,
    types.CodeType: _code,
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
    type(np.copy): _dispatched,
    property: _property,
    staticmethod: _wrapper,
    classmethod: _wrapper,
    operator.itemgetter: _getter,
    operator.attrgetter: _getter,
}
