"""What a checkpoint of one's own holds, with what is pickled in it as the objects they are.

Unlike `entries`, this runs what is in a file: it is only for what this very program has written.
"""

from __future__ import annotations

import base64
import io
import pickle
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..state.capture import capture
from ..state.snapshot import Snapshot
from .entries import read_entries

_ZIP = b"PK\x03\x04"
_PICKLE = pickle.PROTO


def content_of(path: Path, without: Collection[str] = ()) -> Snapshot:
    """Returns what a file holds, by entry; of a file that is no archive, its one content.

    Args:
        path: of a file that this program has written.
        without: names of entries to leave out.

    Raises:
        InvalidTarget: it is no file, or damaged.
        UncapturableLeaf: something in it cannot be read.
    """
    entries = {k: v for k, v in read_entries(path).items() if k not in without}
    return capture(_opened(entries.get(path.name, entries)))  # a file that is no archive


def _opened(content: Any) -> Any:
    """Pickles as what they hold: equal objects do not have equal pickles. Keys in order."""
    if isinstance(content, dict):
        if ":serialized:" in content:  # as SB3 writes objects into JSON
            return _within(pickle.loads(base64.b64decode(content[":serialized:"])))
        return {key: _opened(content[key]) for key in sorted(content, key=str)}
    return _unpickled(content) if isinstance(content, bytes) else content


def _unpickled(content: bytes) -> Any:
    try:
        if content.startswith(_ZIP) and "torch" in sys.modules:  # with objects in it
            return _within(sys.modules["torch"].load(io.BytesIO(content), weights_only=False))
        return _within(pickle.loads(content))
    except Exception:  # no pickle
        return content


def _within(content: Any) -> Any:
    """The same, with pickles that lie in its containers opened: an environment, say."""
    if type(content) is dict:
        return {key: _within(value) for key, value in content.items()}
    if type(content) in (list, tuple):
        return type(content)(map(_within, content))
    return _unpickled(content) if type(content) is bytes and content[:1] == _PICKLE else content
