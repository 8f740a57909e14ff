"""Other processes: their state is theirs, and only they can tell it. Imported on demand."""

import multiprocessing.connection
import multiprocessing.process
import multiprocessing.synchronize
import socket
import subprocess

from .reading import Reader, Reading, refuse

_ELSEWHERE = "reaches into another process, whose state this one cannot see"


def _lock(obj: object) -> Reading:
    """As a lock of threads: between two steps nobody holds it, or a process that runs on."""
    return ("lock", "of processes"), (), None


READERS: dict[type, Reader] = {
    multiprocessing.process.BaseProcess: refuse(_ELSEWHERE),
    multiprocessing.connection.Connection: refuse(_ELSEWHERE),
    multiprocessing.synchronize.SemLock: _lock,
    subprocess.Popen: refuse(_ELSEWHERE),
    socket.socket: refuse("is a connection, and what comes through it is the other end's to tell"),
}
