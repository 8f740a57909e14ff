"""numpy arrays and dtypes: values in C order, dtype with byte order, shape, strides, flags.

The kinds of torch's tensors are here too: a comparison knows them where torch is not installed.
"""

import sys
from typing import Any

import numpy as np

from ...core.keypath import PARAMETER
from ..kind import Kind
from .reading import Child, Data, Facts, Memory, Reader, Reading, Unreadable, name_of

# below this size a copy is cheaper than handing the buffer to the arena
_SMALL = 1 << 14
_STRUCTURED = np.dtype("V").num  # numbers below it are those of the plain kinds of numpy


def read_array(obj: np.ndarray[Any, Any]) -> Reading:
    """Dtype, shape, strides, flags and bytes; an array of objects is walked instead.

    Gaps do not count: neither padding inside a structured or extended dtype, nor what a strided
    view skips.
    """
    if type(obj) is not np.ndarray:
        # a subclass may override anything, tobytes included (a masked array fills in values)
        obj = np.ndarray.view(obj, np.ndarray)
    dtype = obj.dtype
    flags = (obj.flags.writeable,)
    facts: Facts = ("array", spell(dtype), obj.shape, ("strides", *obj.strides), flags)
    if dtype.hasobject:
        # pointers: no bytes to compare, but memory that a view shares
        return facts, _cells(obj), (b"", _memory(obj))
    return facts, (), _data(obj)


def spell(dtype: np.dtype[Any]) -> str:
    """A dtype with its byte order; for a structured one also names, offsets and item size."""
    if 0 <= dtype.num < _STRUCTURED and dtype.metadata is None:
        return dtype.str
    tags = "" if dtype.metadata is None else f" metadata {_plain(dtype.metadata)}"
    if dtype.subdtype is not None:
        return f"{spell(dtype.subdtype[0])}{dtype.shape}{tags}"
    if dtype.kind == "V" and dtype.type is not np.void:  # records, and kinds of an extension
        tags = f" of {name_of(dtype.type)}{tags}"
    if dtype.names is None:
        return f"{dtype.str}{tags}"
    fields: Any = dtype.fields
    # dtype, offset and perhaps a title
    parts = (
        f"{name}:{spell(part)}@{offset}{title or ''}"
        for name, (part, offset, *title) in ((name, fields[name]) for name in dtype.names)
    )
    aligned = " aligned" if dtype.isalignedstruct else ""
    return f"{{{', '.join(parts)}}}{dtype.itemsize}{aligned}{tags}"


def _plain(metadata: Any) -> str:
    if not {str, int, float, bool} >= {type(part) for item in metadata.items() for part in item}:
        raise Unreadable("has metadata that is more than words and numbers")
    return repr(sorted(metadata.items()))


def _data(obj: np.ndarray[Any, Any]) -> Data | None:
    nbytes = obj.nbytes
    if not nbytes:
        return None
    if nbytes > _SMALL and obj.dtype.char not in "VgG" and obj.flags.c_contiguous:
        return obj.reshape(-1).view(np.uint8).data, _memory(obj)
    return packed(obj), _memory(obj)


def packed(obj: np.ndarray[Any, Any]) -> bytes:
    """The bytes of the elements in C order, without padding."""
    if obj.dtype.names is not None:
        return b"".join(packed(obj[name]) for name in obj.dtype.names)
    if obj.dtype.char in "gG":
        return _without_padding(obj)
    return obj.tobytes()


def _without_padding(obj: np.ndarray[Any, Any]) -> bytes:
    width = np.dtype(np.longdouble).itemsize
    words = np.frombuffer(obj.tobytes(), np.uint8).reshape(-1, width)
    # x87 extended precision stores 80 bits in 16 bytes; the rest is whatever was there
    extended = np.finfo(np.longdouble).nmant == 63
    return words[:, :10].tobytes() if extended else words.tobytes()


def _memory(obj: np.ndarray[Any, Any]) -> Memory:
    owner = obj
    while type(owner.base) is np.ndarray:
        owner = owner.base
    here = obj.__array_interface__["data"][0]
    start = here if owner is obj else owner.__array_interface__["data"][0]
    if not owner.flags.c_contiguous and not owner.flags.f_contiguous:
        # a strided view of foreign memory: only its own extent is known
        low, high = np.lib.array_utils.byte_bounds(owner)
        return low, high - low, here, "cpu"
    return start, owner.nbytes, here, "cpu"


def _cells(obj: np.ndarray[Any, Any]) -> list[Child]:
    if obj.dtype.names is not None:
        return [((name,), obj[name]) for name in obj.dtype.names]
    if obj.ndim == 0:
        return [(("()", "()"), obj[()])]
    return [(("index", ", ".join(map(str, at))), obj[at]) for at in np.ndindex(*obj.shape)]


def _dtype(obj: np.dtype[Any]) -> Reading:
    return ("dtype", spell(obj)), (), None


def _write_array(target: Any, source: Any) -> None:
    np.copyto(target, source, casting="no")


def _write_tensor(target: Any, source: Any) -> None:
    with sys.modules["torch"].no_grad():
        target.copy_(source)


def _adopt_tensor(target: Any, source: Any) -> None:
    torch, plain = sys.modules["torch"], source.detach()
    if (target.dtype, target.shape, target.stride()) != (plain.dtype, plain.shape, plain.stride()):
        made = torch.empty_strided(
            plain.size(), plain.stride(), dtype=plain.dtype, device=plain.device
        )
        target.data = made.copy_(plain)
    if target.is_leaf:
        target.requires_grad_(source.requires_grad)


def _lies_apart(tensor: Any) -> bool:
    """Returns whether no two elements lie in one place, as they do in what `expand` makes."""
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    return not any(size > 1 and stride == 0 for size, stride in pairs)


OWN_KINDS = (
    Kind(
        name="array",
        numeric=True,
        flags=("writeable",),
        elements=lambda array: array,
        bulk=True,
        write=_write_array,
        writable=lambda array: bool(array.flags.writeable),
    ),
    Kind(
        name="tensor",
        numeric=True,
        flags=("requires_grad", "is_leaf"),
        elements=lambda tensor: tensor.detach(),
        bulk=True,
        adopt=_adopt_tensor,
        write=_write_tensor,
        writable=_lies_apart,
        as_key=PARAMETER,
    ),
    Kind(name="sparse", bulk=True),
    Kind(name="storage", bulk=True),
    Kind(name="dtype", identity=False),
)

READERS: dict[type, Reader] = {np.ndarray: read_array, np.dtype: _dtype}
