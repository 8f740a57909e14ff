"""The checkpoint file: written whole, verified whole, and free of code."""

from algo.checkpoint.atomic import FileOperations, atomic_write
from algo.checkpoint.container import read, verify, write
from algo.checkpoint.directory import find_latest, retain, write_latest
from algo.checkpoint.errors import (
    CheckpointError,
    DamagedCheckpoint,
    ForeignCheckpoint,
    MismatchedCheckpoint,
    NewerCheckpoint,
    NoCheckpoint,
    UnsupportedValue,
)
from algo.checkpoint.memory import Block
from algo.checkpoint.migrations import FORMAT_VERSION
from algo.checkpoint.schema import decode, encode

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
