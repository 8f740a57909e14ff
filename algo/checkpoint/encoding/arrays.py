"""The rows of the schema for numpy and torch: dtypes, scalars, arrays, tensors, devices.

An array's JSON is `{"block": key, "dtype": ..., "shape": [...]}`; `offset` and `strides` (bytes),
`readonly`, `requires_grad` and `device` stand there only where they differ from the plain case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..errors import MismatchedCheckpoint, UnsupportedValue
from .dtypes import NUMPY_NAMES, TORCH_DTYPES, TORCH_NAMES, decode_dtype, dtype_json
from .memory import Bytes, Window, packed_strides, reach
from .plain import decode_bytes, expect
from .schema import Codec, Decoder, Encoder, Json

# Types of its own for numpy text: `tobytes` drops trailing zeros of both.
NUMPY_SCALARS = tuple(
    kind
    for kind in {np.dtype(letter).type for letter in "?bBhHiIlLqQefdgFDGMm"}
    if kind is not np.object_
)


def _encode_dtype(_: Encoder, value: np.dtype[Any], path: str) -> Json:
    return dtype_json(value, path)


def _encode_scalar(_: Encoder, value: np.generic, path: str) -> Json:
    return [dtype_json(value.dtype, path), value.tobytes().hex()]


def _decode_scalar(decoder: Decoder, content: Json, path: str) -> np.generic:
    name, digits = content
    dtype = decode_dtype(decoder, name, path)
    expect(dtype.type in NUMPY_SCALARS, content, path, "the dtype of a scalar")
    data = bytes.fromhex(digits)
    expect(data.hex() == digits and len(data) == dtype.itemsize, content, path, "one item")
    value: np.generic = np.frombuffer(data, dtype)[0]
    return value


def _encode_array(encoder: Encoder, value: npt.NDArray[Any], path: str) -> Json:
    dtype = dtype_json(value.dtype, path)
    body: dict[str, Any] = {"dtype": dtype, "shape": list(value.shape)}
    if not value.flags.writeable:
        body["readonly"] = True
    if value.nbytes == 0:
        return _empty(body, value.strides, value.itemsize)
    name = NUMPY_NAMES.get(dtype) if type(dtype) is str else None
    encoder.memory.add(_array_window(value, name, path, body))
    return body


def _array_window(
    value: npt.NDArray[Any], name: str | None, path: str, body: dict[str, Any]
) -> Window:
    origin, itemsize = value.__array_interface__["data"][0], value.itemsize
    low, high = reach(value.shape, value.strides, itemsize)
    return Window(
        low=origin + low,
        high=origin + high,
        origin=origin,
        dtype=name,
        shape=value.shape,
        strides=value.strides,
        itemsize=itemsize,
        flat=lambda: _flat(value),
        raw=lambda: value.view(f"V{itemsize}"),
        divisible=False,
        path=path,
        body=body,
    )


def _flat(value: npt.NDArray[Any]) -> Bytes:
    """Returns the bytes of a dense array in the order of memory, without a copy."""
    axes = sorted(range(value.ndim), key=lambda axis: -value.strides[axis])
    return value.transpose(axes).reshape(-1).view(np.uint8)


def _decode_array(decoder: Decoder, content: Json, path: str) -> npt.NDArray[Any]:
    _check_body(content, path, {"readonly"})
    dtype = decode_dtype(decoder, content["dtype"], path)
    shape, strides, offset, data = _place(decoder, content, path, dtype.itemsize)
    value: npt.NDArray[Any] = np.ndarray(shape, dtype, data.data, offset, strides)
    expect(content.get("readonly", True) is True, content, path, "readonly as true")
    value.flags.writeable = "readonly" not in content
    return value


def _empty(body: dict[str, Any], strides: tuple[int, ...], itemsize: int) -> dict[str, Any]:
    """Complete the JSON of an array without bytes: it has no block, but may have odd strides."""
    if strides != packed_strides(body["shape"], itemsize):
        body["strides"] = list(strides)
    return body


def _check_body(content: Json, path: str, optional: set[str]) -> None:
    required = {"dtype", "shape"}
    known = required | {"block", "offset", "strides"} | optional
    keys = set(content) if type(content) is dict else set()
    expect(required <= keys <= known, content, path, f"the keys {sorted(required)}")


def _place(
    decoder: Decoder, content: Json, path: str, itemsize: int
) -> tuple[tuple[int, ...], tuple[int, ...], int, Bytes]:
    """Returns (shape, strides in bytes, offset in bytes, memory) of an array's JSON."""
    shape, offset = tuple(content["shape"]), content.get("offset", 0)
    packed = packed_strides(shape, itemsize)
    strides = tuple(content.get("strides", packed))
    whole = [*shape, *strides, offset]
    expect(all(type(part) is int for part in whole), content, path, "whole numbers")
    expect(min(*shape, offset, 0) == 0, content, path, "no negative length")
    expect(len(strides) == len(shape), content, path, "as many strides as lengths")
    empty = 0 in shape or itemsize == 0
    expect(empty == ("block" not in content), content, path, "a block unless it is empty")
    if empty:
        expect(offset == 0, content, path, "no offset into nothing")
        return shape, strides, 0, np.empty(max(itemsize, 1), np.uint8)
    return (
        shape,
        strides,
        offset,
        decoder.blocks.window(content["block"], offset, shape, strides, itemsize),
    )


