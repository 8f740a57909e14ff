"""One checkpoint of a loop in one zip: what the user's `save` made, and how far the run was.

| entry | holds |
|---|---|
| `run.json` | steps done, and the names of all other entries |
| `object.pkl` | the object that `save(live)` returned |
| `files/...` | what `save(live, path)` wrote at its path, a file or a folder |
| `streams.pkl` | the global random streams, for a component only |
| `lent.pkl` | what it borrows, for a component that is an optimizer or a scheduler of torch |
"""

from __future__ import annotations

import io
import json
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from ..core.errors import InvalidSubject
from ..core.randomness import Streams
from .calls import required
from .lent import Lent

NAME = "checkpoint.zip"
LENT = "lent.pkl"
"""Entry of what a part borrows from the program around it."""
PACKING = ((("object.pkl",),), ((f"files/{NAME}",),))
"""Beginnings of KeyPaths in the file that are the harness's own packing, not the user's."""
_FIXED = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes, whenever it is written


@final
@dataclass(frozen=True, kw_only=True)
class Held:
    """A checkpoint as it was read back.

    Attributes:
        steps: done when it was saved.
        source: what the user's `load` gets: the object, or the path.
        streams: the global streams then, where the program around the subject keeps them.
        lent: what the subject borrowed then from the program around it.
    """

    steps: int
    source: Any
    streams: Streams | None = None
    lent: Lent | None = None


def write(
    target: Any, live: Any, steps: int, save: Callable[..., Any], *, keep_around: bool = False
) -> None:
    """Calls the user's `save` and packs what it made.

    Args:
        target: a path or a binary stream.
        live: what is saved.
        steps: done so far.
        save: the user's.
        keep_around: whether what belongs to the program around it is kept, too.

    Raises:
        InvalidSubject: `save` neither returned an object nor wrote a file.
    """
    # as they are before a save of the user's, which may draw numbers
    around = _around(live) if keep_around else {}
    if required(save, 2) == 1:
        entries = {"object.pkl": _pickled(save, save(live))}
    else:
        entries = _files(save, live)
    entries |= around
    head = {"steps": steps, "entries": sorted(entries)}
    entries["run.json"] = json.dumps(head).encode()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED), content)


def read(source: Any, folder: Path) -> Held:
    """The checkpoint that `write` packed; files are laid out in `folder`.

    Raises:
        InvalidSubject: not such a file.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            head = json.loads(archive.read("run.json"))
            entries = {name: archive.read(name) for name in head["entries"]}
            if {*archive.namelist()} != {*entries, "run.json"}:
                raise ValueError(f"entries {archive.namelist()}, not {sorted(entries)}")
            steps = int(head["steps"])
            archive.extractall(folder)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise InvalidSubject(
            f"expected a checkpoint that this subject's save() wrote, got {source!r}: {error}"
        ) from error
    stored, streams = entries.get("object.pkl"), entries.get("streams.pkl")
    lent = entries.get(LENT)
    return Held(
        steps=steps,
        source=folder / "files" / NAME if stored is None else pickle.loads(stored),
        streams=pickle.loads(streams) if streams else None,
        lent=pickle.loads(lent) if lent else None,
    )


def _around(live: Any) -> dict[str, bytes]:
    entries = {"streams.pkl": pickle.dumps(Streams.save())}
    if (lent := Lent.save(live)) is not None:
        entries[LENT] = pickle.dumps(lent)
    return entries


def _pickled(save: Callable[..., Any], state: Any) -> bytes:
    if state is None:
        raise InvalidSubject(
            f"expected save={save!r} to return the checkpoint, got None: end it with "
            "`return state`, or write a file: `def save(live, path)`"
        )
    stream = io.BytesIO()
    try:
        pickle.dump(state, stream)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidSubject(
            f"expected save={save!r} to return an object that can be stored, got "
            f"{type(state).__name__}: {error}; return plain data, tensors and arrays"
        ) from error
    return stream.getvalue()


def _files(save: Callable[..., Any], live: Any) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        save(live, Path(folder) / NAME)
        found = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        if not found:
            raise InvalidSubject(
                f"expected save={save!r} to write a file at the path it gets, got nothing there: "
                "write to `path` itself, or return the checkpoint: `def save(live)`"
            )
        return {f"files/{p.relative_to(folder).as_posix()}": p.read_bytes() for p in found}
