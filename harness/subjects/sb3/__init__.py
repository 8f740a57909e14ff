"""Stable-Baselines3 and what is built on it, as subjects.

Only `adapter` serves where SB3 is not installed; all other files here import it.
Imports what `subjects` imports, and the files of `subjects` that know no framework.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Sb3Subject": ".subject",
    "WALL_CLOCK": ".exclusions",
    "sb3": ".declaring",
}


def __getattr__(name: str) -> Any:
    """A name of a file that needs SB3, from that file.

    Raises:
        AttributeError: there is no such name.
        ImportError: SB3 is not installed.
    """
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name], __name__), name)
