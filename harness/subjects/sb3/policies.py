"""Which policy a model gets where nobody names one, and classes that are named as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.vec_env import VecEnv

from ..importing import load_object

_SMALLEST_IMAGE = 36  # what the three convolutions of SB3's network leave something of
_NAMED = ("policy", "replay_buffer_class", "rollout_buffer_class")


def with_classes(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, `module:Class` replaced by the class where SB3 takes one.

    Raises:
        InvalidTarget: there is no such class.
    """
    return {
        name: load_object(value)
        if name in _NAMED and isinstance(value, str) and ":" in value
        else value
        for name, value in options.items()
    }


def policy_for(algorithm: type[BaseAlgorithm], env: VecEnv) -> str:
    """The alias of the algorithm's policy that fits the observations."""
    wanted = _prefix(env.observation_space)
    aliases = list(algorithm.policy_aliases)
    fitting = (name for prefix in (wanted, "Mlp") for name in aliases if name.startswith(prefix))
    return next(fitting, "MlpPolicy")


def _prefix(space: spaces.Space[Any]) -> str:
    if isinstance(space, spaces.Dict):
        return "MultiInput"
    is_image = is_image_space(space) and min(sorted(space.shape or (0,))[-2:]) >= _SMALLEST_IMAGE
    return "Cnn" if is_image else "Mlp"
