"""Array memory: which bytes the arrays and tensors of a tree reach, and which of them they share.

Every array is a window (address range, shape, strides) on memory. Windows that overlap belong to
one block, stored once, so that arrays that shared memory share it again after loading. Bytes
between the elements of a strided window are not state: they are stored as zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch

from ..errors import DamagedCheckpoint, UnsupportedValue

Bytes = npt.NDArray[np.uint8]

# MKL and oneDNN may give other bits for less aligned operands; torch allocates at this alignment.
ALIGNMENT = 64


@final
@dataclass(frozen=True, kw_only=True)
class Block:
    """One piece of memory: flat uint8 `data`, and the dtype and shape that safetensors shows."""

    dtype: str
    shape: tuple[int, ...]
    data: Bytes


@final
@dataclass(frozen=True, kw_only=True)
class Window:
    """One array or tensor as a window on memory; `body` is its JSON, completed by `Memory.settle`.

    Attributes:
        low: address of the lowest byte that an element covers.
        high: address after the highest byte that an element covers.
        origin: address of the first element.
        dtype: the safetensors name of the dtype, or None where that format has none.
        shape: lengths of the dimensions, in elements.
        strides: steps of the dimensions, in bytes.
        itemsize: bytes of an element.
        flat: returns the window's bytes without a copy; only called when the window is dense. It
            keeps the array alive: a temporary that died would free its address for another one.
        raw: returns an array of untyped items with this shape and these strides, without a copy.
        divisible: whether the offset in the block must be a multiple of `itemsize`, as in torch.
        path: where the value stands in the tree.
        body: the JSON object of the value.
    """

    low: int
    high: int
    origin: int
    dtype: str | None
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int
    flat: Callable[[], Bytes]
    raw: Callable[[], npt.NDArray[Any]]
    divisible: bool
    path: str
    body: dict[str, Any]


@final
@dataclass(kw_only=True)
class Group:
    """The windows that share one block, in the order in which the tree was walked."""

    order: int
    low: int
    high: int
    windows: list[Window] = field(default_factory=list)


def packed_strides(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Returns the strides, in bytes, of a C-contiguous array as numpy and torch report them."""
    strides, step = [], itemsize
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    return tuple(reversed(strides))


