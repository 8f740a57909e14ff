"""The zip around the entries: one fixed layout, so that every byte of it is known in advance.

The reader does not interpret a zip: it builds the only one that can hold these sizes and compares.
Every entry is stored, in the ZIP64 form that has no limit of 4 GiB, dated 1980-01-01.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from ..errors import DamagedCheckpoint

ENTRIES: Final = ("manifest.json", "state.json", "tensors.safetensors")
MARK: Final = b"resumeproof checkpoint sha256 "
"""Begins the comment of the archive; the seal, 64 hexadecimal digits, ends it."""

SEAL_SIZE: Final = 64

LOCAL: Final = struct.Struct("<4s5H3L2H")
LOCAL_EXTRA: Final = struct.Struct("<2H2Q")
CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
CENTRAL_EXTRA: Final = struct.Struct("<2H3Q")
END_64: Final = struct.Struct("<4sQ2H2L4Q")
LOCATOR: Final = struct.Struct("<4sLQL")
END: Final = struct.Struct("<4s4H2LH")

VERSION: Final = 45  # the zip version that introduced ZIP64
UNIX: Final = 3 << 8
DATE: Final = 0x21  # 1980-01-01, the first day that a zip can name
REGULAR_FILE: Final = 0o100644 << 16
FULL_16, FULL_32 = 0xFFFF, 0xFFFFFFFF  # "see the ZIP64 field"

NAMES_SIZE: Final = sum(map(len, ENTRIES))
LOCAL_SIZE: Final = LOCAL.size + LOCAL_EXTRA.size
CENTRAL_SIZE: Final = (CENTRAL.size + CENTRAL_EXTRA.size) * len(ENTRIES) + NAMES_SIZE
TAIL_SIZE: Final = CENTRAL_SIZE + END_64.size + LOCATOR.size + END.size + len(MARK) + SEAL_SIZE
HEADERS_SIZE: Final = LOCAL_SIZE * len(ENTRIES) + NAMES_SIZE
OVERHEAD: Final = HEADERS_SIZE + TAIL_SIZE


@final
@dataclass(frozen=True, kw_only=True)
class Layout:
    """The lengths and CRC-32 of the three entries: all that the archive's own bytes depend on."""

    lengths: tuple[int, ...]
    sums: tuple[int, ...]

    def headers(self) -> list[bytes]:
        """Returns the bytes before each entry."""
        return [_local(*entry) for entry in self._entries()]

    def starts(self) -> list[int]:
        """Returns the position of the first byte of each entry."""
        starts, position = [], 0
        for name, length in zip(ENTRIES, self.lengths, strict=True):
            position += LOCAL_SIZE + len(name)
            starts.append(position)
            position += length
        return starts

    def tail(self) -> bytes:
        """Returns the bytes after the last entry, up to the seal."""
        pieces = []
        for entry, start in zip(self._entries(), self.starts(), strict=True):
            pieces.append(_central(*entry, start - LOCAL_SIZE - len(entry[0])))
        start = sum(self.lengths) + HEADERS_SIZE
        return b"".join(pieces) + _end(start)

    def _entries(self) -> list[tuple[str, int, int]]:
        return list(zip(ENTRIES, self.lengths, self.sums, strict=True))


def _local(name: str, length: int, checksum: int) -> bytes:
    sizes = (FULL_32, FULL_32, len(name), LOCAL_EXTRA.size)
    header = LOCAL.pack(b"PK\3\4", VERSION, 0, 0, 0, DATE, checksum, *sizes)
    return header + name.encode() + LOCAL_EXTRA.pack(1, LOCAL_EXTRA.size - 4, length, length)


def _central(name: str, length: int, checksum: int, offset: int) -> bytes:
    sizes = (FULL_32, FULL_32, len(name), CENTRAL_EXTRA.size)
    made = (UNIX | VERSION, VERSION, 0, 0, 0, DATE, checksum)
    header = CENTRAL.pack(b"PK\1\2", *made, *sizes, 0, 0, 0, REGULAR_FILE, FULL_32)
    extra = CENTRAL_EXTRA.pack(1, CENTRAL_EXTRA.size - 4, length, length, offset)
    return header + name.encode() + extra


def _end(start: int) -> bytes:
    count = len(ENTRIES)
    return b"".join(
        (
            END_64.pack(
                b"PK\6\6", 44, UNIX | VERSION, VERSION, 0, 0, count, count, CENTRAL_SIZE, start
            ),
            LOCATOR.pack(b"PK\6\7", 0, start + CENTRAL_SIZE, 1),
            END.pack(b"PK\5\6", 0, 0, count, count, CENTRAL_SIZE, FULL_32, len(MARK) + SEAL_SIZE),
            MARK,
        )
    )


def checksum(pieces: Iterable[bytes | memoryview]) -> int:
    """Returns the CRC-32 of the pieces one after another, as zip wants it."""
    result = 0
    for piece in pieces:
        result = zlib.crc32(piece, result)
    return result


def find_layout(data: memoryview) -> Layout:
    """Returns the layout of a whole file, after comparing every byte outside the entries.

    Raises:
        DamagedCheckpoint: the file is not the archive that holds entries of these sizes.
    """
    if len(data) < OVERHEAD:
        raise DamagedCheckpoint(
            f"expected at least {OVERHEAD} bytes, got {len(data)}: the file is cut off; "
            "load another checkpoint."
        )
    layout = _parse(data[len(data) - TAIL_SIZE :])
    if sum(layout.lengths) + OVERHEAD != len(data):
        raise DamagedCheckpoint(
            f"expected {sum(layout.lengths) + OVERHEAD} bytes, got {len(data)}: bytes were lost, "
            "added or altered; load another checkpoint."
        )
    pairs = zip(layout.starts(), layout.headers(), strict=True)
    same = all(data[start - len(header) : start] == header for start, header in pairs)
    if not same or data[len(data) - TAIL_SIZE : len(data) - SEAL_SIZE] != layout.tail():
        raise DamagedCheckpoint(
            f"expected exactly the stored entries {', '.join(ENTRIES)}, got another zip structure; "
            "load another checkpoint."
        )
    return layout


def _parse(tail: memoryview) -> Layout:
    """Returns what the central directory claims; `find_layout` compares the rest."""
    lengths, sums, place = [], [], 0
    for name in ENTRIES:
        sums.append(CENTRAL.unpack_from(tail, place)[7])
        place += CENTRAL.size + len(name)
        lengths.append(CENTRAL_EXTRA.unpack_from(tail, place)[2])
        place += CENTRAL_EXTRA.size
    return Layout(lengths=tuple(lengths), sums=tuple(sums))
