"""Half-run code: its code, the instruction it stands at, its variables and what it holds besides.

Between its variables and its next instruction a generator keeps a stack of values, such as the
iterator of a `for` it is in. No attribute shows it; the garbage collector is told of it, in order,
after the variables. Where that order is not the one known here, reading is refused.
"""

import sys
import types
from gc import get_referents
from typing import Any

from ...kind import Kind
from ..reading import Child, Reader, Reading, Unreadable

# kind of half-run code -> the prefix of its attributes
_PREFIXES = {
    types.GeneratorType: "gi",
    types.CoroutineType: "cr",
    types.AsyncGeneratorType: "ag",
}


def _half_run(prefix: str, kind: str) -> Reader:
    def read(obj: Any) -> Reading:
        code = getattr(obj, f"{prefix}_code")
        if getattr(obj, f"{prefix}_running"):
            raise Unreadable("is running while it is read")
        frame = getattr(obj, f"{prefix}_frame")
        if frame is None:
            return (kind, "finished"), (("<code>", code),), None
        children = [("<code>", code), *_held(obj, frame)]
        return (kind, f"at instruction {frame.f_lasti}"), children, None

    return read


def _held(obj: Any, frame: types.FrameType) -> list[Child]:
    """Variables by name, each as the cell it is if inner functions share it; then the stack."""
    code, listed = frame.f_code, get_referents(obj)
    start = _start(listed, code)
    bound = _bound(frame, listed[:start])
    shared = {*code.co_cellvars, *code.co_freevars}
    names = dict.fromkeys((*code.co_varnames, *code.co_cellvars, *code.co_freevars))
    filled = [name for name in names if name in shared or name in bound]
    variables = listed[start : start + len(filled)]
    held: list[Child] = []
    for name, value in zip(filled, variables, strict=False):
        _require_same(name in shared, value, bound.get(name))
        held.append(("<iterated>" if name == ".0" else name, value))
    if len(held) < len(filled):
        raise Unreadable("keeps its variables in a way not known here")
    stack = listed[start + len(filled) :]
    return [*held, *((f"<held {place}>", item) for place, item in enumerate(stack))]


def _start(listed: list[Any], code: types.CodeType) -> int:
    """Where the variables begin: after the function that is run, and its code."""
    for place, item in enumerate(listed[1:], start=1):
        if item is code and isinstance(listed[place - 1], types.FunctionType):
            return place + 1
    raise Unreadable("keeps its variables in a way not known here")


def _bound(frame: types.FrameType, head: list[Any]) -> dict[str, Any]:
    """The variables that have a value; a dict of them that others may hold is left as it was."""
    if sys.version_info >= (3, 13):
        return dict(frame.f_locals)
    before = next((dict(item) for item in head if type(item) is dict), {})
    # one dict for each frame, brought up to date in place; it would keep the values alive
    kept = frame.f_locals
    bound = dict(kept)
    kept.clear()
    kept.update(before)
    return bound


def _require_same(shared: bool, value: Any, bound: Any) -> None:
    if (type(value) is not types.CellType) if shared else (value is not bound):
        raise Unreadable("keeps its variables in a way not known here")


OWN_KINDS = tuple(Kind(name=f"half-run {cls.__name__}") for cls in _PREFIXES)

READERS: dict[type, Reader] = {
    cls: _half_run(prefix, f"half-run {cls.__name__}") for cls, prefix in _PREFIXES.items()
}
