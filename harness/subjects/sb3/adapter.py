"""What takes the classes of Stable-Baselines3 by name; serves where SB3 is not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from ...core.errors import InvalidTarget
from ..adapter import Adapter
from ..protocol import Subject


def matches(target: Any) -> bool:
    """Whether it is an algorithm of SB3, or built on one; told without importing SB3."""
    base = sys.modules.get("stable_baselines3.common.base_class")
    return base is not None and isinstance(target, type) and issubclass(target, base.BaseAlgorithm)


def from_target(target: Any, options: Mapping[str, Any]) -> Subject:
    """`sb3(target, **options)`.

    Raises:
        InvalidTarget: there is no environment among the options.
    """
    if "env" not in options:
        raise InvalidTarget(
            f"expected an environment for {target.__name__}, got none: write --env ID"
        )
    made: Subject = import_module(".declaring", __package__).sb3(target, **options)
    return made


def option_names(target: Any) -> Iterable[str]:
    """Those of a named environment, and the keywords of the algorithm."""
    names: Iterable[str] = import_module(".options", __package__).option_names(target)
    return names


ADAPTER = Adapter(
    name="sb3",
    usage="an SB3 algorithm     --env ID  -s n_envs=1 -s max_episode_steps=N -s normalize=True, "
    "and the\n                       algorithm's own keywords",
    matches=matches,
    from_target=from_target,
    option_names=option_names,
    preload=("stable_baselines3",),
)
