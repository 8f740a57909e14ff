"""A checkpoint file as plain content, entry by entry. Nothing in it is ever executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, final

from ..core.errors import InvalidTarget
from ..state.capture import capture
from ..state.compare import compare
from ..state.mismatch import Mismatch
from .decoding import ZIP, Decoder, Entries, Plain, Undecodable
from .plain import Differing, Keys, differences

MOST_MEMORY = 64
"""How many times the size of what two files hold their comparison may take, in memory."""
_MOST_KEPT = 1000
_ABSENT = object()


@final
@dataclass(frozen=True, kw_only=True)
class EntryDiff:
    """What differs in one entry; true if anything does.

    Attributes:
        mismatches: the first thousand of them.
        count: how many there are.
    """

    mismatches: tuple[Mismatch, ...]
    count: int

    def __bool__(self) -> bool:
        return bool(self.count)


def read_entries(path: Path) -> dict[str, Any]:
    """Returns the content of a file by entry; a file that is no archive is one entry.

    What cannot be read within is its bytes.

    Raises:
        InvalidTarget: no such file, a folder, or an archive that is damaged.
    """
    return _entries(path, strict=False)


def _entries(path: Path, *, strict: bool) -> dict[str, Any]:
    stored = _stored(path)
    try:
        content = Decoder(size=len(stored), strict=strict).decoded(path.name, stored)
    except Undecodable as error:
        raise _unreadable(path, len(stored), error) from error
    if content is stored and stored.startswith(ZIP):
        raise _unreadable(path, len(stored), Undecodable("it is no whole zip", path.name))
    return content if isinstance(content, Entries) else {path.name: content}


def _stored(path: Path) -> bytes:
    if not path.is_file():
        reason = "a folder: compare its files one by one" if path.is_dir() else "no such file"
        raise InvalidTarget(f"expected a checkpoint file, got {str(path)!r}: {reason}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidTarget(
            f"expected a checkpoint file that can be read, got {str(path)!r}: {error.strerror}; "
            "allow this user to read it"
        ) from error


def _unreadable(path: Path, size: int, error: Undecodable) -> InvalidTarget:
    within = f"in {error.entry!r}: " if error.entry != path.name else ""
    return InvalidTarget(
        f"expected a whole checkpoint file, got {str(path)!r} of {size} bytes: {within}"
        f"{error.reason}; {error.advice}"
    )


def compare_files(expected: Path, got: Path) -> Mapping[str, EntryDiff]:
    """Returns what differs, by entry, in the order of names; equal entries have an empty one.

    Takes at most `MOST_MEMORY` times the memory of what the two files hold, unpacked, and refuses
    to unpack what is more than `MOST_UNPACKED` times as large as its file.

    Raises:
        InvalidTarget: one of the files does not exist, or cannot be read as what it is.
    """
    try:
        sides = _named(*(_entries(path, strict=True) for path in (expected, got)))
        return {name: _difference(name, *sides) for name in sorted({*sides[0], *sides[1]})}
    except MemoryError as error:
        raise InvalidTarget(
            f"expected files that fit into memory, got {str(expected)!r} and {str(got)!r}, which "
            "do not: compare them entry by entry, or on a larger machine"
        ) from error


def _named(*sides: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the same, entry by entry also where there is one: its name is that of its file."""
    if any(len(side) != 1 for side in sides):
        return [*sides]
    (name, one), (_, other) = (next(iter(side.items())) for side in sides)
    within = [_within(one), _within(other)]
    if all(0 < len(side) <= _MOST_KEPT for side in within):
        return within
    return [{name: one}, {name: other}]


def _within(content: Any) -> dict[str, Any]:
    if isinstance(content, Plain):
        named = content.data.items() if isinstance(content.data, dict) else ()
        return {key: Plain(data=value) for key, value in named}
    return {**content} if isinstance(content, dict) and all(map(_is_text, content)) else {}


def _is_text(key: object) -> bool:
    return isinstance(key, str)


def _difference(name: str, expected: Mapping[str, Any], got: Mapping[str, Any]) -> EntryDiff:
    kept: list[Mismatch] = []
    count = 0
    sides = (side.get(name, _ABSENT) for side in (expected, got))
    for differing in _mismatches((name,), *sides):
        # to say how two values differ takes a hundred times as long as to see that they do
        found = differing() if count < _MOST_KEPT else ()
        kept += found
        count += max(len(found), 1)
    return EntryDiff(mismatches=tuple(kept), count=count)


def _mismatches(path: Keys, expected: Any, got: Any) -> Iterator[Differing]:
    if isinstance(expected, Plain) and isinstance(got, Plain):
        yield from differences(path, expected.data, got.data)
    elif isinstance(expected, Entries) and isinstance(got, Entries):
        for name in sorted({*expected, *got}):
            sides = (side.get(name, _ABSENT) for side in (expected, got))
            yield from _mismatches((*path, name), *sides)
    else:
        once, again = (capture(_at(path, side)) for side in (expected, got))
        found = compare(once, again).mismatches
        yield from (partial(tuple, [mismatch]) for mismatch in found)


def _at(path: Keys, value: Any) -> dict[Any, Any]:
    """What is captured so that everything in it has its KeyPath from the file on."""
    *above, last = path
    made: dict[Any, Any] = {} if value is _ABSENT else {last: _unwrapped(value)}
    for key in reversed(above):
        made = {key: made}
    return made


def _unwrapped(value: Any) -> Any:
    if isinstance(value, Entries):
        return {name: _unwrapped(entry) for name, entry in value.items()}
    return value.data if isinstance(value, Plain) else value
