"""The table of the closed schema: a new type is one row in one of the three lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import DamagedCheckpoint, UnsupportedValue
from .arrays import ARRAY_CODECS
from .generators import GENERATOR_CODECS
from .memory import Block
from .objects import OBJECT_CODECS
from .plain import PLAIN_CODECS, VARIANTS
from .schema import ROOT, Codec, Decoder, Encoder, Json

CODECS: Final = (*PLAIN_CODECS, *ARRAY_CODECS, *GENERATOR_CODECS, *OBJECT_CODECS)
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


def encode(
    tree: object, *, names: Mapping[str, object] | None = None
) -> tuple[Json, dict[str, Block]]:
    """Returns the tagged JSON of `tree` and the blocks of memory that its arrays reach.

    The blocks are views on the live arrays, not copies: use them before the arrays change.

    Args:
        tree: plain data, arrays, tensors, generators, spaces and registered code.
        names: code by name, such as `{"ReLU": torch.nn.ReLU}`; stored as its name.

    Raises:
        UnsupportedValue: the tree holds anything else; the message names its path.
    """
    encoder = Encoder(_BY_KIND, names or {})
    try:
        value = encoder.encode(tree, ROOT)
    except RecursionError as error:
        raise UnsupportedValue(
            f"{ROOT} met Python's recursion limit; call from a less deep stack."
        ) from error
    return value, encoder.memory.settle()


def decode(
    value: Json,
    blocks: Mapping[str, Block],
    *,
    names: Mapping[str, object] | None = None,
    device: str | None = None,
) -> Any:
    """Returns the tree that `encode` was given, equal in value, type, bits and identity.

    Arrays and tensors have memory of their own, aligned as torch aligns it.

    Args:
        value: the tagged JSON.
        blocks: the memory, by key.
        names: the code by name that `encode` was given.
        device: where to put the tensors; None keeps the device of each.

    Raises:
        DamagedCheckpoint: not what `encode` returns.
        MismatchedCheckpoint: a registered name or a device is not here.
    """
    decoder = Decoder(TAGS, blocks, names or {}, device)
    try:
        tree = decoder.decode(value, ROOT)
    except RecursionError as error:
        raise DamagedCheckpoint(f"{ROOT} is nested deeper than Python can follow.") from error
    decoder.blocks.finish()
    return tree
