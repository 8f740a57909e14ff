"""What a reader returns: the facts of one object, its children and its bytes."""

import sys
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeAlias, final

from ...core.errors import InvalidReader
from ...core.keypath import Segment

Facts: TypeAlias = tuple[Any, ...]
"""Kind first, then plain values only: None, bool, int, float, complex, str, bytes, tuples of these.

For numeric kinds (`state.kind`) they are (kind, dtype, shape, layout, flags), where layout and
flags are tuples of plain values; `Kind.flags` names those of the flags.
"""

Memory: TypeAlias = tuple[int, int, int, str]
"""(start of the owner's memory, its size in bytes, where this object's data starts, device)."""

Data: TypeAlias = tuple[bytes | memoryview, Memory | None]
Child: TypeAlias = tuple[Segment, object]


class Names(Protocol):
    """What a late reading may ask, once the rest of the graph has been walked."""

    def label(self, key: object) -> tuple[str, str] | None:
        """How to spell an object that is used as a key, or None if nothing names it."""

    def position(self, item: object) -> int | None:
        """When the walk met this object, or None if it did not."""


@final
@dataclass(frozen=True, slots=True)
class Late:
    """Children that can be named only when the rest of the graph is known.

    Attributes:
        children: called once with the names found.
        last: after all other late children, for edges that own nothing (weak references).
    """

    children: Callable[[Names], Iterable[Child]]
    last: bool = False


Children: TypeAlias = Iterable[Child] | Late
Reading: TypeAlias = tuple[Facts, Children, Data | None]
Reader: TypeAlias = Callable[[Any], Reading]


class Unreadable(Exception):
    """A reader met an object it cannot read completely; capture adds the KeyPath."""


class Unsteady(Unreadable):
    """It cannot be read, and what it shares with others moves at a pace of its own."""


def reading(
    kind: str,
    *facts: Any,
    payload: bytes = b"",
    children: Iterable[Child] = (),
) -> Reading:
    """What a reader of your own type returns.

    Args:
        kind: one word for the type of state.
        *facts: plain values that say everything about the object that its children do not.
        payload: bulk data, compared byte for byte.
        children: (segment, object) pairs to walk; see `core.keypath` for segments.

    Raises:
        InvalidReader: a fact is not a plain value.
    """
    for fact in facts:
        _require_plain(kind, fact)
    return (kind, *facts), tuple(children), (payload, None) if payload else None


_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})


def _require_plain(kind: str, fact: object) -> None:
    if type(fact) is tuple:
        for part in fact:
            _require_plain(kind, part)
    elif type(fact) not in _PLAIN:
        raise InvalidReader(
            f"expected plain values as facts of kind {kind!r}, got {type(fact).__qualname__}; "
            "pass objects as children=[(name, object)], arrays as payload=array.tobytes()"
        )


def refuse(reason: str) -> Callable[[object], NoReturn]:
    """A reader that refuses: its reason completes 'cannot capture x: T ...'."""

    def read(obj: object) -> NoReturn:
        raise Unreadable(reason)

    return read


def name_of(cls: type) -> str:
    """The qualified name of a class, as it stands in facts and messages."""
    try:
        module = type.__getattribute__(cls, "__module__")
    except AttributeError:  # of an extension that names none
        return str(type.__getattribute__(cls, "__qualname__"))
    # multiprocessing imports the script that was started under another name
    module = "__main__" if module == "__mp_main__" else module
    return f"{module}.{type.__getattribute__(cls, '__qualname__')}"


def importable(cls: type) -> tuple[str, str]:
    """The module that has a class under a name, and the name; two empty words if none does."""
    module, _, name = name_of(cls).rpartition(".")
    if _at(module, name) is cls:
        return module, name
    # `builtins.generator` is no name, `types.GeneratorType` is
    known = (name for name, item in vars(types).items() if item is cls)
    return ("types", name) if (name := next(known, "")) else ("", "")


def _at(module: str, name: str) -> object:
    found = sys.modules.get(module)
    return None if found is None else vars(found).get(name)
