"""The blocks of memory as a safetensors file, written and read without copying them.

The form is a length, a JSON header and the bytes. It is written here and not by the library for
one reason: the library would copy the whole payload once more on the way out and on the way in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from ..encoding.memory import Block, Bytes
from ..errors import DamagedCheckpoint

LENGTH_SIZE = 8

ITEM_SIZES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2,
    "BF16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8,
}  # fmt: skip


def pack_blocks(blocks: Mapping[str, Block]) -> list[bytes | memoryview]:
    """Returns the pieces of the payload; the header comes first, then one piece a block."""
    table, end = {}, 0
    for key, block in blocks.items():
        start, end = end, end + block.data.size
        offsets = [start, end]
        table[key] = {"dtype": block.dtype, "shape": list(block.shape), "data_offsets": offsets}
    header = json.dumps(table, separators=(",", ":")).encode()
    length = len(header).to_bytes(LENGTH_SIZE, "little")
    return [length + header, *(block.data.data for block in blocks.values())]


def unpack_blocks(data: Bytes) -> dict[str, Block]:
    """Returns the blocks of a payload, as views on it; it need not be aligned.

    Raises:
        DamagedCheckpoint: the bytes are not exactly one payload.
    """
    start = LENGTH_SIZE + int.from_bytes(data[:LENGTH_SIZE].tobytes(), "little")
    if not len(data) >= LENGTH_SIZE or start > len(data):
        raise DamagedCheckpoint(
            f"tensors.safetensors: expected a header within {len(data)} bytes, got one that ends "
            f"at {start}; load another checkpoint."
        )
    table = parse_json(data[LENGTH_SIZE:start].tobytes(), "tensors.safetensors")
    try:
        blocks, end = _slice(table, data[start:])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedCheckpoint(
            f"tensors.safetensors: expected dtype, shape and offsets for each array, got "
            f"{error!r:.200}; load another checkpoint."
        ) from error
    if start + end != len(data):
        raise DamagedCheckpoint(
            f"tensors.safetensors: expected {len(data)} bytes of arrays and header, got "
            f"{start + end}; load another checkpoint."
        )
    return blocks


def _slice(table: Any, data: Bytes) -> tuple[dict[str, Block], int]:
    blocks, end = {}, 0
    for key, entry in table.items():
        dtype, shape = entry["dtype"], entry["shape"]
        size = math.prod(shape) * ITEM_SIZES[dtype]
        if not all(type(length) is int and length >= 0 for length in shape):
            raise ValueError(f"shape {shape!r} of {key!r}")
        if entry["data_offsets"] != [end, end + size] or len(entry) != 3:
            raise ValueError(f"offsets {entry['data_offsets']!r} of {key!r}")
        blocks[key] = Block(dtype=dtype, shape=tuple(shape), data=data[end : end + size])
        end += size
    return blocks, end


def parse_json(data: bytes, name: str) -> Any:
    """Returns the JSON of an entry, read strictly: no repeated keys, no NaN outside a tag.

    Raises:
        DamagedCheckpoint: not JSON of this form.
    """
    try:
        return json.loads(data, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DamagedCheckpoint(
            f"{name}: expected strict JSON, got {error!s:.200}; load another checkpoint."
        ) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError(f"a repeated key among {[key for key, _ in pairs]!r:.100}")
    return result


def _no_constant(text: str) -> Any:
    raise ValueError(f"the constant {text}")
