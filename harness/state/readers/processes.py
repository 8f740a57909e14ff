"""Other processes: their state is theirs, and only they can tell it. Imported on demand."""

import multiprocessing.connection
import multiprocessing.heap
import multiprocessing.process
import multiprocessing.synchronize
import socket
import subprocess
from importlib import import_module

from ..kind import Kind
from .reading import Reader, Reading, refuse

_ELSEWHERE = "reaches into another process, whose state this one cannot see"


def _lock(obj: object) -> Reading:
    """As a lock of threads: between two steps nobody holds it, or a process that runs on."""
    return ("lock", "of processes"), (), None


def _piece(obj: object) -> Reading:
    """Where a value that processes share lies; the value itself is read as what it is."""
    return ("shared memory",), (), None


OWN_KINDS = (Kind(name="shared memory"),)

READERS: dict[type, Reader] = {
    multiprocessing.process.BaseProcess: refuse(_ELSEWHERE),
    multiprocessing.connection.Connection: refuse(_ELSEWHERE),
    multiprocessing.synchronize.SemLock: _lock,
    import_module("_multiprocessing").SemLock: _lock,
    multiprocessing.heap.BufferWrapper: _piece,
    subprocess.Popen: refuse(_ELSEWHERE),
    socket.socket: refuse("is a connection, and what comes through it is the other end's to tell"),
}
