"""A large buffer in files of its own: written once, and then by the rows that have changed.

A segment is a checkpoint file of some rows of the buffer's arrays. It is on the disk before the
checkpoint that names it, with its SHA-256, so that the set of files is whole whenever the
checkpoint is there. The rows of later segments take the place of those of earlier ones.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt

from ..checkpoint import DamagedCheckpoint, Stored, read, serialize, write_pieces
from ..checkpoint.file.directory import is_plain
from .changes import Changes, Span
from .run import read_run

Array: TypeAlias = npt.NDArray[Any]

SMALL = 1 << 20
"""A buffer of fewer bytes stays within the checkpoint."""

SUFFIX = ".rows"
KIND = "rows of a buffer"


def ring_arrays(buffer: Any) -> dict[tuple[str, str | None], Array]:
    """Returns the arrays with a row for each place in the buffer, by attribute and key."""
    found: dict[tuple[str, str | None], Array] = {}
    for name, value in vars(buffer).items():
        inner = value.items() if type(value) is dict else [(None, value)]
        found |= {(name, key): array for key, array in inner if _is_ring(array, buffer)}
    return found


def _is_ring(array: Any, buffer: Any) -> bool:
    size = vars(buffer).get("buffer_size")
    return (
        type(array) is np.ndarray
        and array.dtype != np.dtype(object)
        and array.ndim > 0
        and len(array) == size
    )


@final
class Segments:
    """The segments that one callback writes for the replay buffer of one model.

    Args:
        directory: of the checkpoints.
        prefix: begins the names.
    """

    def __init__(self, directory: Path, prefix: str) -> None:
        self._directory = directory
        self._prefix = prefix
        self._files: list[dict[str, str]] = []
        self._changes = Changes()
        self._rows = 0
        self._named: dict[str, list[str]] = {}

    def written(self, model: Any, buffers: dict[str, Any], steps: int) -> dict[str, Any]:
        """Returns the states of the buffers with the rows of the replay buffer in segments.

        Args:
            model: whose buffer it is.
            buffers: the states of its buffers.
            steps: how many rows the algorithm has added in this process.
        """
        buffer = vars(model).get("replay_buffer")
        ring = {} if buffer is None else ring_arrays(buffer)
        if "replay_buffer" not in buffers or sum(a.nbytes for a in ring.values()) < SMALL:
            return buffers
        spans = self._changes.since(buffer, ring, steps)
        if spans is None or self._rows > 2 * buffer.buffer_size:
            spans, self._files, self._rows = self._changes.everything(buffer, ring), [], 0
        if spans:
            self._files = [*self._files, self._write(ring, spans, model.num_timesteps)]
            self._rows += sum(end - start for start, end in spans)
        state = _without_rows(buffers["replay_buffer"], ring)
        return {**buffers, "replay_buffer": state, "segments": self._files}

    def _write(self, ring: dict[Any, Array], spans: list[Span], steps: int) -> dict[str, str]:
        tree = [
            {"start": start, "rows": {key: array[start:end] for key, array in ring.items()}}
            for start, end in spans
        ]
        pieces = serialize(tree, kind=KIND)
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        name = f"{self._prefix}_{steps}_{digest.hexdigest()[:12]}{SUFFIX}"
        write_pieces(self._directory / name, pieces)
        return {"name": name, "sha256": digest.hexdigest()}

    def retain(self) -> None:
        """Deletes the segments that none of the checkpoints names that are still there."""
        own = re.compile(rf"{re.escape(self._prefix)}_\d+_[0-9a-f]{{12}}{re.escape(SUFFIX)}")
        checkpoints = sorted(self._directory.glob(f"{self._prefix}_*.zip"))
        for path in checkpoints:
            if path.name not in self._named:
                buffers = read_run(path)[1]["parts"]["buffers"]
                self._named[path.name] = [file["name"] for file in buffers.get("segments", [])]
        needed = {name for path in checkpoints for name in self._named[path.name]}
        for path in self._directory.glob(f"{self._prefix}_*{SUFFIX}"):
            # a prefix may begin another run's, and a name be the user's own
            if own.fullmatch(path.name) and path.name not in needed:
                path.unlink()


def _without_rows(state: dict[str, Any], ring: dict[tuple[str, str | None], Array]) -> Any:
    result = dict(state)
    for (name, key), array in ring.items():
        link = Stored(kind="rows", name=name, content=[array.dtype, list(array.shape)])
        if key is None:
            result[name] = link
        else:
            result[name] = {**result[name], key: link}
    return result


def with_segments(buffers: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Returns the states of the buffers with the rows of their segments in place.

    Raises:
        DamagedCheckpoint: a segment is missing, elsewhere, or not the one that was written.
    """
    files = buffers.pop("segments", None)
    if files is None:
        return buffers
    state = buffers["replay_buffer"]
    arrays = {place: np.zeros(shape, dtype) for place, (dtype, shape) in _links(state)}
    for file in files:
        for span in _read(directory / _plain(file["name"]), file["sha256"]):
            for place, rows in span["rows"].items():
                arrays[place][span["start"] : span["start"] + len(rows)] = rows
    for (name, key), array in arrays.items():
        if key is None:
            state[name] = array
        else:
            state[name][key] = array
    return buffers


def _plain(name: Any) -> str:
    if not is_plain(name, SUFFIX):  # whoever wrote the checkpoint
        raise DamagedCheckpoint(
            f"expected the name of a file of rows beside the checkpoint, got {name!r}: the file "
            "was not written by this version; load another one"
        )
    return str(name)


def _links(state: dict[str, Any]) -> Iterator[tuple[tuple[str, str | None], Any]]:
    for name, value in state.items():
        inner = value.items() if type(value) is dict else [(None, value)]
        for key, link in inner:
            if isinstance(link, Stored) and link.kind == "rows":
                yield (name, key), link.content


def _read(path: Path, digest: str) -> Any:
    if not path.is_file():
        raise DamagedCheckpoint(
            f"expected the rows of the replay buffer in {path.name!r} beside the checkpoint, got "
            "no such file: copy the whole directory, or load another checkpoint"
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != digest:
        raise DamagedCheckpoint(
            f"{path.name}: expected SHA-256 {digest:.16}, got {found:.16}: it is not the segment "
            "that was written with this checkpoint; load another one"
        )
    return read(path)[1]
