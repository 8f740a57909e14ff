"""The table of the closed schema: a new type is one row in one of the three lists."""

from __future__ import annotations

from typing import Final

from algo.checkpoint.arrays import ARRAY_CODECS
from algo.checkpoint.generators import GENERATOR_CODECS
from algo.checkpoint.plain import PLAIN_CODECS, VARIANTS
from algo.checkpoint.schema import Codec, Decoder, Encoder, Json

CODECS: Final = (*PLAIN_CODECS, *ARRAY_CODECS, *GENERATOR_CODECS)
"""Every type that can be stored, except registered code."""

_BY_KIND = {codec.kind: codec for codec in CODECS}


def _variant(tag: str, kind: type) -> Codec:
    row = _BY_KIND[kind]
    return Codec(tag=tag, kind=kind, encode=row.encode, decode=VARIANTS[tag])


def _refuse(_: Encoder, value: object, path: str) -> Json:
    raise AssertionError(f"{path}: {value!r} has no row; the encoder writes this tag itself")


TAGS: Final = {
    **{codec.tag: codec for codec in CODECS if codec.tag is not None},
    "$int": _variant("$int", int),
    "$float": _variant("$float", float),
    "$str": _variant("$str", str),
    "$dict": _variant("$dict", dict),
    "$ref": Codec(tag="$ref", kind=object, encode=_refuse, decode=Decoder.reference),
    "$name": Codec(tag="$name", kind=object, encode=_refuse, decode=Decoder.name),
    # JSON's own forms; no tag of a file can name them, for want of the dollar.
    "object": _BY_KIND[dict],
    "array": _BY_KIND[list],
    "number": _BY_KIND[float],
}
"""The row for each tag, and for what JSON holds without one."""
