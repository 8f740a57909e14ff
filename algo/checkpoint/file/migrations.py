"""From older formats to the present one: one function a step, each on the decoded tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

FORMAT_VERSION: Final = 4
"""The format that is written; raise it with every change that an older reader would not survive."""

# what the scaler took before the law of format 3
_OF_OLD_SCALER = ("alpha", "cap")


def _to_3(tree: Any) -> Any:
    """The scaler compares noise with the usual one, which begins here; old returns fade from here.

    A population that explored the strength of the scaler goes on without it.
    """
    for run in _runs(tree):
        configuration, parts = run["configuration"], run["parts"]
        configuration |= {"twin": "min", "components": None}
        options = configuration.get("vgs_kwargs") or {}
        for name in _OF_OLD_SCALER:
            options.pop(name, None)
        if parts.get("vgs"):
            parts["vgs"] |= {"reference": 0.0, "n_references": 0}
        if parts.get("return_normalizer"):
            parts["return_normalizer"]["weight"] = float(parts["return_normalizer"]["count"])
    for member in tree.get("members", ()):
        member["hyperparameters"].pop("vgs_kwargs.alpha", None)
    tree.get("settings", {}).get("explore", {}).pop("vgs_kwargs.alpha", None)
    return tree


def _runs(tree: Any) -> Iterator[Any]:
    """The runs in a checkpoint: of a model its own, of a population those of its members."""
    if "configuration" in tree:
        yield tree
    for member in tree.get("members", ()):
        yield member["run"]


MIGRATIONS: Final[Mapping[int, Callable[[Any], Any]]] = {
    1: lambda tree: tree,  # the manifest says since then what is missing; nothing was before
    2: _to_3,
    3: lambda tree: tree,  # objects are stored since then; there were none before
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
