"""The dtypes: numpy's as JSON, and the names that safetensors has for numpy's and torch's."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch

from ..errors import UnsupportedValue
from .plain import expect
from .schema import Decoder, Json

# safetensors' names; what is missing here is stored as raw bytes.
NUMPY_NAMES = {
    "|b1": "BOOL", "|u1": "U8", "|i1": "I8", "<u2": "U16", "<i2": "I16", "<u4": "U32",
    "<i4": "I32", "<u8": "U64", "<i8": "I64", "<f2": "F16", "<f4": "F32", "<f8": "F64",
    "<c8": "C64",
}  # fmt: skip
TORCH_NAMES = {
    torch.bool: "BOOL", torch.uint8: "U8", torch.int8: "I8", torch.int16: "I16",
    torch.uint16: "U16", torch.int32: "I32", torch.uint32: "U32", torch.int64: "I64",
    torch.uint64: "U64", torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32",
    torch.float64: "F64", torch.complex64: "C64", torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
}  # fmt: skip
RAW_TORCH = (
    torch.complex128, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz,
)  # fmt: skip
TORCH_DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (*TORCH_NAMES, *RAW_TORCH)}

# Numpy's one-letter names tell apart types of equal width: `longlong` is not `int64`, and a
# character (`c`, as in maps of Gymnasium) is not a text of one byte (`S1`).
DTYPE = re.compile(r"[<>|][biufcSUMmV]\d+(\[\d*[a-zA-Z]+\])?|[clLqQgG]")


def dtype_json(dtype: np.dtype[Any], path: str) -> Json:
    """Returns the JSON of a dtype: a text, or an object for a structured or nested one.

    Raises:
        UnsupportedValue: objects, metadata or an extension type.
    """
    if dtype.subdtype is not None:
        content: Json = [dtype_json(dtype.subdtype[0], path), list(dtype.subdtype[1])]
    elif dtype.names is not None:
        content = _fields_json(dtype, path)
    else:
        content = dtype.str
        if _plain_dtype(content) is None or np.dtype(content).char != dtype.char:
            content = dtype.char
    if dtype.metadata or not _same(_dtype(content), dtype):
        raise UnsupportedValue(
            f"{path} has the dtype {dtype!r}, expected numpy's own booleans, numbers, texts, dates "
            "or a structure of these without metadata; convert it."
        )
    return content


def _fields_json(dtype: np.dtype[Any], path: str) -> Json:
    fields = [(name, dtype.fields[name]) for name in dtype.names or () if dtype.fields is not None]
    return {
        "names": [name for name, _ in fields],
        "formats": [dtype_json(field[0], path) for _, field in fields],
        "offsets": [int(field[1]) for _, field in fields],
        "itemsize": dtype.itemsize,
        "aligned": bool(dtype.isalignedstruct),
    }


def _same(found: np.dtype[Any] | None, dtype: np.dtype[Any]) -> bool:
    if found is None or dtype.hasobject:
        return False
    return found == dtype and found.char == dtype.char and type(found) is type(dtype)


def _plain_dtype(content: Json) -> np.dtype[Any] | None:
    if type(content) is not str or not DTYPE.fullmatch(content):
        return None
    return np.dtype(content)


def _dtype(content: Json) -> np.dtype[Any] | None:
    """Returns the dtype for its JSON, or None where `dtype_json` would write no such JSON."""
    if type(content) is list:
        inner, shape = content
        found = _dtype(inner)
        return None if found is None else np.dtype((found, tuple(shape)))
    if type(content) is not dict:
        return _plain_dtype(content)
    formats = [_dtype(part) for part in content["formats"]]
    if None in formats:
        return None
    layout: Any = {**content, "formats": formats}
    aligned = layout.pop("aligned")
    structured: np.dtype[Any] = np.dtype(layout, align=aligned)
    return None if structured.hasobject else structured


def decode_dtype(_: Decoder, content: Json, path: str) -> np.dtype[Any]:
    """Returns the numpy dtype for its JSON."""
    dtype = _dtype(content)
    expect(dtype is not None and not dtype.hasobject, content, path, "a dtype without objects")
    assert dtype is not None
    return dtype
