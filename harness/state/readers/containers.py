"""Containers of Python itself: what they hold, in which order, with which keys."""

import struct
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import ItemsView, Iterable, Iterator
from functools import partial
from gc import get_referents
from itertools import chain
from typing import Any

from ...core.keypath import Segment
from ..kind import Kind, Members, Pairs
from .reading import Child, Children, Late, Names, Reader, Reading, Unreadable, name_of

_ATOMS = frozenset({type(None), bool, float, complex, bytes, type(...)})
_ordered_fields = type.__getattribute__(OrderedDict, "__dict__")["__dict__"].__get__
_factory = type.__getattribute__(defaultdict, "__dict__")["default_factory"].__get__
_callback = type.__getattribute__(weakref.ref, "__dict__")["__callback__"].__get__
_NAN = struct.pack(">d", float("nan")).hex()
_LIST, _TUPLE, _DICT, _DEQUE = ("list",), ("tuple",), ("dict",), "deque"


def read_dict(obj: dict[Any, Any]) -> Reading:
    """Items in their order; keys that are no plain value are named once the graph is known."""
    return _read_items(dict.items(obj))


def _read_items(items: ItemsView[Any, Any]) -> Reading:
    children: list[Child] = []
    alike = False
    for key, value in items:
        kind = type(key)
        if kind is str or kind is int:
            children.append(((key,), value))
        elif segment := spell_key(key):
            children.append((segment, value))
            alike = True
        else:
            return _DICT, Late(partial(_named_items, items)), None
    if alike and len(children) > len({segment for segment, _ in children}):
        # two NaN, or two classes of one name: unequal keys that are spelled alike
        return _DICT, Late(partial(_named_items, items)), None
    return _DICT, children, None


def _ordered(obj: OrderedDict[Any, Any]) -> Reading:
    """The commonest container of torch, mostly empty; a state dict carries attributes too."""
    if type(obj) is OrderedDict:  # no class of its own, whose code would run here
        attributes = obj.__dict__
        if not obj and not attributes:
            return _DICT, (), None
    else:
        attributes = _ordered_fields(obj)
    # its own items: `move_to_end` changes an order that the dict below does not know
    facts, children, data = _read_items(OrderedDict.items(obj))
    return facts, joined(children, list(attributes.items())), data


def _default(obj: defaultdict[Any, Any]) -> Reading:
    facts, children, data = read_dict(obj)
    return facts, joined(children, [("default_factory", _factory(obj))]), data


def joined(children: Children, added: list[Child]) -> Children:
    """Items and then attributes, also where the items still wait for their names."""
    if not added:
        return children
    if isinstance(children, Late):
        return Late(lambda names: chain(children.children(names), added), last=children.last)
    return [*children, *added]


def spell_key(key: object) -> Segment | None:
    """The segment of a key that is a plain value, or None."""
    kind = type(key)
    if kind is str or kind is int:
        return (key,)  # type: ignore[return-value]
    if kind in _ATOMS:
        return (kind.__name__, _word(key))
    if kind is tuple:
        words = [_key_word(part) for part in key]  # type: ignore[attr-defined]
        known = [word for word in words if word is not None]
        text = ", ".join(known) + "," * (len(known) == 1)
        return ("tuple", f"({text})") if len(known) == len(words) else None
    if isinstance(key, type):
        return ("class", name_of(key))
    return None


def _key_word(part: object) -> str | None:
    """The text of a key inside a tuple, that tells apart what `spell_key` does."""
    segment = spell_key(part)
    if segment is None or isinstance(segment, str | int):
        return None
    return repr(segment[0]) if len(segment) == 1 else segment[1]


def _word(key: object) -> str:
    """As Python spells a plain value, and for a NaN its bits: each is a key of its own."""
    if isinstance(key, complex) and key != key:
        return f"complex({_word(key.real)}, {_word(key.imag)})"
    if isinstance(key, float) and key != key:
        bits = struct.pack(">d", key).hex()
        return "nan" if bits == _NAN else f"nan {bits}"
    return repr(key)


def _named_items(items: ItemsView[Any, Any], names: Names) -> Iterator[Child]:
    taken: set[Segment] = set()
    for place, (key, value) in enumerate(items):
        segment = spell_key(key) or names.label(key)
        if segment is None or segment in taken:
            # nothing names this key: it is known by its place, and its own state is walked
            yield f"<key {place}>", key
            segment = ("place", f"<key {place}>")
        taken.add(segment)
        yield segment, value


def _list(obj: list[Any]) -> Reading:
    return _LIST, enumerate(list.__iter__(obj)), None