def _encode_tensor(encoder: Encoder, value: torch.Tensor, path: str) -> Json:
    _check_tensor(value, path)
    dtype = str(value.dtype).removeprefix("torch.")
    body: dict[str, Any] = {"dtype": dtype, "shape": list(value.shape)}
    if value.requires_grad:
        body["requires_grad"] = True
    if value.device.type != "cpu":
        body["device"] = str(value.device)
    if not value.numel():
        itemsize = value.element_size()
        return _empty(body, tuple(step * itemsize for step in value.stride()), itemsize)
    encoder.memory.add(_tensor_window(encoder, value, path, body))
    return body


def _check_tensor(value: torch.Tensor, path: str) -> None:
    problem = None
    if value.layout is not torch.strided or value.is_quantized or value.device.type == "meta":
        problem = f"a {value.layout} tensor on {value.device}; expected a dense one"
    elif str(value.dtype).removeprefix("torch.") not in TORCH_DTYPES:
        problem = f"a tensor of {value.dtype}; expected one of {sorted(TORCH_DTYPES)}"
    elif value.is_conj() or value.is_neg():
        problem = "a lazily conjugated or negated tensor; call resolve_conj() and resolve_neg()"
    elif value.grad_fn is not None:
        problem = "a tensor inside an autograd graph; call detach()"
    elif value.grad is not None:
        problem = "a tensor with a gradient; save the gradient apart and set .grad to None"
    if problem:
        raise UnsupportedValue(f"{path} is {problem}.")


def _tensor_window(
    encoder: Encoder, value: torch.Tensor, path: str, body: dict[str, Any]
) -> Window:
    itemsize, shape = value.element_size(), tuple(value.shape)
    strides = tuple(step * itemsize for step in value.stride())
    storage = encoder.memory.on_cpu(value.untyped_storage())
    first = int(value.storage_offset()) * itemsize
    origin, high = storage.data_ptr() + first, reach(shape, strides, itemsize)[1]

    def untyped(size: Sequence[int], steps: Sequence[int]) -> Bytes:
        # numpy has no bfloat16 and torch no untyped item: bytes, with one dimension more.
        empty = torch.empty(0, dtype=torch.uint8)
        return empty.set_(storage, first, tuple(size), tuple(steps)).numpy()

    return Window(
        low=origin,
        high=origin + high,
        origin=origin,
        dtype=TORCH_NAMES.get(value.dtype),
        shape=shape,
        strides=strides,
        itemsize=itemsize,
        flat=lambda: untyped((high,), (1,)),
        raw=lambda: untyped((*shape, itemsize), (*strides, 1)),
        divisible=True,
        path=path,
        body=body,
    )


