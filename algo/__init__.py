"""Distributional PPO whose checkpoints resume bit for bit."""

from algo.callbacks import LatestCheckpointCallback
from algo.checkpoint import CheckpointError
from algo.checkpoint.directory import find_latest
from algo.distributional_ppo import DistributionalPPO
from algo.pbt import Population
from algo.pbt_explore import Choice, LogUniform, Uniform
from algo.run_state.claims import derived, ephemeral, saved
from algo.upgd import UPGD, AdaptiveUPGD
from algo.vgs import VarianceGradientScaler

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
