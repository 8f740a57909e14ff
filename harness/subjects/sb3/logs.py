"""Where SB3 logs to while the harness runs it: a folder that is removed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_FOLDER = "SB3_LOGDIR"


@contextmanager
def no_folder_left() -> Iterator[None]:
    """Every call of `learn()` makes a folder, also where nothing is logged; here it is removed.

    A folder of the user's own, in `SB3_LOGDIR`, stays as it is.
    """
    if os.environ.get(_FOLDER) is not None:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="resumeproof-", ignore_cleanup_errors=True) as folder:
        os.environ[_FOLDER] = folder
        try:
            yield
        finally:
            os.environ.pop(_FOLDER, None)
