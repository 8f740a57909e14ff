"""The shell's door: `resumeproof check`, `diff`, `replay` and `list`.

Arguments in, text and an exit status out; what they run is imported when it is asked for.
Imports everything below but `plugin`; only `__main__` imports it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..core import threads
from ..core.errors import HarnessError
from .arguments import parser

__all__ = ["main", "parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    threads.pin()
    parsed = parser().parse_args(arguments)
    try:
        status: int = parsed.command(parsed)
    except HarnessError as error:
        sys.stderr.write(f"resumeproof {parsed.name}: {error}\n")
        return 2
    return status