def _decode_tensor(decoder: Decoder, content: Json, path: str) -> torch.Tensor:
    _check_body(content, path, {"requires_grad", "device"})
    dtype = TORCH_DTYPES[content["dtype"]]
    shape, strides, offset, data = _place(decoder, content, path, dtype.itemsize)
    expect(content.get("requires_grad", True) is True, content, path, "requires_grad as true")
    device = find_device(decoder, content.get("device", "cpu"), path)
    steps = [step // dtype.itemsize for step in (offset, *strides)]
    exact = [step * dtype.itemsize for step in steps] == [offset, *strides]
    expect(exact and min(steps) >= 0, content, path, "steps in whole elements")
    if 0 in shape:
        value = torch.empty_strided(shape, steps[1:], dtype=dtype, device=device)
    else:
        value = torch.empty(0, dtype=dtype, device=device)
        storage = decoder.blocks.storage(content["block"], data, device)
        value.set_(storage, steps[0], shape, tuple(steps[1:]))
    return value.requires_grad_("requires_grad" in content)


def find_device(decoder: Decoder, name: Json, path: str) -> torch.device:
    """Returns the device that the file names, or the one that the caller asked for.

    Raises:
        MismatchedCheckpoint: the device does not exist here.
    """
    device = torch.device(decoder.device or name)
    if device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_available()):
        return device
    raise MismatchedCheckpoint(
        f"{path} was on the device {name!r}, expected one that is available here; "
        "pass device='cpu' to load it there."
    )


def _encode_text(encoder: Encoder, value: np.str_, path: str) -> Json:
    # A slice is a plain str with all letters; str() would drop zeros from the end.
    return encoder.encode(value[:], path)


def _decode_text(decoder: Decoder, content: Json, path: str) -> np.str_:
    text = decoder.decode(content, path)
    expect(type(text) is str, content, path, "a text")
    return np.str_(text)


def _encode_octets(_: Encoder, value: np.bytes_, __: str) -> Json:
    return value[:].hex()


def _decode_octets(_: Decoder, content: Json, path: str) -> np.bytes_:
    return np.bytes_(decode_bytes(_, content, path))


def _encode_torch_dtype(_: Encoder, value: torch.dtype, __: str) -> Json:
    return str(value).removeprefix("torch.")


def _decode_torch_dtype(_: Decoder, content: Json, path: str) -> torch.dtype:
    return TORCH_DTYPES[content]


def _encode_device(_: Encoder, value: torch.device, __: str) -> Json:
    return str(value)


def _decode_device(_: Decoder, content: Json, path: str) -> torch.device:
    expect(type(content) is str, content, path, "the name of a device")
    return torch.device(content)


ARRAY_CODECS = (
    *(
        Codec(tag="$scalar", kind=kind, encode=_encode_scalar, decode=_decode_scalar)
        for kind in NUMPY_SCALARS
    ),
    Codec(tag="$numpy_str", kind=np.str_, encode=_encode_text, decode=_decode_text),
    Codec(tag="$numpy_bytes", kind=np.bytes_, encode=_encode_octets, decode=_decode_octets),
    Codec(tag="$array", kind=np.ndarray, encode=_encode_array, decode=_decode_array, shared=True),
    Codec(
        tag="$tensor", kind=torch.Tensor, encode=_encode_tensor, decode=_decode_tensor, shared=True
    ),
    Codec(
        tag="$torch_dtype", kind=torch.dtype, encode=_encode_torch_dtype, decode=_decode_torch_dtype
    ),
    Codec(tag="$device", kind=torch.device, encode=_encode_device, decode=_decode_device),
    # Since numpy 1.20 every dtype has a class of its own.
    *(
        Codec(tag="$dtype", kind=type(np.dtype(letter)), encode=_encode_dtype, decode=decode_dtype)
        for letter in "?bBhHiIlLqQefdgFDGMmSUV"
    ),
)
"""One row a type that numpy and torch bring."""
