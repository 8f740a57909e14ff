"""Iterators of Python itself: what they run over, and how far they are. Reading one moves nothing.

The builtin ones tell it by `__reduce__`. Those of `itertools` did so up to Python 3.11, warn in
3.12, and are silent from 3.14 on, so that their members are read instead, the same in all.
"""

import itertools
import sys
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from gc import get_referents
from typing import Any

import numpy as np

from ...kind import Kind
from ..reading import Child, Reader, Reading
from .fields import fields_of, sizes_at


def _numbered(args: tuple[Any, ...]) -> list[Child]:
    return list(enumerate(args))


def _named(*names: str) -> Callable[[tuple[Any, ...]], list[Child]]:
    return lambda args: list(zip(names, args, strict=False))


def _rest(args: tuple[Any, ...]) -> list[Child]:
    return list(enumerate(args[0]))


def _mapped(args: tuple[Any, ...]) -> list[Child]:
    return [("func", args[0]), *enumerate(args[1:])]


def _reduced(cls: type, name: Callable[[tuple[Any, ...]], list[Child]]) -> Reader:
    """A reader for a builtin iterator, whose `__reduce__` says all and moves nothing."""
    reduce: Callable[[Any], Any] = type.__getattribute__(cls, "__reduce__")

    def read(obj: Any) -> Reading:
        _, args, *state = reduce(obj)
        # exhausted, it forgets its source: what it would be made of is an empty tuple then
        children = name(args)
        return ("iterator",), [*children, *(("position", item) for item in state)], None

    return read


def _views(mapping: Any) -> tuple[Any, ...]:
    return mapping, mapping.values(), mapping.items()


_EMPTY: dict[int, int] = {}
_DEQUE: deque[int] = deque()
# their `__reduce__` lists what is left, from a copy of the iterator
_REST: tuple[Iterator[Any], ...] = (
    *map(iter, (*_views(_EMPTY), *_views(OrderedDict[int, int]()), set())),
    *map(reversed, (*_views(_EMPTY), *_views(OrderedDict[int, int]()))),
)


class _Indexed:
    """A sequence by `__getitem__` alone: `iter` gives one of Python's own class."""

    def __getitem__(self, at: int) -> int:
        raise IndexError(at)

    def __len__(self) -> int:
        return 0


# all that one of these knows is a sequence and how far in it is
_SEQUENCES: tuple[Iterator[Any], ...] = (
    *map(iter, ([], (), range(0), range(1 << 100), "", "\u00e4", b"", bytearray(), array("b"))),
    reversed([]),
    reversed(_Indexed()),
    iter(_Indexed()),
)
_BUILTIN: dict[Any, Callable[[tuple[Any, ...]], list[Child]]] = {
    **{type(item): _rest for item in _REST},
    **{type(item): _named("source", "done") for item in (iter(_DEQUE), reversed(_DEQUE))},
    type(iter(int, 1)): _named("callable", "sentinel"),
    enumerate: _named("source", "index"),
    zip: _numbered,
    map: _mapped,
    filter: _named("func", "source"),
}

# members of each class of `itertools`, for all versions of Python in which they differ
_MEMBERS: dict[str, tuple[str, ...]] = {
    "accumulate": (
        "total:object it:object func:object initial:object",
        "total:object it:object func:object initial:object module:hidden",
    ),
    "batched": ("it:object size:size", "it:object size:size strict:bool"),
    "chain": ("source:object active:object",),
    "combinations": ("pool:object indices:address result:object r:size stopped:int",),
    "combinations_with_replacement": (
        "pool:object indices:address result:object r:size stopped:int",
    ),
    "compress": ("data:object selectors:object",),
    "count": ("small:size next:object step:object",),
    "cycle": ("it:object saved:object index:size again:int",),
    "dropwhile": ("func:object it:object started:int",),
    "filterfalse": ("func:object it:object",),
    "groupby": (
        "it:object key:object target:object current:object value:object group:address",
        "it:object key:object target:object current:object value:object group:address "
        "module:hidden",
    ),
    "islice": ("it:object next:size stop:size step:size taken:size",),
    "pairwise": ("it:object old:object", "it:object old:object result:hidden"),
    "permutations": (
        "pool:object indices:address cycles:address result:object r:size stopped:int",
    ),
    "product": ("pools:object indices:address result:object stopped:int",),
    "repeat": ("element:object left:size",),
    "starmap": ("func:object it:object",),
    "takewhile": ("func:object it:object stopped:int",),
    "zip_longest": ("size:size active:size sources:object result:hidden fill:object",),
}
_GROUPER = ("groupby:object target:object",)
_TEE = (
    "data:object index:int weak:hidden",
    "data:object index:int weak:hidden module:hidden",
)


