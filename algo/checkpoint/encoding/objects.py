"""The row of the schema for what is no plain data: an object by kind, name and content.

The file holds no class and makes no object: who reads it gets `Stored`, and decides from the live
run what to make of it. A name is a text here, never something to import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from .plain import expect
from .schema import Codec, Decoder, Encoder, Json


@final
@dataclass(kw_only=True, eq=False)
class Stored:
    """One object as the file holds it.

    Attributes:
        kind: what it is, such as "object", "method" or "code"; whoever wrote it knows the kinds.
        name: of its class, or of the code that it is.
        content: its own state, a tree of the schema.
    """

    kind: str
    name: str
    content: Any


def _encode(encoder: Encoder, value: Stored, path: str) -> Json:
    content = encoder.encode(value.content, f"{path}.content")
    return {"kind": value.kind, "name": value.name, "content": content}


def _decode(decoder: Decoder, content: Json, path: str) -> Stored:
    keys = {"kind", "name", "content"}
    expect(type(content) is dict and set(content) == keys, content, path, f"the keys {keys}")
    kind, name = content["kind"], content["name"]
    expect(type(kind) is str and type(name) is str, content, path, "kind and name as texts")
    stored = Stored(kind=kind, name=name, content=None)
    decoder.remember(path, stored)
    stored.content = decoder.decode(content["content"], f"{path}.content")
    return stored


OBJECT_CODECS = (Codec(tag="$object", kind=Stored, encode=_encode, decode=_decode, shared=True),)
"""The one row."""
