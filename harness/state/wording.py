"""Short texts of rows, for messages only."""

from ..core.keypath import Segment, render
from .readers import KINDS
from .readers.reading import Facts
from .rows import Row, is_plain

_LIMIT = 80


def type_name(row: Row) -> str:
    """Returns the class of what a row holds."""
    return type(row[2]).__name__ if is_plain(row) else str(row[2])


def text(row: Row) -> str:
    """Spells a plain value as Python does, anything else by its kind and facts."""
    if is_plain(row):
        return shorten(repr(row[2]))
    kind, *facts = row[3]
    if KINDS[kind].numeric:
        return f"{kind} {facts[0]} {facts[1]}"
    spelled = ", ".join(str(fact) if type(fact) is str else repr(fact) for fact in facts)
    return shorten(f"{kind} {spelled}".rstrip())


def key_text(segment: Segment) -> str:
    """Spells a key as it stands between brackets."""
    return render((segment,))[1:-1]


def bytes_texts(expected: bytes, got: bytes) -> tuple[str, str]:
    """Spells two differing payloads: their sizes, or a stretch of each from where they part."""
    if len(expected) != len(got):
        return f"{len(expected)} bytes", f"{len(got)} bytes"
    pairs = enumerate(zip(expected, got, strict=True))
    first = next(place for place, (want, have) in pairs if want != have)
    cut = slice(first, first + 8)
    return f"{expected[cut].hex()} at byte {first}", f"{got[cut].hex()}"


_LAYOUT = ("device", "conjugate bit", "negative bit")


def layout_texts(expected: Facts, got: Facts) -> tuple[str, str]:
    """Names the parts of layout and flags that differ."""
    pairs = zip(_named(expected), _named(got), strict=True)
    apart = [(want, have) for want, have in pairs if want != have]
    return ", ".join(want for want, _ in apart), ", ".join(have for _, have in apart)


def _named(facts: Facts) -> list[str]:
    kind, _, shape, (_, *layout), flags = facts
    axes = len(shape)
    named = [f"strides {tuple(layout[:axes])}"]
    named += [f"{name} {part}" for name, part in zip(_LAYOUT, layout[axes:], strict=False)]
    return named + [f"{name} {flag}" for name, flag in zip(KINDS[kind].flags, flags, strict=True)]


def shorten(spelled: str) -> str:
    """Returns at most one line of a text."""
    return spelled if len(spelled) <= _LIMIT else f"{spelled[: _LIMIT - 3]}..."
