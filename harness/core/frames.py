"""Whose code a file is: the instrument's, Python's, or foreign."""

from __future__ import annotations

import sysconfig
from pathlib import Path

# the instrument itself, in whatever room
_HERE = Path(__file__).parents[1]
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")


def is_foreign(filename: str) -> bool:
    """Returns whether a file is neither the instrument's nor the standard library's."""
    path = Path(filename)
    if filename.startswith("<") or path.is_relative_to(_HERE):
        return False
    return "site-packages" in filename or not path.is_relative_to(_STANDARD_LIBRARY)
