"""The command that lists what the others take."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from .asked import import_modules


def run_list(parsed: argparse.Namespace) -> int:
    """Lists what the other commands take."""
    from ..checks import CHECKS
    from ..subjects.adapters import adapters

    import_modules(parsed.modules)
    lines = ["checks:"]
    lines += [f"  {name:<14} {check.summary}" for name, check in sorted(CHECKS.items())]
    lines += ["subjects:", *(f"  {adapter.usage}" for adapter in adapters())]
    lines += ["profiles (pytest --ckpt-profile):"]
    lines += [f"  {name}" for name in _profiles()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _profiles() -> Sequence[str]:
    if find_spec("hypothesis") is None:
        return ['none: pip install "resumeproof[test]"']
    from ..fuzzing.strategies import PROFILES

    return PROFILES
