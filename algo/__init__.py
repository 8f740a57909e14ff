"""Distributional PPO whose checkpoints resume bit for bit.

What is public is in `__all__`; each room below says what it holds.
Imports every room here, and nothing of the instrument that tests it.
"""

_EXTRA = ("gymnasium", "safetensors", "stable_baselines3")

try:
    from .checkpoint import (
        CheckpointError,
        DamagedCheckpoint,
        ForeignCheckpoint,
        MismatchedCheckpoint,
        NewerCheckpoint,
        NoCheckpoint,
        UnsupportedValue,
    )
    from .checkpoint.file.directory import find_latest
    from .maths.kl_penalty import KLPenalty
    from .maths.normalizer import ReturnNormalizer
    from .networks.critic_heads import CriticHead
    from .networks.policy import (
        DistributionalActorCriticCnnPolicy,
        DistributionalActorCriticPolicy,
        DistributionalMultiInputActorCriticPolicy,
    )
    from .optim.upgd import UPGD, AdaptiveUPGD
    from .optim.vgs import VarianceGradientScaler
    from .pbt.explore import Choice, LogUniform, Uniform
    from .pbt.file import InterruptedMember
    from .pbt.hyperparameters import explorable
    from .pbt.member import RefusedExchange
    from .pbt.population import Population
    from .ppo.callbacks import LatestCheckpointCallback
    from .ppo.distributional_ppo import DistributionalPPO
    from .ppo.update import NonFiniteUpdate
    from .run_state.claims import derived, ephemeral, part, saved
    from .run_state.levels import UnsavableEnvironment, UnsupportedEnvironment
    from .run_state.missing import InexactCheckpoint, InexactResume
    from .run_state.resumable import Resumable
    from .stock.callback import ExactCheckpointCallback, MovedSavePoint
    from .stock.resume import resume, save_run
except ModuleNotFoundError as error:
    package = (error.name or "").partition(".")[0]
    if package not in _EXTRA:
        raise
    raise ModuleNotFoundError(
        f"expected the package {package} for {__name__}, got none installed: "
        'pip install "resumeproof[sb3]"',
        name=package,
    ) from error

__all__ = [
    "UPGD",
    "AdaptiveUPGD",
    "CheckpointError",
    "Choice",
    "CriticHead",
    "DamagedCheckpoint",
    "DistributionalActorCriticCnnPolicy",
    "DistributionalActorCriticPolicy",
    "DistributionalMultiInputActorCriticPolicy",
    "DistributionalPPO",
    "ExactCheckpointCallback",
    "ForeignCheckpoint",
    "InexactCheckpoint",
    "InexactResume",
    "InterruptedMember",
    "KLPenalty",
    "LatestCheckpointCallback",
    "LogUniform",
    "MismatchedCheckpoint",
    "MovedSavePoint",
    "NewerCheckpoint",
    "NoCheckpoint",
    "NonFiniteUpdate",
    "Population",
    "RefusedExchange",
    "Resumable",
    "ReturnNormalizer",
    "Uniform",
    "UnsavableEnvironment",
    "UnsupportedEnvironment",
    "UnsupportedValue",
    "VarianceGradientScaler",
    "derived",
    "ephemeral",
    "explorable",
    "find_latest",
    "part",
    "resume",
    "save_run",
    "saved",
]
