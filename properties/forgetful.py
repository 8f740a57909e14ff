"""Our algorithm with a fault: after load its gradient scaler starts afresh (bug 10)."""

from __future__ import annotations

from typing import Any

from algo import DistributionalPPO
from algo.vgs import VarianceGradientScaler
from harness.subjects.sb3 import sb3
from properties.combinations import EXCLUSIONS, SMALL
from properties.space import CHOICES, VARIANTS


class Forgetful(DistributionalPPO):
    """Builds a new scaler after every load."""

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> Any:
        """The model as saved, but for the scaler's state."""
        model = super().load(*args, **kwargs)
        model.vgs = VarianceGradientScaler(
            model.policy.named_parameters(), model.policy.optimizer, **(model.vgs_kwargs or {})
        )
        return model


FORGETFUL = sb3(
    Forgetful,
    env="CartPole-v1",
    max_episode_steps=13,
    exclusions=EXCLUSIONS,
    strict=True,
    choices=CHOICES,
    variants=VARIANTS,
    **{k: v for k, v in SMALL.items() if k != "vgs_kwargs"},
)
