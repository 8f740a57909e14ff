"""Other processes: their state is theirs, and only they can tell it. Imported on demand."""

import multiprocessing.connection
import multiprocessing.process
import subprocess

from .reading import Reader, refuse

_ELSEWHERE = "reaches into another process, whose state this one cannot see"

READERS: dict[type, Reader] = {
    multiprocessing.process.BaseProcess: refuse(_ELSEWHERE),
    multiprocessing.connection.Connection: refuse(_ELSEWHERE),
    subprocess.Popen: refuse(_ELSEWHERE),
}
