"""Files that appear whole or not at all: temporary file, fsync, rename, fsync of the directory.

Every operation on the disk goes through `FileOperations`, so that a test can record or fail each.
Not covered: disks that lie about fsync, network file systems, object stores.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, final

PARTIAL_SUFFIX: Final = ".partial"
"""Ends the name of a file that a crash left half-written; such a file may be deleted."""


class FileOperations(Protocol):
    """The operations that saving needs, and no others."""

    def create(self, path: Path) -> int:
        """Opens a file that must not exist yet, for writing; returns its descriptor."""

    def write(self, descriptor: int, data: memoryview) -> int:
        """Writes some of `data` at the end; returns how many bytes."""

    def sync(self, descriptor: int) -> None:
        """Returns when the content of the file is on the disk."""

    def close(self, descriptor: int) -> None:
        """Gives the descriptor back."""

    def replace(self, source: Path, target: Path) -> None:
        """Renames a file over another one, at once."""

    def sync_directory(self, path: Path) -> None:
        """Returns when the names in the directory are on the disk."""

    def remove(self, path: Path) -> None:
        """Deletes a file."""


@final
class Disk:
    """The real operations."""

    def create(self, path: Path) -> int:
        """Opens a file that must not exist yet, for writing; returns its descriptor."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        return os.open(path, flags, 0o666)

    def write(self, descriptor: int, data: memoryview) -> int:
        """Writes some of `data` at the end; returns how many bytes."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Returns when the content of the file is on the disk."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Gives the descriptor back."""
        os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Renames a file over another one, at once."""
        source.replace(target)

    def sync_directory(self, path: Path) -> None:
        """Returns when the names in the directory are on the disk."""
        if os.name == "nt":  # Windows has no descriptor of a directory
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Deletes a file."""
        path.unlink()


DISK: Final = Disk()


@final
class Hurried:
    """The real operations, without waiting for the disk: for what may be lost, and found again."""

    create, write, close = DISK.create, DISK.write, DISK.close
    replace, remove = DISK.replace, DISK.remove

    def sync(self, descriptor: int) -> None:
        """Returns at once."""

    def sync_directory(self, path: Path) -> None:
        """Returns at once."""


HURRIED: Final = Hurried()


@final
class Sink:
    """What a writer gets: a file that only knows `write`, which takes any contiguous buffer."""

    def __init__(self, operations: FileOperations, descriptor: int) -> None:
        self._operations = operations
        self._descriptor = descriptor

    def write(self, data: Any, /) -> int:
        """Writes all of `data`, in as many operations as the system needs; returns its bytes."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        while len(rest):
            rest = rest[self._operations.write(self._descriptor, rest) :]
        return size


def atomic_write(
    path: str | os.PathLike[str],
    write: Callable[[Sink], object],
    *,
    operations: FileOperations = DISK,
) -> None:
    """Puts a file at `path` whole: when this returns it is on the disk, before it the old one is.

    On any exception the old file is untouched and the temporary one is removed. A failed fsync is
    final: the kernel may have dropped the data, so that a second call would lie.

    Args:
        path: where the file shall stand; its directory must exist.
        write: gets a `Sink` and writes the content to it.
        operations: the operations on the disk; tests pass their own.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(8)}{PARTIAL_SUFFIX}")
    descriptor = operations.create(partial)
    try:
        try:
            write(Sink(operations, descriptor))
            operations.sync(descriptor)
        finally:
            operations.close(descriptor)
        operations.replace(partial, target)
    except BaseException:
        # The first error is the one to report; a removal that fails too leaves a partial file.
        with contextlib.suppress(OSError):
            operations.remove(partial)
        raise
    operations.sync_directory(target.parent)
