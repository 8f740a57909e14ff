"""The whole space of our algorithm: every component and setting as a choice of one subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resumeproof.algo import DistributionalPPO
from resumeproof.algo.maths.schedules import Linear
from resumeproof.subjects.sb3 import sb3

from properties.combinations import CATEGORICAL, EXCLUSIONS, PLAIN, QUANTILE, SCALAR, SMALL

# what takes several options, or values that are no plain data, goes by a name
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "critics": {"scalar": SCALAR, "quantile": QUANTILE, "categorical": CATEGORICAL},
    "scaler": {"off": PLAIN, "on": {"vgs": True, "vgs_kwargs": {"warmup_steps": 2}}},
    "schedules": {
        "constant": {},
        "linear": {
            "learning_rate": Linear(1e-3, 1e-4, 1.0),
            "clip_range": Linear(0.3, 0.1, 1.0),
        },
    },
}
CHOICES: Mapping[str, Sequence[Any]] = {
    "env": ("CartPole-v1", "Pendulum-v1"),
    "optimizer": ("adaptive_upgd", "upgd", "adam"),
    "twin_critics": (True, False),
    "kl_penalty": (False, True, {"target": 0.01}),
    "normalize_returns": (False, True),
    "clip_range_vf": (None, 0.2),
    "target_kl": (None, 0.05),
    "n_envs": (1, 2, 4),
    "n_steps": (16, 32),
    "batch_size": (16, 8),
    "n_epochs": (2, 1, 3),
    "normalize": (False, True),
    "max_episode_steps": (13, None),  # resets and time limits in every run, however short
}
WRAPPERS = ("normalize", "max_episode_steps")
ENVIRONMENTS = ("env", "n_envs", *WRAPPERS)
# said here, so that a scenario need not say it: the smallest one that fails has no options
PLAINEST: dict[str, Any] = {
    **{name: value for name, value in SMALL.items() if name != "vgs_kwargs"},
    **{name: values[0] for name, values in CHOICES.items()},
}

OURS = sb3(
    DistributionalPPO,
    exclusions=EXCLUSIONS,
    strict=True,
    choices=CHOICES,
    variants=VARIANTS,
    **PLAINEST,
)
