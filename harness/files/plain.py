"""What differs between two trees of plain values, in little memory.

A capture takes a hundred times the memory of a long list. Trees of JSON hold nothing twice, so
they can be walked in step, and only what differs is captured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

from ..core.keypath import KeyPath
from ..state.capture import capture
from ..state.compare import compare
from ..state.mismatch import Mismatch, MismatchKind
from .decoding import Operations

_MANY = 10_000  # values
_CONTAINERS = (dict, list, Operations)
Keys: TypeAlias = tuple[Any, ...]
"""The way to a value: the keys and numbers from the file on."""
_Child: TypeAlias = tuple[Any, Any, Any]
Differing: TypeAlias = Callable[[], Sequence[Mismatch]]
"""A place that differs; called, in which ways."""


def differences(path: Keys, expected: Any, got: Any) -> Iterator[Differing]:
    """Yields what differs, in the order of what is expected.

    Args:
        path: the keys and numbers that lead to them.
        expected: dicts, lists and plain values.
        got: the same.
    """
    if not _alike(expected, got):
        if not _same(expected, got):
            yield partial(_differing, path, expected, got)
        return
    levels = [(path, _children(expected, got))]
    while levels:
        above, children = levels[-1]
        for key, one, other in children:
            if _alike(one, other):
                levels.append(((*above, key), _children(one, other)))
                break
            if not _same(one, other):
                yield partial(_differing, (*above, key), one, other)
        else:
            levels.pop()


def _alike(one: Any, other: Any) -> bool:
    """Whether both are containers whose members correspond."""
    if type(one) is not type(other) or type(one) not in _CONTAINERS or not one:
        return False
    if type(one) is dict:
        return list(one) == list(other)
    return len(one) == len(other) and (type(one) is list or _parting(one, other) == len(one))


def _parting(one: Operations, other: Operations) -> int:
    """Returns at which operation they part ways."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a[0] != b[0]), min(len(one), len(other)))


def _children(one: Any, other: Any) -> Iterator[_Child]:
    if type(one) is Operations:
        return ((at, a, b) for at, ((_, a), (_, b)) in enumerate(zip(one, other, strict=True)))
    if type(one) is list:
        return ((at, a, b) for at, (a, b) in enumerate(zip(one, other, strict=True)))
    return ((key, one[key], other[key]) for key in one)


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if type(one) in _CONTAINERS:  # not alike: equal only where both are empty
        return not one and not other
    return repr(one) == repr(other) if type(one) is float else bool(one == other)


def _differing(path: Keys, expected: Any, got: Any) -> Sequence[Mismatch]:
    if Operations in (type(expected), type(got)):
        at = _parting(expected, got) if type(expected) is type(got) else 0
        return [_mismatch(path, expected, _operation(expected, at), _operation(got, at))]
    if _is_large(expected) or _is_large(got):
        return [_mismatch(path, expected, _summary(expected), _summary(got))]
    return compare(capture(_at(path, expected)), capture(_at(path, got))).mismatches


def _mismatch(path: Keys, value: Any, expected: str, got: str) -> Mismatch:
    return Mismatch(
        keypath=KeyPath(*((key,) for key in path)),
        kind=MismatchKind.VALUE,
        type_name="pickle" if type(value) is Operations else type(value).__name__,
        expected=expected,
        got=got,
    )


def _operation(value: Any, at: int) -> str:
    if type(value) is not Operations:
        return _summary(value)
    if at >= len(value):
        return f"its end after {at} operations"
    name, given = value[at]
    return f"{name}{'' if given is None else f' {given!r:.40}'} as operation {at} of {len(value)}"


def _at(path: Keys, value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _is_large(value: Any) -> bool:
    count, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        if type(item) in _CONTAINERS:
            count += len(item)
            if count > _MANY:
                return True
            waiting += item.values() if type(item) is dict else item
    return False


def _summary(value: Any) -> str:
    if type(value) in _CONTAINERS:
        first = f", first {next(iter(value))!r:.40}" if type(value) is dict and value else ""
        return f"{type(value).__name__} of {len(value)} members{first}"
    return f"{type(value).__name__} {value!r:.80}"
