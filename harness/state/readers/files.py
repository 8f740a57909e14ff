"""Handles of the operating system: where a run writes is no state, what it reads from is."""

import csv
import io
import sys
from collections.abc import Callable
from typing import Any

from ..kind import Kind
from .objects import attributes
from .reading import Child, Reader, Reading, Unreadable, refuse


def _stream(obj: Any) -> Reading:
    """A text stream a run writes to, such as the file of a logger or `sys.stdout`.

    Nothing written returns into the run, so that it is such a stream is the whole of its state:
    a resumed run may well write to another file, or to another console. One that is only read
    feeds the run, from a position that is state; one that is both is refused.
    """
    try:
        writable, readable = io.TextIOWrapper.writable(obj), io.TextIOWrapper.readable(obj)
    except ValueError:  # a closed file
        return ("stream", "closed"), (), None
    if not writable:
        return _position(obj, io.TextIOWrapper.tell)
    if readable and not _is_console(obj):
        raise Unreadable("is open for reading and writing, and its content is in no memory")
    return ("stream", "written"), (), None


def _rows(obj: object) -> Reading:
    """What writes rows to a file, as a stream that is written: it keeps none of them."""
    return ("stream", "written"), (), None


def _file(cls: Any) -> Reader:
    """A reader for files of bytes: only one that is read, and nothing else, is all in memory."""

    def read(obj: Any) -> Reading:
        if cls.closed.__get__(obj):
            return ("file", "closed"), (), None
        if cls.writable(obj):
            raise Unreadable("is a handle of the operating system that is written to")
        return _position(obj, cls.tell)

    return read


def _position(obj: Any, tell: Callable[[Any], int]) -> Reading:
    """Which file it is, and how far it was read; what is in the file is data, not state."""
    try:
        return ("file", tell(obj)), (("name", obj.name),), None
    except OSError as error:  # a pipe, or text between two lines of a `for`
        raise Unreadable(f"is read from a position that it does not tell ({error})") from None


def _is_console(obj: Any) -> bool:
    # pytest catches what is printed in files that it reads itself
    standard = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return any(obj is one for one in standard) or type(obj).__module__ == "_pytest.capture"


def _text(obj: io.StringIO) -> Reading:
    if io.StringIO.closed.__get__(obj):
        return ("buffer", "closed"), attributes(obj.__dict__), None
    # content, what ends a line, position
    state = io.StringIO.__getstate__(obj)[:3]  # type: ignore[index]
    return ("buffer", *state), attributes(obj.__dict__), None


def _bytes(obj: io.BytesIO) -> Reading:
    added = attributes(obj.__dict__)
    if io.BytesIO.closed.__get__(obj):
        return ("buffer", "closed"), added, None
    return ("buffer", io.BytesIO.tell(obj)), added, (io.BytesIO.getvalue(obj), None)


def _error(obj: BaseException) -> Reading:
    """What it says and what led to it; where it was raised, its traceback, is no state."""
    children: list[Child] = [("args", obj.args), *attributes(obj.__dict__)]
    chain = (("__cause__", obj.__cause__), ("__context__", obj.__context__))
    children += [(name, error) for name, error in chain if error is not None]
    return ("error", obj.__suppress_context__), children, None


def _seek(target: Any, source: Any) -> None:
    target.seek(source.tell())


_SYSTEM = "is a handle of the operating system"

OWN_KINDS = (
    # the console of a test run and of a shell are of two classes, and both just that
    Kind(name="stream", identity=False, any_class=True),
    Kind(name="buffer"),
    Kind(name="file", fixed_members=True, write=_seek),
    Kind(name="error"),
)

READERS: dict[type, Reader] = {
    io.TextIOWrapper: _stream,
    io.BufferedReader: _file(io.BufferedReader),
    io.FileIO: _file(io.FileIO),
    io.StringIO: _text,
    io.BytesIO: _bytes,
    # the classes of C have `io.IOBase` only as a virtual base, and this one as a real one
    **dict.fromkeys(io.IOBase.__mro__[:2], refuse(_SYSTEM)),
    BaseException: _error,
    type(csv.writer(io.StringIO())): _rows,
}
