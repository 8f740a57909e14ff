"""Distributional PPO whose checkpoints resume bit for bit.

What is public is in `__all__`; each room below says what it holds.
Imports every room here, and nothing of the instrument that tests it.
"""

from .checkpoint import CheckpointError
from .checkpoint.file.directory import find_latest
from .optim.upgd import UPGD, AdaptiveUPGD
from .optim.vgs import VarianceGradientScaler
from .pbt.explore import Choice, LogUniform, Uniform
from .pbt.population import Population
from .ppo.callbacks import LatestCheckpointCallback
from .ppo.distributional_ppo import DistributionalPPO
from .run_state.claims import derived, ephemeral, saved

__all__ = [
    "UPGD",
    "AdaptiveUPGD",
    "CheckpointError",
    "Choice",
    "DistributionalPPO",
    "LatestCheckpointCallback",
    "LogUniform",
    "Population",
    "Uniform",
    "VarianceGradientScaler",
    "derived",
    "ephemeral",
    "find_latest",
    "saved",
]
