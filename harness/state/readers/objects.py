"""Instances of Python classes: `__dict__` and `__slots__` over the MRO, and nothing hidden."""

import types
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ..kind import KINDS, WITH_ATTRIBUTES, Kind
from .containers import joined
from .reading import Child, Reader, Reading, refuse

_WORD = object.__basicsize__ // 2
_FACTS = ("object",)
# set by torch's compiler and by its wrappers on what they work on, under ids of the process
_BESIDE = ("_torchdynamo_", "_dynamo_", "__composable_api_state_key")


def reader_of_objects(cls: type) -> Reader:
    """A reader for instances of a class without a registered base.

    A class with memory that no attribute shows is one of an extension: it is refused.
    """
    if _hidden_bytes(cls) > 0 or cls.__itemsize__:
        return refuse("is an object of an extension module, whose state Python cannot see")
    fields = dict_getter(cls)
    slots = slots_of(cls, object, hidden=True)
    if fields is None:
        return lambda obj: (_FACTS, slot_values(slots, obj), None)
    if not slots:
        return lambda obj: (_FACTS, attributes(fields(obj)), None)
    return lambda obj: (_FACTS, [*attributes(fields(obj)), *slot_values(slots, obj)], None)


def attributes(own: dict[str, Any]) -> list[Child]:
    """What a `__dict__` holds, by name: in which order attributes were set is no state.

    Walked in one order, equal objects give equal bytes, which spares the comparison row by row.
    """
    return [(name, own[name]) for name in _in_order(tuple(own))]


@lru_cache(maxsize=4096)
def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    """Public names first: what has two names of one length is known by the public one."""
    kept = [name for name in names if not str(name).startswith(_BESIDE)]
    return tuple(sorted(kept, key=lambda name: (str(name).startswith("_"), str(name))))


def with_attributes(read: Reader, cls: type, base: type) -> Reader:
    """`read` for a subclass `cls` of `base`: the attributes the subclass adds are walked too."""
    fields = dict_getter(cls) if dict_getter(base) is None else None
    slots = slots_of(cls, base, hidden=True)
    if fields is None and not slots:
        return read

    def extended(obj: Any) -> Reading:
        facts, children, data = read(obj)
        added = [*(attributes(fields(obj)) if fields else ()), *slot_values(slots, obj)]
        if added and not KINDS[facts[0]].identity:
            # with attributes a value is an object: two names of one are not two equal ones
            facts = (facts[0] + WITH_ATTRIBUTES, *facts[1:])
        return facts, joined(children, added), data

    return extended


def dict_getter(cls: type) -> Callable[[Any], dict[str, Any]] | None:
    """How to reach an instance's `__dict__` without running code of its class."""
    for base in cls.__mro__:
        getter = type.__getattribute__(base, "__dict__").get("__dict__")
        # SimpleNamespace shows its own as a member
        if isinstance(getter, types.GetSetDescriptorType | types.MemberDescriptorType):
            return getter.__get__
    return None


def slots_of(cls: type, base: type, *, hidden: bool = False) -> tuple[tuple[str, Any], ...]:
    """Slots of the classes below `base`, each with the descriptor that reads it.

    Args:
        cls: the class of the instances.
        base: the class at which to stop.
        hidden: whether to add slots of a class that one of its subclasses has again.
    """
    found: dict[str, Any] = {}
    for part in cls.__mro__:
        if part is base:
            break
        for name, member in type.__getattribute__(part, "__dict__").items():
            if not isinstance(member, types.MemberDescriptorType) or name == "__dict__":
                continue
            if found.setdefault(name, member) is not member and hidden:
                found[f"<{name} of {part.__name__}>"] = member
    return tuple(found.items())


def slot_values(slots: tuple[tuple[str, Any], ...], obj: Any) -> list[Child]:
    """The slots that are filled."""
    values: list[Child] = []
    for name, member in slots:
        try:
            values.append((name, member.__get__(obj)))
        except AttributeError:  # a slot not yet filled has no value to lose
            continue
    return values


def _hidden_bytes(cls: type) -> int:
    """Bytes of an instance that neither `__dict__`, weak references nor slots account for."""
    visible = sum(
        isinstance(member, types.MemberDescriptorType)
        for base in cls.__mro__
        for member in type.__getattribute__(base, "__dict__").values()
    )
    visible += (cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0)
    return cls.__basicsize__ - object.__basicsize__ - visible * _WORD


OWN_KINDS = (Kind(name="object", lists_attributes=True),)
