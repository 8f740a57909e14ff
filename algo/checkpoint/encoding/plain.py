"""The rows of the schema for Python's own types."""

from __future__ import annotations

import math
import re
import struct
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from json import dumps
from typing import Any

from ..errors import DamagedCheckpoint
from .schema import Codec, Decoder, Encoder, Json, step

# Beyond this many bits a number goes as hexadecimal: JSON readers elsewhere hold no more.
PLAIN_BITS = 63

# `int(text, 0)` alone would take underscores, spaces and octal.
HEXADECIMAL = re.compile(r"-?0x[1-9a-f][0-9a-f]*")


def expect(condition: bool, content: Json, path: str, expected: str) -> None:
    """Raises `DamagedCheckpoint` unless `condition` holds for the JSON at `path`."""
    if not condition:
        raise DamagedCheckpoint(f"{path}: expected {expected}, got {content!r:.80}.")


def decode_itself(_: Decoder, content: Json, path: str) -> Json:
    """Refuses: JSON holds these types without a tag."""
    raise DamagedCheckpoint(f"{path}: expected no tag around {content!r:.80}.")


def _encode_itself(_: Encoder, value: Any, __: str) -> Json:
    return value


def _encode_int(_: Encoder, value: int, __: str) -> Json:
    return value if value.bit_length() <= PLAIN_BITS else {"$int": hex(value)}


def _decode_int(_: Decoder, content: Json, path: str) -> int:
    valid = type(content) is str and HEXADECIMAL.fullmatch(content)
    expect(bool(valid), content, path, "a hexadecimal number")
    value = int(content, 16)
    expect(value.bit_length() > PLAIN_BITS, content, path, f"more than {PLAIN_BITS} bits")
    return value


def _encode_float(_: Encoder, value: float, __: str) -> Json:
    return value if math.isfinite(value) else {"$float": struct.pack(">d", value).hex()}


def _decode_float(_: Decoder, content: Json, path: str) -> float:
    value: float = struct.unpack(">d", _bytes(content, path))[0]
    expect(not math.isfinite(value), content, path, "infinity or NaN as 8 bytes")
    return value


def _decode_number(_: Decoder, content: Json, path: str) -> float:
    expect(type(content) is float and math.isfinite(content), content, path, "a finite float")
    return float(content)


def _is_text(value: str) -> bool:
    """Returns whether `value` is free of surrogates, which JSON would join to pairs."""
    if value.isascii():
        return True
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _encode_str(_: Encoder, value: str, __: str) -> Json:
    if _is_text(value):
        return value
    return {"$str": value.encode("utf-8", "surrogatepass").hex()}


def _decode_str(_: Decoder, content: Json, path: str) -> str:
    value = _bytes(content, path).decode("utf-8", "surrogatepass")
    expect(not _is_text(value), content, path, "a text with lone surrogates")
    return value


def _bytes(content: Json, path: str) -> bytes:
    expect(type(content) is str, content, path, "hexadecimal digits")
    value = bytes.fromhex(content)
    expect(value.hex() == content, content, path, "lower-case hexadecimal digits, no spaces")
    return value


def _encode_bytes(_: Encoder, value: bytes, __: str) -> Json:
    return value.hex()


def decode_bytes(_: Decoder, content: Json, path: str) -> bytes:
    """Returns the bytes for their hexadecimal digits."""
    return _bytes(content, path)


def _decode_bytearray(_: Decoder, content: Json, path: str) -> bytearray:
    return bytearray(_bytes(content, path))


def _encode_complex(encoder: Encoder, value: complex, path: str) -> Json:
    return [encoder.encode(value.real, path), encoder.encode(value.imag, path)]


def _decode_complex(decoder: Decoder, content: Json, path: str) -> complex:
    real, imag = (decoder.decode(part, path) for part in content)
    expect(type(real) is float and type(imag) is float, content, path, "two floats")
    return complex(real, imag)


def _encode_items(encoder: Encoder, values: Iterable[Any], path: str) -> list[Json]:
    return [encoder.encode(item, f"{path}[{place}]") for place, item in enumerate(values)]


def _fill(decoder: Decoder, content: Json, path: str, append: Callable[[Any], object]) -> None:
    expect(type(content) is list, content, path, "a list")
    for place, item in enumerate(content):
        append(decoder.decode(item, f"{path}[{place}]"))


def _decode_tuple(decoder: Decoder, content: Json, path: str) -> tuple[Any, ...]:
    items: list[Any] = []
    _fill(decoder, content, path, items.append)
    return tuple(items)


def _decode_list(decoder: Decoder, content: Json, path: str) -> list[Any]:
    items: list[Any] = []
    decoder.remember(path, items)
    _fill(decoder, content, path, items.append)
    return items


def _encode_deque(encoder: Encoder, value: deque[Any], path: str) -> Json:
    return {"maxlen": value.maxlen, "items": _encode_items(encoder, value, path)}


