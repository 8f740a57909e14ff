"""Distributional PPO whose checkpoints resume bit for bit."""

from algo.distributional_ppo import DistributionalPPO
from algo.run_state.claims import derived, ephemeral, saved
from algo.upgd import UPGD, AdaptiveUPGD
from algo.vgs import VarianceGradientScaler

__all__ = [
    "UPGD",
    "AdaptiveUPGD",
    "DistributionalPPO",
    "VarianceGradientScaler",
    "derived",
    "ephemeral",
    "saved",
]
