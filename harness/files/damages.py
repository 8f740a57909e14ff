"""What is done to checkpoints that must then be refused: to their files, and to their states.

| damage | to files | to states |
|---|---|---|
| missing | a file, an entry of a zip | an entry of a dict, in lists and tuples too |
| extra | an entry of a zip | an entry of a dict |
| renamed | an entry of a zip | an entry of a dict |
| truncated | a file, an entry of a zip | |
| reshaped | | a tensor or an array |
| flipped | one bit of a file | |

Entries of a zip are those of a zip within it, too.
"""

from __future__ import annotations

import copy
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from ..core.keypath import KeyPath

STRANGER = "resumeproof_stranger"
_FLIPS = 6
_MAX_FILES = 12
_MAX_ENTRIES = 12
_MAX_INNER = 3
_MAX_INNER_ENTRIES = 6
_MAX_KEYS = 48
_MAX_PLACES = 12
# numpy makes and reads such a dict whole; what it does without a part of it is no user's doing
_OF_A_STREAM = {"bit_generator", "state"}

T = TypeVar("T")
Path: TypeAlias = tuple[Any, ...]


def damages_of_files(
    contents: Mapping[str, bytes], main: str
) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """Yields what was done, and a damaged copy of a checkpoint.

    Args:
        contents: bytes of its files, by name.
        main: the file at the path itself, which gets most of the damage, as does an only one.
    """
    names = [main] if main in contents else []
    names += _some([name for name in contents if name != main], _MAX_FILES)
    for name in names:
        alone = len(contents) == 1
        for damage, content in _damages_of(contents[name], whole=alone or name == main):
            done = damage if name == main else f"{name}: {damage}"
            yield done, {**contents, name: content}
        if name != main:
            yield f"{name}: no file", {k: v for k, v in contents.items() if k != name}


def _damages_of(content: bytes, whole: bool) -> Iterator[tuple[str, bytes]]:
    if not content:
        return
    yield "no content", b""
    yield "the first half", content[: len(content) // 2]
    flips = _FLIPS if whole else 1
    for place in sorted({(2 * n + 1) * len(content) // (2 * flips) for n in range(flips)}):
        flipped = bytes((content[place] ^ 0x10,))
        yield f"byte {place} flipped", content[:place] + flipped + content[place + 1 :]
    if whole:
        yield "the last byte cut", content[:-1]
        if zipfile.is_zipfile(io.BytesIO(content)):
            yield from _damages_of_zip(content)


def _damages_of_zip(content: bytes, most: int = _MAX_ENTRIES) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for name in _some(sorted(entries), most):
        others = {other: entries[other] for other in entries if other != name}
        yield f"without {name}", _zip(others)
    for name in _some(sorted(entries), most // 3):
        others = {other: entries[other] for other in entries if other != name}
        yield f"{name} renamed", _zip({**others, f"{name}.renamed": entries[name]})
    for name in _halved(entries, most // 3):
        yield f"half of {name}", _zip({**entries, name: entries[name][: len(entries[name]) // 2]})
    yield "an extra entry", _zip({**entries, STRANGER: b"0"})
    inner = [name for name in sorted(entries) if zipfile.is_zipfile(io.BytesIO(entries[name]))]
    for name in _some(inner, _MAX_INNER):
        for damage, damaged in _damages_of_zip(entries[name], _MAX_INNER_ENTRIES):
            yield f"{name}: {damage}", _zip({**entries, name: damaged})


def _halved(entries: Mapping[str, bytes], most: int) -> list[str]:
    """Some entries, and some that are pickles: half of one may be a whole one of another state."""
    pickles = [name for name in sorted(entries) if entries[name][:1] == b"\x80"]
    return sorted({*_some(sorted(entries), most), *_some(pickles, most)})


def _zip(entries: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def damages_of_state(state: Any) -> Iterator[tuple[KeyPath, str, Any]]:
    """Yields where, what was done, and a damaged copy of a state.

    Dicts with the same keys are as one: each of their keys is damaged in one of them.
    """
    places = list(dicts_in(state))
    for path, key in _some(_keys(places), _MAX_KEYS):
        where = path_of((*path, key))
        value = entry_at(state, path)[key]
        yield where, "missing", _changed(state, path, key)
        if (other := _renamed(key, entry_at(state, path))) is not None:
            yield where, "renamed", _changed(state, path, key, {other: value})
        if getattr(value, "shape", ()) and hasattr(value, "reshape"):
            other = value.reshape(1, *value.shape)
            yield where, "reshaped", _changed(state, path, key, {key: other})
    for path, _ in _some(places, _MAX_PLACES):
        yield path_of(path), "extra", _changed(state, path, None, {STRANGER: 0})


def dicts_in(state: Any, path: Path = ()) -> Iterator[tuple[Path, dict[Any, Any]]]:
    """Yields the way to every dict that holds something, in lists and tuples too, and the dict."""
    if not isinstance(state, dict | list | tuple):
        return
    if isinstance(state, dict) and state.keys() >= _OF_A_STREAM:
        return
    if isinstance(state, dict) and state:
        yield path, state
    for key, value in state.items() if isinstance(state, dict) else enumerate(state):
        if isinstance(value, dict | list | tuple):
            yield from dicts_in(value, (*path, key))


def _keys(places: Sequence[tuple[Path, dict[Any, Any]]]) -> list[tuple[Path, Any]]:
    alike: dict[tuple[Any, ...], list[Path]] = {}
    for path, at in places:
        alike.setdefault(tuple(at), []).append(path)
    return [
        (paths[number % len(paths)], key)
        for keys, paths in alike.items()
        for number, key in enumerate(keys)
    ]


def _changed(state: Any, path: Path, key: Any, added: Mapping[Any, Any] | None = None) -> Any:
    damaged = copy.deepcopy(state)
    at = entry_at(damaged, path)
    at.pop(key, None)
    at.update(added or {})
    return damaged


def _renamed(key: Any, at: Mapping[Any, Any]) -> Any:
    if isinstance(key, str):
        return f"{key}_renamed"
    if isinstance(key, int):
        return 1 + max(other for other in at if isinstance(other, int))
    return None


def entry_at(state: Any, path: Path) -> Any:
    """Returns what stands at the end of the way."""
    for key in path:
        state = state[key]
    return state


def path_of(path: Path) -> KeyPath:
    """Returns the way as a KeyPath from `state` on."""
    return KeyPath("state", *((key,) for key in path))


def _some(items: Sequence[T], most: int) -> list[T]:
    """Returns at most so many of them, at even distances from one another."""
    step = max(-(-len(items) // most), 1)
    return list(items[::step])
