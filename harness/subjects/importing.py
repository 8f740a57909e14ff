"""What `module:name` names, imported; every mistake says what to write."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..core.errors import HarnessError, InvalidTarget, near
from ..core.extras import needing_extras


def load_object(target: str) -> Any:
    """The object that `module:name` names.

    Raises:
        InvalidTarget: not of that form, no such module, or no such name in it.
    """
    module_name, colon, name = target.rpartition(":")
    if module_name.endswith(".py"):
        dotted = module_name.removesuffix(".py").strip("./").replace("/", ".")
        raise InvalidTarget(
            f"expected TARGET as module:name, got {target!r}, a file: write {dotted}:{name}"
        )
    if not (colon and module_name and name):
        raise InvalidTarget(
            f"expected TARGET as module:name, got {target!r}: write stable_baselines3:PPO"
        )
    found = load_module(module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            raise InvalidTarget(
                f"expected a name in {module_name}, got {name!r}: it has "
                f"{', '.join(public_names(found))}{near(part, vars(found))}"
            )
        found = getattr(found, part)
    return found


def load_module(module_name: str) -> Any:
    """Returns the module of a name.

    Raises:
        InvalidTarget: it cannot be imported; shows why.
    """
    try:
        with needing_extras(module_name):
            return importlib.import_module(module_name)
    except HarnessError:
        raise
    except ImportError as error:
        raise InvalidTarget(
            f"expected a module that can be imported, got {module_name!r} ({error}): run from the "
            "folder it lies in, or install it"
        ) from error
    except Exception as error:  # whatever a foreign module raises
        raise InvalidTarget(
            f"expected a module that can be imported, got {module_name!r}, which raised "
            f"{type(error).__name__}: {error}; correct it: `python -c 'import {module_name}'`"
        ) from error


def public_names(module: Any) -> list[str]:
    """What a module offers, at most twenty names."""
    names: Iterable[str] = getattr(module, "__all__", None) or vars(module)
    return sorted(name for name in names if not name.startswith("_"))[:20]


def search_here() -> None:
    """Lets modules of the working directory be found, as `python -m` does."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
