"""The manifest: what wrote the checkpoint, where, and the SHA-256 of every other entry."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import gymnasium
import numpy as np
import safetensors
import stable_baselines3
import torch

from ..errors import DamagedCheckpoint, NewerCheckpoint
from .archive import ENTRIES
from .migrations import FORMAT_VERSION

FORMAT: Final = "resumeproof checkpoint"
KEYS: Final = {"format", "version", "kind", "libraries", "environment", "entries"}
KEYS_FROM_2: Final = KEYS | {"exact", "missing"}


def describe(
    kind: str, entries: Mapping[str, tuple[int, str]], missing: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns the manifest of a checkpoint.

    Args:
        kind: what is stored, such as the name of the class.
        entries: length in bytes and SHA-256 of every other entry, by name.
        missing: what could not be saved, a line each; the checkpoint is exact without any.
    """
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "kind": kind,
        "exact": not missing,
        "missing": list(missing),
        "libraries": dict(libraries()),
        "environment": _environment(),
        "entries": {
            name: {"length": length, "sha256": digest} for name, (length, digest) in entries.items()
        },
    }


@cache
def libraries() -> Mapping[str, str]:
    """Returns the versions of the libraries that are here, by name."""
    try:
        own = version("resumeproof")
    except PackageNotFoundError:
        own = "not installed"
    return {
        "resumeproof": own,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "stable_baselines3": stable_baselines3.__version__,
        "gymnasium": gymnasium.__version__,
        "safetensors": safetensors.__version__,
    }


def _environment() -> dict[str, Any]:
    """Returns what changes the bits of the same computation from one machine to another."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "byte_order": sys.byteorder,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "matmul_precision": torch.get_float32_matmul_precision(),
        "default_dtype": str(torch.get_default_dtype()),
    }


def check(manifest: Any) -> dict[str, tuple[int, str]]:
    """Returns length and SHA-256 of every other entry, after checking the manifest's form.

    Raises:
        NewerCheckpoint: a later release wrote it.
        DamagedCheckpoint: not a manifest of this project.
    """
    if type(manifest) is not dict or manifest.get("format") != FORMAT:
        raise _damaged(f"the format {FORMAT!r}", manifest)
    _check_version(manifest.get("version"), manifest.get("libraries"))
    keys = KEYS if manifest["version"] == 1 else KEYS_FROM_2
    if set(manifest) != keys:
        raise _damaged(f"the keys {sorted(keys)}", sorted(manifest))
    kinds: dict[str, type] = {"kind": str, "libraries": dict, "environment": dict, "entries": dict}
    kinds |= {"exact": bool, "missing": list} if keys is KEYS_FROM_2 else {}
    for key, kind in kinds.items():
        if type(manifest[key]) is not kind:
            raise _damaged(f"{key!r} as {kind.__name__}", manifest[key])
    return _check_entries(manifest["entries"])


def _check_version(found: Any, libraries: Any) -> None:
    if type(found) is not int or found < 1:
        raise _damaged("a whole number from 1 on as the version", found)
    if found > FORMAT_VERSION:
        release = libraries.get("resumeproof") if type(libraries) is dict else None
        raise NewerCheckpoint(
            f"the checkpoint has format version {found}, expected at most {FORMAT_VERSION}; "
            f"upgrade resumeproof to {release!s:.40} or later."
        )


def _check_entries(entries: dict[str, Any]) -> dict[str, tuple[int, str]]:
    if list(entries) != list(ENTRIES[1:]):
        raise _damaged(f"the entries {list(ENTRIES[1:])}", list(entries))
    result = {}
    for name, entry in entries.items():
        if type(entry) is not dict or set(entry) != {"length", "sha256"}:
            raise _damaged(f"length and sha256 of {name}", entry)
        if type(entry["length"]) is not int or type(entry["sha256"]) is not str:
            raise _damaged(f"a number and a text for {name}", entry)
        result[name] = (entry["length"], entry["sha256"])
    return result


def _damaged(expected: str, got: object) -> DamagedCheckpoint:
    return DamagedCheckpoint(
        f"manifest.json: expected {expected}, got {got!r:.80}; load another checkpoint."
    )
