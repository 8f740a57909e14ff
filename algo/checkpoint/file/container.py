"""One checkpoint, one zip: write a tree, verify a file, read a tree.

Nothing is decoded before everything is verified: the layout of the archive byte for byte, a seal
over those bytes and the manifest, then the SHA-256 of the two payloads. A hash finds accidents,
not forgers: whoever can write the file can write its hashes, and the closed schema is what keeps a
forged file from doing more than giving a wrong tree or an error.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias, final

import numpy as np

from ..encoding.codecs import decode, encode
from ..encoding.memory import Bytes
from ..errors import DamagedCheckpoint
from . import manifest as manifests
from .archive import ENTRIES, SEAL_SIZE, Layout, checksum, find_layout
from .atomic import atomic_write
from .foreign import diagnose
from .migrations import migrate
from .payload import pack_blocks, parse_json, unpack_blocks

Target: TypeAlias = str | os.PathLike[str] | BinaryIO
Piece: TypeAlias = bytes | memoryview

SMALL = 1 << 16
"""Pieces up to this many bytes are joined before they are written: fewer system calls."""


class Writable(Protocol):
    """All that a target must know."""

    def write(self, data: Any, /) -> int:
        """Writes a buffer."""


def write(
    target: Target,
    tree: object,
    *,
    kind: str,
    names: Mapping[str, object] | None = None,
    missing: Sequence[str] = (),
) -> None:
    """Writes `tree` as one checkpoint; the same tree gives the same bytes.

    A path is written atomically and durably (see `atomic_write`); to a file object the bytes are
    written in order, from its position on.

    Args:
        target: a path, taken as it is, or a binary file object.
        tree: what to store; see `encode` for what it may hold.
        kind: what is stored, such as the name of the class; the manifest shows it.
        names: registered code by name.
        missing: what of the run the tree does not hold, a line each, for the manifest.

    Raises:
        UnsupportedValue: the tree holds a value outside the schema; nothing has been written.
    """
    write_pieces(target, serialize(tree, kind=kind, names=names, missing=missing))


def write_pieces(target: Target, pieces: Iterable[Piece]) -> None:
    """Writes what `serialize` returned: to a path atomically and durably, to a file in order."""
    if isinstance(target, str | os.PathLike):
        atomic_write(target, partial(_write_pieces, pieces))
    else:
        _write_pieces(pieces, target)


def serialize(
    tree: object,
    *,
    kind: str,
    names: Mapping[str, object] | None = None,
    missing: Sequence[str] = (),
) -> list[Piece]:
    """Returns the checkpoint as buffers; the large ones are the live arrays themselves.

    Raises:
        UnsupportedValue: the tree holds a value outside the schema.
    """
    value, blocks = encode(tree, names=names)
    state: list[Piece] = [_dump(value)]
    payload = pack_blocks(blocks)
    manifest = _manifest(kind, state, payload, missing)
    entries: list[list[Piece]] = [[manifest], state, payload]
    layout = Layout(
        lengths=tuple(_length(entry) for entry in entries),
        sums=tuple(checksum(entry) for entry in entries),
    )
    pieces: list[Piece] = []
    for header, entry in zip(layout.headers(), entries, strict=True):
        pieces += [header, *entry]
    return [*pieces, layout.tail(), _seal(layout, manifest)]


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def _length(pieces: Iterable[Piece]) -> int:
    return sum(len(piece) for piece in pieces)


def _digest(pieces: Iterable[Piece]) -> str:
    result = hashlib.sha256()
    for piece in pieces:
        result.update(piece)
    return result.hexdigest()


def _manifest(kind: str, state: list[Piece], payload: list[Piece], missing: Sequence[str]) -> bytes:
    pairs = zip(ENTRIES[1:], (state, payload), strict=True)
    entries = {name: (_length(pieces), _digest(pieces)) for name, pieces in pairs}
    return json.dumps(manifests.describe(kind, entries, missing), indent=1).encode("ascii")


def _seal(layout: Layout, manifest: Piece) -> bytes:
    """Returns the SHA-256 over all bytes but the two payloads, which the manifest covers."""
    return _digest([*layout.headers(), manifest, layout.tail()]).encode("ascii")


def _write_pieces(pieces: Iterable[Piece], file: Writable) -> None:
    joined = bytearray()
    for piece in pieces:
        if len(piece) > SMALL:
            file.write(joined)
            file.write(piece)
            joined = bytearray()
        else:
            joined += piece
    file.write(joined)


@final
@dataclass(frozen=True, kw_only=True)
class Verified:
    """A whole file in memory whose every byte is the one that was written."""

    manifest: dict[str, Any]
    state: Bytes
    payload: Bytes


def verify(source: Target) -> dict[str, Any]:
    """Returns the manifest of a checkpoint, after checking every byte of the file.

    Args:
        source: a path or a binary file object, read from its beginning.

    Raises:
        DamagedCheckpoint: a byte is not the one that was written.
        ForeignCheckpoint: not a checkpoint of this project.
        NewerCheckpoint: a later release wrote it.
    """
    return _verify(source).manifest


def read(
    source: Target, *, names: Mapping[str, object] | None = None, device: str | None = None
) -> tuple[dict[str, Any], Any]:
    """Returns (manifest, tree) of a checkpoint; nothing is decoded before all is verified.

    The arrays and tensors are writable, and share memory with nothing but each other.

    Args:
        source: a path or a binary file object, read from its beginning.
        names: registered code by name.
        device: where to put the tensors; None keeps the device of each.

    Raises:
        DamagedCheckpoint: a byte is not the one that was written.
        ForeignCheckpoint: not a checkpoint of this project.
        NewerCheckpoint: a later release wrote it.
        MismatchedCheckpoint: a registered name or a device is not here.
    """
    verified = _verify(source)
    value = parse_json(verified.state.tobytes(), "state.json")
    blocks = unpack_blocks(verified.payload)
    tree = decode(value, blocks, names=names, device=device)
    return verified.manifest, migrate(tree, verified.manifest["version"])


def _verify(source: Target) -> Verified:
    data = _read_all(source)
    diagnose(data)
    layout = find_layout(data.data)
    parts = [
        data[start : start + length]
        for start, length in zip(layout.starts(), layout.lengths, strict=True)
    ]
    seal = data[len(data) - SEAL_SIZE :].tobytes()
    if seal != _seal(layout, parts[0].data):
        raise DamagedCheckpoint(
            f"expected a manifest with the seal {seal[:16]!r}, got one with another; "
            "load another checkpoint."
        )
    manifest = parse_json(parts[0].tobytes(), ENTRIES[0])
    for (name, expected), part in zip(manifests.check(manifest).items(), parts[1:], strict=True):
        found = (len(part), _digest([part.data]))
        if found != expected:
            raise DamagedCheckpoint(
                f"{name}: expected {expected[0]} bytes with SHA-256 {expected[1]:.16}, got "
                f"{found[0]} with {found[1]:.16}; load another checkpoint."
            )
    return Verified(manifest=manifest, state=parts[1], payload=parts[2])


def _read_all(source: Target) -> Bytes:
    """Returns the whole file in one buffer; a map of it could change once verified."""
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb", buffering=0) as file:
            return _fill(file, os.fstat(file.fileno()).st_size)
    if not source.seekable():
        content = source.read()
        return _fill(io.BytesIO(content), len(content))
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    return _fill(source, size)


def _fill(file: Any, size: int) -> Bytes:
    buffer = np.empty(size, np.uint8)
    done = 0
    while done < size:
        count = file.readinto(buffer.data[done:])
        if not count:
            raise DamagedCheckpoint(f"expected {size} bytes, got {done}: the file shrank.")
        done += count
    return buffer
