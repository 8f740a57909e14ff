"""Where in the object graph a value sits, written as Python would reach it.

A segment is a plain value, so that a capture can build thousands of them at no cost:

| segment | means | rendered |
|---|---|---|
| `"name"` | attribute | `.name` |
| `3` | position in a sequence | `[3]` |
| `("key",)`, `(7,)` | item of a mapping, with a str or an int as its key | `['key']`, `[7]` |
| `("type", "text")` | item with any other key, spelled by its type and text | `[text]` |
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Self, TypeAlias, final

Segment: TypeAlias = str | int | tuple[str | int] | tuple[str, str]

HISTORY = "<made by>"
"""Segment of the operation that made a tensor in the middle of a graph; no checkpoint holds it."""

PARAMETER = "parameter"
"""Type of a label that is a parameter's name: optimizer state is keyed by these."""


@final
class KeyPath:
    """An immutable path of segments; equal, hashed and ordered by value."""

    __slots__ = ("segments",)
    segments: tuple[Segment, ...]

    def __init__(self, *segments: Segment) -> None:
        object.__setattr__(self, "segments", tuple(part for part in segments if part != ""))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"KeyPath is immutable: cannot set {name}={value!r}")

    def __reduce__(self) -> tuple[type["KeyPath"], tuple[Segment, ...]]:
        return KeyPath, self.segments

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyPath) and self.segments == other.segments

    def __hash__(self) -> int:
        return hash(self.segments)

    def __lt__(self, other: "KeyPath") -> bool:
        return str(self) < str(other)

    def __repr__(self) -> str:
        return f"KeyPath<{self}>"

    def __str__(self) -> str:
        return render(self.segments)

    def to_plain(self) -> list[Any]:
        """Returns the segments as JSON can hold them; `from_plain` makes an equal path of them."""
        return [list(part) if isinstance(part, tuple) else part for part in self.segments]

    @classmethod
    def from_plain(cls, plain: Iterable[Any]) -> Self:
        """Returns the path that `to_plain` was called on."""
        return cls(*(tuple(part) if isinstance(part, list) else part for part in plain))

    def child(self, segment: Segment) -> "KeyPath":
        """The path one segment further down; the empty segment adds nothing."""
        return KeyPath(*self.segments, segment)

    @property
    def parent(self) -> "KeyPath":
        """The path without its last segment; the root is its own parent."""
        return KeyPath(*self.segments[:-1])

    def startswith(self, prefix: "KeyPath") -> bool:
        """Whether this path is `prefix` or lies under it."""
        return self.segments[: len(prefix.segments)] == prefix.segments

    def matches(self, pattern: str) -> bool:
        """Whether this path, or one it lies under, is covered by `pattern`.

        In a pattern `*` stands for a part of one name, `[*]` for any one item or index, `**`
        for anything; all else is literal.
        """
        return covers(pattern, str(self))


def render(segments: tuple[Segment, ...]) -> str:
    """The segments as one would write them in Python: `env.envs[0].env.state`."""
    text = ""
    previous: Segment = ""
    for segment in segments:
        text = extend(text, segment, previous)
        previous = segment
    return text or "<root>"


def extend(text: str, segment: Segment, previous: Segment) -> str:
    """The text of a path, one segment further down.

    Args:
        text: of the path so far; empty at the root.
        segment: the segment to add; the empty one adds nothing.
        previous: the last segment of the path so far.
    """
    if isinstance(segment, str):
        return f"{text}.{segment}" if text and segment else text or segment
    return text + _brackets(segment, previous)


def _brackets(segment: int | tuple[str | int] | tuple[str, str], previous: Segment) -> str:
    if isinstance(segment, int):
        return f"[{segment}]"
    if len(segment) == 2:
        return f"[{segment[1]}]"
    key = segment[0]
    # optimizer.state['pi.0.weight'].exp_avg: below a parameter the items read as its attributes
    of_parameter = isinstance(previous, tuple) and len(previous) == 2 and previous[0] == PARAMETER
    return f".{key}" if of_parameter and str(key).isidentifier() else f"[{key!r}]"


def is_everything(pattern: str) -> bool:
    """Returns whether a pattern names nothing in particular."""
    return not pattern.strip("*[]. ")


def covers(pattern: str, rendered: str) -> bool:
    """Whether `pattern` covers the rendered path itself, or one that it lies under."""
    return compiled(pattern).match(rendered) is not None


_LAST = re.compile(r"(?:^|\.)([^.\[\]*]+)$|(\[[^.\[\]*]+\])$")


def last_texts(*patterns: str) -> frozenset[str] | None:
    """What the last segment of a covered path reads, without its dot; None if it may be anything.

    A walk asks this of every edge, and for the whole path only where the last segment fits.
    """
    found = [_LAST.search(pattern) for pattern in patterns]
    return frozenset(end[1] or end[2] for end in found if end) if all(found) else None


def may_end(ends: frozenset[str] | None, segment: Segment, previous: Segment) -> bool:
    """Whether a path with this last segment can be covered by patterns with these last texts."""
    if ends is None:
        return True
    if type(segment) is str:
        return segment in ends or "." in segment  # such a name reads as several segments
    if type(segment) is int:
        return f"[{segment}]" in ends
    return extend("", segment, previous).lstrip(".") in ends


_TOKEN = re.compile(r"\*\*|\[\*\]|\*|[^*\[]+|\[")
_GLOBS = {"**": r".*", "[*]": r"\[(?:'[^']*'|\"[^\"]*\"|[^\]])*\]", "*": r"[^.\[\]]*"}


@lru_cache(maxsize=1024)
def compiled(*patterns: str) -> re.Pattern[str]:
    """An expression that matches what any of the patterns covers."""
    # what follows a covered path starts a new segment, or nothing follows
    return re.compile(f"(?:{'|'.join(map(_translated, patterns))})(?=[.\\[]|$)", re.DOTALL)


def _translated(pattern: str) -> str:
    return "".join(_GLOBS.get(token) or re.escape(token) for token in _TOKEN.findall(pattern))
