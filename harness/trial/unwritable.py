"""Which part of a run cannot be written: found by trying them one by one."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..core.keypath import KeyPath, Segment
from ..state.readers.objects import dict_getter

_DEEPEST = 12


def unwritable(roots: Mapping[str, Any], error: BaseException) -> KeyPath | None:
    """Returns the innermost part of a run that cannot be written, or None where all of it can.

    Args:
        roots: of the run.
        error: what writing it as a whole has raised; tells in which way it was written.
    """
    write = _way_of(error)
    for name, root in roots.items():
        if not _can(write, root):
            return KeyPath(name, *_innermost(write, root, ()))
    return None


def _way_of(error: BaseException) -> Callable[[Any], Any]:
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if any("cloudpickle" in name for name in files) and find_spec("cloudpickle"):
        dumps: Callable[[Any], Any] = import_module("cloudpickle").dumps
        return dumps
    # what a copy refuses may be raised by the object itself, as tensors do
    copied = copy.__file__ in files and not any("pickle" in name for name in files)
    return copy.deepcopy if copied else pickle.dumps


def _can(write: Callable[[Any], Any], item: Any) -> bool:
    try:
        write(item)
    except Exception:  # it refuses, in whatever words
        return False
    return True


def _innermost(
    write: Callable[[Any], Any], item: Any, path: tuple[Segment, ...]
) -> tuple[Segment, ...]:
    if len(path) < _DEEPEST:
        for segment, child in _parts(item):
            if not _can(write, child):
                return _innermost(write, child, (*path, segment))
    return path


def _parts(item: Any) -> Iterator[tuple[Segment, Any]]:
    if isinstance(item, dict):
        yield from (
            ((key if type(key) in (str, int) else repr(key),), v) for key, v in item.items()
        )
    elif isinstance(item, list | tuple):
        yield from enumerate(item)
    elif (cells := getattr(item, "__closure__", None)) is not None:
        names = item.__code__.co_freevars
        for name, cell in zip(names, cells, strict=True):
            yield f"<{name}>", cell.cell_contents
    elif getter := dict_getter(type(item)):
        yield from getter(item).items()
