"""The checkpoint file: written whole, verified whole, and free of code.

`encoding` knows trees and no disk, `file` knows the disk; errors are shared.
Imports nothing else of this package.
"""

from .encoding.codecs import decode, encode
from .encoding.memory import Block
from .encoding.objects import Stored
from .encoding.storable import bits_of, is_storable, unstorable_reason
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
from .file.container import read, serialize, verify, write, write_pieces
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
    "Stored",
    "UnsupportedValue",
    "atomic_write",
    "bits_of",
    "decode",
    "encode",
    "find_latest",
    "is_storable",
    "read",
    "retain",
    "serialize",
    "unstorable_reason",
    "verify",
    "write",
    "write_latest",
    "write_pieces",
]
