"""The bytes of an entry as data. Nothing in them is ever executed.

| bytes | read as |
|---|---|
| what torch wrote (`.pth`, `.pt`) | its tensors and plain values, `weights_only=True` |
| `.safetensors` | its tensors and metadata |
| `.npy`, by content | an array |
| JSON, by content | its data |
| a pickle | for people: its operations and what each is given; otherwise its bytes |
| any other zip, `.npz` too | its entries |
| all else | its bytes |
"""

from __future__ import annotations

import base64
import io
import json
import lzma
import pickletools
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from ..core.extras import needing_extras

ZIP = b"PK\x03\x04"
_NPY = b"\x93NUMPY"
# the long int that torch wrote first before it wrote zips, as a pickle
_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_SERIALIZED = ":serialized:"  # as SB3 writes objects into JSON
_PICKLES = (".pkl", ".pickle")
_BITS = 8192  # of a number that Python writes out
_DAMAGED = "it is truncated or damaged, take another copy or save it again"
_BY_HAND = "compare the two with a tool for text"
_DOUBLE = "which of them is loaded depends on who reads it: write each once"
MOST_UNPACKED = 16
"""How many times the size of its file an archive may hold, unpacked."""
_ROOM = 1 << 20
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,  # what zipfile raises of a compression that it does not know
    RuntimeError,
    ValueError,
    struct.error,
)


@final
class Undecodable(Exception):
    """An entry is by its name or first bytes of a format, and cannot be read as that.

    Args:
        reason: why.
        entry: its name.
        advice: what to do.
    """

    def __init__(self, reason: str, entry: str, advice: str = _DAMAGED) -> None:
        super().__init__(reason)
        self.reason = reason
        self.entry = entry
        self.advice = advice


@final
@dataclass(frozen=True, kw_only=True)
class Plain:
    """What holds dicts, lists and plain values only, none of which is there twice."""

    data: Any


@final
class Entries(dict[str, Any]):
    """The entries of an archive by name."""


@final
class Operations(list[tuple[str, Any]]):
    """The operations of a pickle, in order: the name of each, and what it is given."""


@final
@dataclass(kw_only=True)
class Decoder:
    """Reads entries of one file.

    Attributes:
        size: of the file, in bytes.
        strict: whether an entry that cannot be read is an error and a pickle its operations,
            rather than its bytes.
    """

    size: int
    strict: bool = True
    unpacked: int = field(default=0, init=False)

    def decoded(self, name: str, content: bytes) -> Any:
        """Returns the data in the bytes of an entry, or the bytes where no reader knows them.

        Raises:
            Undecodable: it cannot be read.
        """
        try:
            return self._data(name, content)
        except Undecodable:
            if self.strict:
                raise
            return content

    def _data(self, name: str, content: bytes) -> Any:
        if zipfile.is_zipfile(io.BytesIO(content)):
            return self._zip(name, content)
        if content.startswith(ZIP):
            raise Undecodable("it begins as a zip and has no end", name)
        if content.startswith(_LEGACY):
            return _torch(name, content)
        if name.endswith(".safetensors"):
            return _safetensors(name, content)
        if content.startswith(_NPY):
            return _array(name, content)
        if self.strict and (content[:1] == b"\x80" or name.endswith(_PICKLES)):
            return _pickles(name, content)
        return self._json(name, content)

    def _zip(self, name: str, content: bytes) -> Any:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                names = self._names(name, archive)
                if any(entry.rpartition("/")[2] == "data.pkl" for entry in names):
                    try:
                        return _torch(name, content)
                    except Undecodable:  # holds more than tensors and plain values
                        if not self.strict:
                            raise
                return Entries({n: self.decoded(n, archive.read(n)) for n in names})
        except _BROKEN as error:
            raise Undecodable(str(error), name) from error

    def _names(self, name: str, archive: zipfile.ZipFile) -> list[str]:
        """Returns the names of the entries of an archive, each of which is there once."""
        infos = archive.infolist()
        self.unpacked += sum(info.file_size for info in infos)
        if self.strict and self.unpacked > MOST_UNPACKED * self.size + _ROOM:
            raise Undecodable(
                f"it unpacks to {self.unpacked} bytes or more, {MOST_UNPACKED} times the file at "
                "most is compared",
                name,
                "unpack both and compare the pieces",
            )
        names = sorted(archive.namelist())
        if self.strict:
            _require_single(names, "entry", name)
        return list(dict.fromkeys(names))

    def _json(self, name: str, content: bytes) -> Any:
        try:
            data = json.loads(content, object_pairs_hook=self._members(name))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            if name.endswith(".json"):
                raise Undecodable(f"no JSON: {error}", name) from error
            return content
        except RecursionError:
            raise Undecodable("JSON that is nested too deeply", name, _BY_HAND) from None
        except ValueError as error:  # a number with thousands of digits
            raise Undecodable(f"JSON that Python does not read: {error}", name, _BY_HAND) from error
        return Plain(data=data) if self.strict else data

    def _members(self, name: str) -> Any:
        def members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
            made = dict(pairs)
            if self.strict:
                if len(made) < len(pairs):
                    _require_single((key for key, _ in pairs), "key", name)
                if isinstance(made.get(_SERIALIZED), str):
                    made[_SERIALIZED] = _serialized(made[_SERIALIZED])
            return made

        return members