def _by_members(cls: type, layouts: tuple[str, ...]) -> Reader:
    def read(obj: Any) -> Reading:
        members = fields_of(obj, cls, layouts)
        members.pop("group", None)  # an address, that only a group can tell something from
        small = members.pop("small", None)  # the next number, as long as it is a small one
        first = {} if small is None or "next" in members else {"next": small}
        return ("iterator",), [*first.items(), *_with_numbers(members).items()], None

    return read


def _with_numbers(members: dict[str, Any]) -> dict[str, Any]:
    """The same, with the numbers that stand at an address in place of the address."""
    for name in ("indices", "cycles"):
        if name in members:
            members[name] = sizes_at(members[name], _length(name, members))
    return members


def _length(name: str, members: dict[str, Any]) -> int:
    if "pools" in members:
        return len(members["pools"])
    # a permutation orders all of its pool, a combination as many as it gives
    whole = name == "indices" and "cycles" in members
    return len(members["pool"]) if whole else int(members["r"])


def _grouper(obj: Any) -> Reading:
    """A group, and whether it is the one its `groupby` is in: any other is at its end."""
    members = fields_of(obj, type(obj), _GROUPER)
    above = members["groupby"]
    group = fields_of(above, itertools.groupby, _MEMBERS["groupby"])["group"]
    return ("iterator", "current" if group == id(obj) else "over"), list(members.items()), None


def _tee_data(obj: Any) -> Reading:
    """What one of several `tee` has taken and another may still want, and where more comes from."""
    members = get_referents(obj)
    source, *values = members[1:] if members[0] is type(obj) else members  # from Python 3.12 on
    return ("iterator",), [("it", source), *enumerate(values)], None


def _sequential(obj: Any) -> Reading:
    # exact builtin types only: their __reduce__ tells source and position, and moves nothing
    _, source, *position = obj.__reduce__()
    return ("iterator", *position), (("source", source[0]),), None


def _write(target: Any, source: Any) -> None:
    """Moves an iterator over a sequence to where another one stands; past the end it is over."""
    position = source.__reduce__()[2:]
    target.__setstate__(*position or (sys.maxsize,))


def _flat(obj: Any) -> Reading:
    return ("iterator",), (("source", obj.base), ("index", obj.index)), None


_TEES: tuple[Any, ...] = itertools.tee([])
_DATA = next(item for item in get_referents(_TEES[0]) if item is not type(_TEES[0]))
_GROUPS = itertools.groupby([1])

OWN_KINDS = (Kind(name="iterator", write=_write, fixed_members=True),)

READERS: dict[type, Reader] = {
    **{type(item): _sequential for item in _SEQUENCES},
    **{cls: _reduced(cls, name) for cls, name in _BUILTIN.items()},
    **{
        cls: _by_members(cls, layouts)
        for name, layouts in _MEMBERS.items()
        if (cls := getattr(itertools, name, None))  # some are younger than Python 3.11
    },
    type(_TEES[0]): _by_members(type(_TEES[0]), _TEE),
    type(_DATA): _tee_data,
    type(next(_GROUPS)[1]): _grouper,
    np.flatiter: _flat,
}
