"""From older formats to the present one: one function a step, each on the decoded tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

FORMAT_VERSION: Final = 2
"""The format that is written; raise it with every change that an older reader would not survive."""

MIGRATIONS: Final[Mapping[int, Callable[[Any], Any]]] = {
    1: lambda tree: tree  # the manifest says since then what is missing; nothing was before
}
"""The step from each older version to the next one, by the version that it starts from."""


def migrate(
    tree: Any,
    version: int,
    *,
    steps: Mapping[int, Callable[[Any], Any]] = MIGRATIONS,
    target: int = FORMAT_VERSION,
) -> Any:
    """Returns the tree in the form of version `target`.

    Args:
        tree: the tree as version `version` wrote it.
        version: a version up to `target`, whose every step is in `steps`.
        steps: the functions, by the version that each starts from.
        target: the version to reach.
    """
    for start in range(version, target):
        tree = steps[start](tree)
    return tree
