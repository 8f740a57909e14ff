"""Our own algorithm as subjects: one for every combination of components in the gate."""

from __future__ import annotations

from typing import Any

from resumeproof.algo import DistributionalPPO
from resumeproof.algo.maths.schedules import Linear
from resumeproof.core.exclusions import declared
from resumeproof.subjects.sb3 import Sb3Subject, sb3

EXCLUSIONS = declared(DistributionalPPO)

SMALL: dict[str, Any] = {
    "normalize_returns": False,
    "policy_kwargs": {"net_arch": [8]},
    "vgs_kwargs": {"warmup_steps": 2},
    "learning_rate": 7e-4,  # UPGD warns of the default
    "n_steps": 16,
    "batch_size": 16,
    "n_epochs": 2,
}
QUANTILE = {"critic": "quantile", "critic_kwargs": {"n_quantiles": 5}}
CATEGORICAL = {"critic": "categorical", "critic_kwargs": {"n_atoms": 7}}
SCALAR = {"critic": "scalar"}
PLAIN = {"vgs": False, "vgs_kwargs": None}
ALL = {"kl_penalty": True, "normalize_returns": True}

# name -> options on top of SMALL; every value of every component occurs on both environments
OPTIONS: dict[str, dict[str, Any]] = {
    "quantile twin, AdaptiveUPGD, VGS": QUANTILE,
    "quantile twin, all on, value clipping": {**QUANTILE, **ALL, "clip_range_vf": 0.2},
    "quantile, Adam, schedules": {
        **QUANTILE,
        "twin_critics": False,
        "optimizer": "adam",
        "learning_rate": Linear(1e-3, 1e-4, 1.0),
        "clip_range": Linear(0.3, 0.1, 1.0),
    },
    "categorical twin, UPGD, VGS": {**CATEGORICAL, "optimizer": "upgd"},
    "categorical, AdaptiveUPGD, KL penalty": {
        **CATEGORICAL,
        **PLAIN,
        "twin_critics": False,
        "kl_penalty": {"target": 0.01},
    },
    "scalar twin, UPGD, returns normalised": {
        **SCALAR,
        "optimizer": "upgd",
        "normalize_returns": True,
        "target_kl": 0.05,
    },
    "scalar, Adam, plain": {**SCALAR, **PLAIN, "twin_critics": False, "optimizer": "adam"},
}
ENVIRONMENTS = ("CartPole-v1", "Pendulum-v1")


def subjects() -> dict[str, Sb3Subject]:
    """Every combination on every environment, by name; built anew in every process."""
    return {
        f"{environment}: {name}": sb3(
            DistributionalPPO,
            env=environment,
            max_episode_steps=13,  # resets and time limits in every run, however short
            strict=True,
            **{**SMALL, **options},
        )
        for environment in ENVIRONMENTS
        for name, options in OPTIONS.items()
    }
