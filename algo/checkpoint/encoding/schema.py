"""The closed schema: a tree of known values as tagged JSON and blocks of memory, and back.

A list is a JSON list and a dict with string keys is a JSON object; every other type is an object
with one key, its tag: `{"$tuple": [1, 2]}`. An object that is met twice is written once; the other
places hold `{"$ref": path}`, so identity survives. The table of types is `CODECS`: one row a type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from ..errors import CheckpointError, DamagedCheckpoint, MismatchedCheckpoint, UnsupportedValue
from .memory import Block, Blocks, Memory

Json: TypeAlias = Any

MAX_DEPTH = 100
"""Containers inside containers; far above any real state, below Python's own recursion limit."""

ROOT = "state"
"""The name of the tree in every path: `state['env'][0]`."""


@final
@dataclass(frozen=True, kw_only=True)
class Codec:
    """One row of the schema: how one exact type becomes JSON under one tag.

    Attributes:
        tag: the JSON key, or None where JSON has the type itself.
        kind: the exact type; a subclass is another type.
        encode: (encoder, value, path) to the JSON under the tag.
        decode: (decoder, JSON under the tag, path) to the value.
        shared: whether identity is kept, because the value can change in place.
    """

    tag: str | None
    kind: type
    encode: Callable[[Encoder, Any, str], Json]
    decode: Callable[[Decoder, Json, str], Any]
    shared: bool = False


def step(path: str, key: object, position: int) -> str:
    """Returns the path of a dict's value; a key without a short exact text goes by position."""
    if type(key) in (str, int, bool, type(None), bytes):
        return f"{path}[{key!r}]"
    return f"{path}[<key {position}>]"


@final
class Encoder:
    """Walks a tree once; remembers what it met and which memory the arrays reach."""

    def __init__(self, codecs: Mapping[type, Codec], names: Mapping[str, object]) -> None:
        self.memory = Memory()
        self._codecs = codecs
        self._names = {id(code): name for name, code in names.items()}
        self._seen: dict[int, tuple[str, object]] = {}
        self._depth = 0
        self._sets = 0

    @contextmanager
    def without_identity(self) -> Iterator[None]:
        """Refuses values that can change in place, such as a tensor in a set, inside this block."""
        self._sets += 1
        yield
        self._sets -= 1

    def encode(self, value: Any, path: str) -> Json:
        """Returns the JSON of `value`.

        Raises:
            UnsupportedValue: the schema does not hold a value of this type.
        """
        codec = self._codecs.get(type(value))
        if codec is None:
            return {"$name": self._name(value, path)}
        if codec.shared:
            self._check_place(value, path)
            first = self._seen.setdefault(id(value), (path, value))[0]
            if first != path:
                return {"$ref": first}
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UnsupportedValue(
                f"{path} is nested {self._depth} levels deep, expected at most {MAX_DEPTH}; "
                "flatten the state."
            )
        content = codec.encode(self, value, path)
        self._depth -= 1
        return content if codec.tag is None else {codec.tag: content}

    def _check_place(self, value: object, path: str) -> None:
        if self._sets:
            raise UnsupportedValue(
                f"{path} is {_describe(value)} inside a set, expected a value that cannot change; "
                "keep it in a list or under a key."
            )

    def _name(self, value: object, path: str) -> str:
        name = self._names.get(id(value))
        if name is not None:
            return name
        kinds = {codec.kind for codec in self._codecs.values() if codec.tag != "$object"}
        legal = sorted(kind.__name__ for kind in kinds if not kind.__name__.endswith("DType"))
        raise UnsupportedValue(
            f"{path} is {_describe(value)}, expected one of these exact types: {', '.join(legal)}; "
            "turn it into plain data, give its owner get_state() and set_state(), or register "
            "code by name."
        )


def _describe(value: object) -> str:
    kind = type(value)
    if isinstance(value, type) or callable(value):
        title = getattr(value, "__qualname__", kind.__qualname__)
        return f"{getattr(value, '__module__', '?')}.{title}, code without a registered name"
    # types that SWIG makes have no module
    return f"a {getattr(kind, '__module__', '?')}.{kind.__qualname__}"


@final
class Decoder:
    """Rebuilds a tree; what is not exactly as an `Encoder` writes it is an error."""

    def __init__(
        self,
        tags: Mapping[str, Codec],
        blocks: Mapping[str, Block],
        names: Mapping[str, object],
        device: str | None,
    ) -> None:
        self.blocks = Blocks(blocks)
        self.device = device
        self._tags = tags
        self._names = names
        self._seen: dict[str, object] = {}
        self._depth = 0

    def decode(self, value: Json, path: str) -> Any:
        """Returns the value that `value` stands for.

        Raises:
            DamagedCheckpoint: not the JSON that an `Encoder` writes.
            MismatchedCheckpoint: a registered name or a device is not here.
        """
        kind = type(value)
        if kind is str or kind is int or kind is bool or value is None:
            return value
        codec, content = self._match(value, path)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise DamagedCheckpoint(f"{path} is nested deeper than {MAX_DEPTH} levels.")
        result = self._call(codec, content, path)
        self._depth -= 1
        if codec.shared:
            self._seen[path] = result
        return result

    def remember(self, path: str, value: object) -> None:
        """Notes a container before its items are decoded, so that they can refer to it."""
        self._seen[path] = value

    def reference(self, content: Json, path: str) -> object:
        """Returns the object first met at the path that `content` names."""
        if type(content) is not str or content not in self._seen:
            raise DamagedCheckpoint(f"{path} refers to {content!r}, expected an earlier object.")
        return self._seen[content]

    def name(self, content: Json, path: str) -> object:
        """Returns the code that the caller registered under the name `content`."""
        if type(content) is str and content in self._names:
            return self._names[content]
        raise MismatchedCheckpoint(
            f"{path} is the code registered as {content!r}, expected one of "
            f"{sorted(self._names)}; pass it to the loading call under this name."
        )

    def _match(self, value: Json, path: str) -> tuple[Codec, Json]:
        if type(value) is dict:
            tags = [key for key in value if key.startswith("$")]
            if not tags:
                return self._tags["object"], value
            if len(value) == 1 and tags[0] in self._tags:
                return self._tags[tags[0]], value[tags[0]]
            raise DamagedCheckpoint(
                f"{path} has the keys {list(value)[:4]}, expected one known tag "
                f"of {sorted(self._tags)}."
            )
        if type(value) is list:
            return self._tags["array"], value
        return self._tags["number"], value

    def _call(self, codec: Codec, content: Json, path: str) -> Any:
        try:
            return codec.decode(self, content, path)
        except CheckpointError:
            raise
        # A constructor of a library refuses what it refuses: the file is wrong whatever its words.
        except Exception as error:
            raise DamagedCheckpoint(
                f"{path}: expected what {codec.tag or 'a plain container'} holds, "
                f"got {type(error).__name__}: {error}"[:400]
            ) from error