def _tuple(obj: tuple[Any, ...]) -> Reading:
    return _TUPLE, enumerate(tuple.__iter__(obj)), None


def _deque(obj: deque[Any]) -> Reading:
    return (_DEQUE, deque.maxlen.__get__(obj)), enumerate(deque.__iter__(obj)), None


def _set(obj: set[Any]) -> Reading:
    return ("set",), _members(set.__iter__(obj)), None


def _frozenset(obj: frozenset[Any]) -> Reading:
    return ("frozenset",), _members(frozenset.__iter__(obj)), None


def _members(members: Iterable[Any]) -> Children:
    listed = list(members)
    if not listed:
        return ()
    spelled = [(segment, member) for member in listed if (segment := spell_key(member)) is not None]
    if len(spelled) == len(listed):
        _require_distinct([segment for segment, _ in spelled])
        # the order of a set depends on hashes and history: sorted by spelling it does not
        return sorted(spelled, key=lambda pair: repr(pair[0]))
    weak = any(isinstance(member, weakref.ref) for member in listed)
    return Late(partial(_named_members, listed), last=weak)  # named by what they refer to


def _named_members(listed: list[Any], names: Names) -> Iterator[Child]:
    named: list[tuple[str, Segment, Any]] = []
    unnamed: list[Any] = []
    for member in listed:
        segment = spell_key(member) or names.label(member)
        if segment is None:
            unnamed.append(member)
        else:
            named.append((repr(segment), segment, member))
    _require_distinct([segment for _, segment, _ in named])
    for _, segment, member in sorted(named, key=lambda entry: entry[0]):
        yield segment, member
    if len(unnamed) > 1:
        unnamed.sort(key=lambda member: name_of(type(member)))
        _require_order(unnamed)
    for place, member in enumerate(unnamed):
        yield ("member", f"<{name_of(type(member))} {place}>"), member


def _require_distinct(segments: list[Segment]) -> None:
    if len(set(segments)) < len(segments):
        raise Unreadable(
            "holds several members that are named alike (NaN, classes, or parameters of one name)"
        )


def _require_order(members: list[Any]) -> None:
    # several that refer to nothing here are all the same
    kinds = [type(member) for member in members if not isinstance(member, weakref.ref)]
    # tuples and other values would need an order of their contents, objects one of identity
    if len(set(kinds)) < len(kinds):
        raise Unreadable(
            "holds several unnamed objects of one class, which have no order of their own"
        )


def _proxy(obj: types.MappingProxyType[Any, Any]) -> Reading:
    # not obj.items(): the mapping behind may be of a user's class
    return ("proxy",), (("mapping", get_referents(obj)[0]),), None


def _weakref(obj: weakref.ref[Any]) -> Reading:
    target = weakref.ref.__call__(obj)
    if target is None:
        return ("weakref", "dead"), (), None

    def edge(names: Names) -> Iterator[Child]:
        inside = names.position(target) is not None
        # a weak reference owns nothing: what only it can reach is not walked
        yield "<target>", target if inside else "outside the graph"

    call = _callback(obj)
    called: list[Child] = [] if call is None else [("__callback__", call)]
    return ("weakref", "alive"), joined(Late(edge, last=True), called), None


def _refill_mapping(item: dict[Any, Any], pairs: Pairs) -> None:
    item.clear()
    item.update(pairs)


def _refill_sequence(item: list[Any] | deque[Any], pairs: Pairs) -> None:
    item.clear()
    item.extend(value for _, value in pairs)


def _refill_set(item: set[Any], pairs: Pairs) -> None:
    item.clear()
    item.update(value for _, value in pairs)


OWN_KINDS = (
    Kind(name="dict", members=Members.KEYED, refill=_refill_mapping),
    Kind(name="list", members=Members.INDEXED, refill=_refill_sequence),
    Kind(name="deque", members=Members.INDEXED, refill=_refill_sequence),
    Kind(name="set", members=Members.UNORDERED, refill=_refill_set),
    Kind(name="tuple", identity=False, members=Members.INDEXED),
    Kind(name="frozenset", identity=False, members=Members.UNORDERED),
    Kind(name="weakref", identity=False),
    Kind(name="proxy"),
)

READERS: dict[type, Reader] = {
    dict: read_dict,
    OrderedDict: _ordered,
    defaultdict: _default,
    list: _list,
    tuple: _tuple,
    deque: _deque,
    set: _set,
    frozenset: _frozenset,
    types.MappingProxyType: _proxy,
    weakref.ref: _weakref,
}
