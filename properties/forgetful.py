"""Our algorithm with a fault: after load its gradient scaler starts afresh (bug 10)."""

from __future__ import annotations

from typing import Any

from resumeproof.algo import DistributionalPPO
from resumeproof.algo.optim.vgs import VarianceGradientScaler
from resumeproof.subjects.sb3 import sb3

from properties.combinations import EXCLUSIONS
from properties.space import CHOICES, PLAINEST, VARIANTS


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
    exclusions=EXCLUSIONS,
    strict=True,
    choices=CHOICES,
    variants=VARIANTS,
    **PLAINEST,
)
