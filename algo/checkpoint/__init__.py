"""The checkpoint file: written whole, verified whole, and free of code.

`encoding` knows trees and no disk, `file` knows the disk; errors are shared.
Imports nothing else of this package.
"""

from .encoding.codecs import decode, encode
from .encoding.memory import Block
from .errors import (
    CheckpointError,
    DamagedCheckpoint,
    ForeignCheckpoint,
    MismatchedCheckpoint,
    NewerCheckpoint,
    NoCheckpoint,
    UnsupportedValue,
)
from .file.atomic import FileOperations, atomic_write
from .file.container import read, verify, write
from .file.directory import find_latest, retain, write_latest
from .file.migrations import FORMAT_VERSION

__all__ = [
    "FORMAT_VERSION",
    "Block",
    "CheckpointError",
    "DamagedCheckpoint",
    "FileOperations",
    "ForeignCheckpoint",
    "MismatchedCheckpoint",
    "NewerCheckpoint",
    "NoCheckpoint",
    "UnsupportedValue",
    "atomic_write",
    "decode",
    "encode",
    "find_latest",
    "read",
    "retain",
    "verify",
    "write",
    "write_latest",
]