def _decode_deque(decoder: Decoder, content: Json, path: str) -> deque[Any]:
    expect(set(content) == {"maxlen", "items"}, content, path, "maxlen and items")
    items: deque[Any] = deque(maxlen=content["maxlen"])
    decoder.remember(path, items)
    _fill(decoder, content["items"], path, items.append)
    expect(len(items) == len(content["items"]), content, path, "at most maxlen items")
    return items


def _encode_set(encoder: Encoder, value: Iterable[Any], path: str) -> Json:
    # A set has no order of its own: sorted, so that equal sets give equal bytes. Its items have no
    # path either, by which another place could refer to them.
    with encoder.without_identity():
        return sorted((encoder.encode(item, f"{path}{{}}") for item in value), key=dumps)


def _decode_frozenset(decoder: Decoder, content: Json, path: str) -> frozenset[Any]:
    return frozenset(_decode_set(decoder, content, path))


def _decode_set(decoder: Decoder, content: Json, path: str) -> set[Any]:
    items: set[Any] = set()
    expect(type(content) is list, content, path, "a list")
    for item in content:
        items.add(decoder.decode(item, f"{path}{{}}"))
    expect(len(items) == len(content), content, path, "items that differ")
    return items


def _encode_dict(encoder: Encoder, value: dict[Any, Any], path: str) -> Json:
    if all(type(key) is str and not key.startswith("$") and _is_text(key) for key in value):
        return {key: encoder.encode(item, f"{path}[{key!r}]") for key, item in value.items()}
    return {"$dict": _encode_pairs(encoder, value, path)}


def _encode_pairs(encoder: Encoder, value: dict[Any, Any], path: str) -> Json:
    return [
        [encoder.encode(key, f"{path}.key({place})"), encoder.encode(item, step(path, key, place))]
        for place, (key, item) in enumerate(value.items())
    ]


def _decode_object(decoder: Decoder, content: Json, path: str) -> dict[str, Any]:
    items: dict[str, Any] = {}
    decoder.remember(path, items)
    for key, item in content.items():
        items[key] = decoder.decode(item, f"{path}[{key!r}]")
    return items


def _decode_pairs(decoder: Decoder, content: Json, path: str, items: dict[Any, Any]) -> Any:
    expect(type(content) is list, content, path, "a list of pairs")
    decoder.remember(path, items)
    for place, (key_content, item) in enumerate(content):
        key = decoder.decode(key_content, f"{path}.key({place})")
        items[key] = decoder.decode(item, step(path, key, place))
    expect(len(items) == len(content), content, path, "keys that differ")
    return items


def _decode_dict(decoder: Decoder, content: Json, path: str) -> dict[Any, Any]:
    items: dict[Any, Any] = _decode_pairs(decoder, content, path, {})
    plain = all(type(key) is str and not key.startswith("$") and _is_text(key) for key in items)
    expect(not plain, content, path, "a plain object, its keys being plain strings")
    return items


def _decode_ordered(decoder: Decoder, content: Json, path: str) -> OrderedDict[Any, Any]:
    items: OrderedDict[Any, Any] = _decode_pairs(decoder, content, path, OrderedDict())
    return items


PLAIN_CODECS = (
    Codec(tag=None, kind=type(None), encode=_encode_itself, decode=decode_itself),
    Codec(tag=None, kind=bool, encode=_encode_itself, decode=decode_itself),
    Codec(tag=None, kind=int, encode=_encode_int, decode=decode_itself),
    Codec(tag=None, kind=float, encode=_encode_float, decode=_decode_number),
    Codec(tag=None, kind=str, encode=_encode_str, decode=decode_itself),
    Codec(tag=None, kind=list, encode=_encode_items, decode=_decode_list, shared=True),
    Codec(tag=None, kind=dict, encode=_encode_dict, decode=_decode_object, shared=True),
    Codec(tag="$complex", kind=complex, encode=_encode_complex, decode=_decode_complex),
    Codec(tag="$bytes", kind=bytes, encode=_encode_bytes, decode=decode_bytes),
    Codec(
        tag="$bytearray",
        kind=bytearray,
        encode=_encode_bytes,
        decode=_decode_bytearray,
        shared=True,
    ),
    Codec(tag="$tuple", kind=tuple, encode=_encode_items, decode=_decode_tuple),
    Codec(tag="$deque", kind=deque, encode=_encode_deque, decode=_decode_deque, shared=True),
    Codec(tag="$set", kind=set, encode=_encode_set, decode=_decode_set, shared=True),
    Codec(tag="$frozenset", kind=frozenset, encode=_encode_set, decode=_decode_frozenset),
    Codec(
        tag="$ordered",
        kind=OrderedDict,
        encode=_encode_pairs,
        decode=_decode_ordered,
        shared=True,
    ),
)
"""One row a type that Python brings."""

VARIANTS = {
    "$int": _decode_int,
    "$float": _decode_float,
    "$str": _decode_str,
    "$dict": _decode_dict,
}
"""Tags of values that plain JSON holds only in part: the encoder of their row decides."""