def _require_single(names: Iterable[str], what: str, where: str) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise Undecodable(f"the {what} {repeated[0]!r} is there more than once", where, _DOUBLE)


def _torch(name: str, content: bytes) -> Any:
    import torch

    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever torch makes of a damaged file
        told = next(iter(str(error).splitlines()), type(error).__name__)
        reason = f"torch cannot read it without running what is in it: {told}"
        raise Undecodable(reason, name) from error


def _safetensors(name: str, content: bytes) -> Any:
    with needing_extras(f"reading {name}"):
        from safetensors import SafetensorError
        from safetensors.torch import load
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise Undecodable(str(error), name) from error
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return {**tensors, **({"__metadata__": metadata} if metadata else {})}


def _array(name: str, content: bytes) -> Any:
    stream = io.BytesIO(content)
    try:
        major = np.lib.format.read_magic(stream)[0]
        read = np.lib.format.read_array_header_1_0 if major == 1 else None
        shape, _, dtype = (read or np.lib.format.read_array_header_2_0)(stream)
        if dtype.hasobject:  # pickles
            return content
        wanted = dtype.itemsize * int(np.prod(shape, dtype=object))
        if wanted != len(content) - stream.tell():
            raise ValueError(f"expected {wanted} bytes of data, got {len(content) - stream.tell()}")
        return np.load(io.BytesIO(content), allow_pickle=False)
    except ValueError as error:
        raise Undecodable(f"no array of numpy: {error}", name) from error


def _pickles(name: str, content: bytes) -> Any:
    """Reads one pickle, or several one after the other, as operations."""
    stream, made = io.BytesIO(content), Operations()
    try:
        while stream.tell() < len(content):
            made += _operations(stream)
    except Exception as error:  # whatever `pickletools` raises on what is no pickle
        if name.endswith(_PICKLES):
            raise Undecodable(f"no pickle: {error}", name) from error
        return content
    return Plain(data=made) if made else content


def _operations(stream: io.BytesIO) -> Operations:
    made = Operations()
    alone: dict[str, tuple[str, None]] = {}  # most are given nothing, and may be a byte each
    for operation, given, _ in pickletools.genops(stream):
        sort = _sort(operation)
        if given is None:
            made.append(alone.setdefault(sort, (sort, None)))
        elif operation.name != "FRAME":  # only how many bytes follow
            made.append((sort, hex(given) if isinstance(given, int) and _is_long(given) else given))
    return made


def _sort(operation: pickletools.OpcodeInfo) -> str:
    """Returns its name; of those that push a plain value, however long, the type of that."""
    pushed = operation.stack_after[0].obtype if operation.arg and operation.stack_after else object
    return pushed.__name__ if isinstance(pushed, type) and pushed is not object else operation.name


def _is_long(number: int) -> bool:
    return number.bit_length() > _BITS


def _serialized(text: str) -> Any:
    try:
        return _operations(io.BytesIO(base64.b64decode(text)))
    except Exception:  # no pickle in base64
        return text