def is_dense(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> bool:
    """Returns whether the elements cover a range of bytes exactly once each, in some order."""
    expected = itemsize
    for stride, length in sorted(zip(strides, shape, strict=True)):
        if length == 1:
            continue
        if stride != expected:
            return False
        expected *= length
    return True


def reach(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> tuple[int, int]:
    """Returns (lowest, highest + 1) byte covered, relative to the first element."""
    steps = [stride * (length - 1) for stride, length in zip(strides, shape, strict=True)]
    return sum(step for step in steps if step < 0), sum(s for s in steps if s > 0) + itemsize


@final
class Memory:
    """Collects the windows of a tree while it is encoded, then settles them into blocks."""

    def __init__(self) -> None:
        self._windows: list[Window] = []
        self._copies: dict[tuple[str, int], torch.UntypedStorage] = {}

    def add(self, window: Window) -> None:
        """Notes a window of at least one byte."""
        self._windows.append(window)

    def on_cpu(self, storage: torch.UntypedStorage) -> torch.UntypedStorage:
        """Returns the storage, or one copy on the CPU however many tensors share it."""
        if storage.device.type == "cpu":
            return storage
        place = (str(storage.device), storage.data_ptr())
        if place not in self._copies:
            self._copies[place] = storage.cpu()  # type: ignore[no-untyped-call]
        return self._copies[place]

    def settle(self) -> dict[str, Block]:
        """Returns the blocks by key and completes the JSON body of every window."""
        blocks: dict[str, Block] = {}
        for group in self._groups():
            key = str(len(blocks))
            blocks[key] = _block(group)
            for window in group.windows:
                _complete(window, key, group)
        return blocks

    def _groups(self) -> list[Group]:
        groups: list[Group] = []
        for order, window in sorted(enumerate(self._windows), key=lambda pair: pair[1].low):
            if not groups or window.low >= groups[-1].high:
                groups.append(Group(order=order, low=window.low, high=window.high))
            group = groups[-1]
            group.order, group.high = min(group.order, order), max(group.high, window.high)
            group.windows.append(window)
        # Addresses differ from run to run; the order of the walk does not.
        return sorted(groups, key=lambda group: group.order)


def _complete(window: Window, key: str, group: Group) -> None:
    offset = window.origin - group.low
    if window.divisible and offset % window.itemsize:
        raise UnsupportedValue(
            f"{window.path} shares memory with another array at byte {offset}, which is not a "
            f"multiple of its item size {window.itemsize}; expected aligned views: clone it."
        )
    window.body["block"] = key
    if offset:
        window.body["offset"] = offset
    if window.strides != packed_strides(window.shape, window.itemsize):
        window.body["strides"] = list(window.strides)


def _block(group: Group) -> Block:
    size = group.high - group.low
    for window in group.windows:
        if window.high - window.low == size and is_dense(
            window.shape, window.strides, window.itemsize
        ):
            packed = window.strides == packed_strides(window.shape, window.itemsize)
            if packed and window.dtype is not None:
                return Block(dtype=window.dtype, shape=window.shape, data=window.flat())
            return Block(dtype="U8", shape=(size,), data=window.flat())
    return Block(dtype="U8", shape=(size,), data=_gather(group, size))


def _gather(group: Group, size: int) -> Bytes:
    """Copies the elements of every window into fresh zeros, at their places."""
    data = np.zeros(size, np.uint8)
    for window in group.windows:
        source = window.raw()
        target: npt.NDArray[Any] = np.ndarray(
            source.shape, source.dtype, data.data, window.origin - group.low, source.strides
        )
        target[...] = source
    return data


@final
class Blocks:
    """Hands out the blocks of a file to the decoder, and knows what was never asked for."""

    def __init__(self, blocks: Mapping[str, Block]) -> None:
        self._blocks = blocks
        self._reached: dict[str, tuple[int, int]] = {}
        self._copies: dict[str, Bytes] = {}
        self._storages: dict[tuple[str, str], torch.UntypedStorage] = {}

    def window(
        self, key: str, offset: int, shape: Sequence[int], strides: Sequence[int], itemsize: int
    ) -> Bytes:
        """Returns the block's bytes, after checking that the window lies inside it.

        Raises:
            DamagedCheckpoint: there is no such block, or the window leaves it.
        """
        if key not in self._blocks:
            raise DamagedCheckpoint(f"expected block {key!r} among the arrays, got none.")
        data = self._copies.get(key)
        if data is None:
            data = self._copies[key] = _own_copy(self._blocks[key].data)
        low, high = (offset + end for end in reach(shape, strides, itemsize))
        if low < 0 or high > data.size:
            raise DamagedCheckpoint(
                f"expected a window inside block {key!r} of {data.size} bytes, "
                f"got bytes {low} to {high}."
            )
        before = self._reached.get(key, (low, high))
        self._reached[key] = (min(before[0], low), max(before[1], high))
        return data

    def storage(self, key: str, data: Bytes, device: torch.device) -> torch.UntypedStorage:
        """Returns the block as one torch storage, the same one for every tensor on a device."""
        place = (key, str(device))
        if place not in self._storages:
            self._storages[place] = torch.from_numpy(data).to(device).untyped_storage()
        return self._storages[place]

    def finish(self) -> None:
        """Checks that every byte of every block was inside some window's range.

        Raises:
            DamagedCheckpoint: a block, or one of its ends, was never asked for.
        """
        for key, block in self._blocks.items():
            if self._reached.get(key) != (0, block.data.size):
                raise DamagedCheckpoint(
                    f"expected every array to be used, got block {key!r} of {block.data.size} "
                    f"bytes of which {self._reached.get(key, 'none')} is used; load another one."
                )


def _own_copy(data: Bytes) -> Bytes:
    """Returns a copy: arrays that never shared memory must not share the buffer of the file."""
    buffer = aligned_buffer(data.size)
    buffer[...] = data
    return buffer


def aligned_buffer(size: int) -> Bytes:
    """Returns `size` uninitialised bytes that start at a multiple of `ALIGNMENT`."""
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size]
