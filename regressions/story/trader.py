"""The system, at four commits: what its `save` and `load` did about the scaler's state."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv

from .journal import Journal
from .market import Market
from .network import PriceFeatures
from .risk import RiskLimits
from .scaler import GradientScaler
from .schedule import WarmUpCosine

_PARTS = ("scaler", "schedule", "limits", "journal")


def markets() -> VecEnv:
    """Two markets at once."""
    return make_vec_env(Market, n_envs=2)


class _ScaledAdam(torch.optim.Adam):
    """Adam that has its gradients scaled before every step."""

    trader: Any = None

    def step(self, closure: Any = None) -> Any:
        """Scales, then steps."""
        if self.trader is not None:
            self.trader.before_step()
        return super().step(closure)


class Trader(PPO):
    """The good commit: the scaler's state is in the file, and it is put back.

    Args:
        policy: as PPO's.
        env: as PPO's.
        peak: learning rate at the end of the warm-up.
        **options: as PPO's.
    """

    own_parts: ClassVar[tuple[str, ...]] = ("scaler", "schedule", "limits")

    def __init__(self, policy: Any, env: Any, peak: float = 3e-3, **options: Any) -> None:
        options.setdefault("n_steps", 16)
        options.setdefault("batch_size", 16)
        options.setdefault("n_epochs", 2)
        options.setdefault(
            "policy_kwargs",
            {
                "features_extractor_class": PriceFeatures,
                "optimizer_class": _ScaledAdam,
                "net_arch": [8],
            },
        )
        self.peak = peak
        super().__init__(policy, env, **options)

    def _setup_model(self) -> None:
        super()._setup_model()
        self.scaler = GradientScaler(self.policy.named_parameters())
        self.schedule = WarmUpCosine(self.policy.optimizer, self.peak)
        self.limits = RiskLimits()
        self.journal = Journal()
        self.policy.optimizer.trader = self

    def before_step(self) -> None:
        """What is done before every step of the optimizer."""
        self.schedule.advance()
        self.scaler.scale()

    def _update_learning_rate(self, _optimizers: Any) -> None:
        """The schedule sets the learning rate, not SB3."""

    def train(self) -> None:
        """Trains as PPO does, limits what is risked from here on, and writes a row."""
        super().train()
        earned = float(self.rollout_buffer.rewards.mean(axis=1).sum())
        self.env.env_method("limit", self.limits.watch(earned))
        equities = self.env.get_attr("equity")
        self.journal.write(
            {
                "updates": float(self.schedule.updates),
                "rate": self.schedule.rate,
                "factor": sum(self.scaler.factors.values()) / len(self.scaler.factors),
                "equity": sum(equities) / len(equities),
                "leverage": self.limits.leverage,
            }
        )

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), *_PARTS, "parts"]

    def save(self, path: Any, *args: Any, **kwargs: Any) -> None:
        """Saves as PPO does, with the state of the parts in the file."""
        self.saved_parts = self.states()
        super().save(path, *args, **kwargs)
        del self.saved_parts

    @classmethod
    def load(cls, path: Any, *args: Any, **kwargs: Any) -> Trader:
        """Loads as PPO does, then puts back the state of the parts."""
        model: Trader = super().load(path, *args, **kwargs)
        states = vars(model).pop("saved_parts")
        model.put_back(states)
        return model

    def states(self) -> dict[str, Any]:
        """The state of the parts that are saved."""
        return {name: getattr(self, name).state_dict() for name in self.own_parts}

    def put_back(self, states: dict[str, Any]) -> None:
        """Puts it back; the parts track this very policy already."""
        for name, state in states.items():
            getattr(self, name).load_state_dict(state)


class Bad(Trader):
    """The fix of bug 9: after every load a new scaler is made, and its state is gone."""

    def put_back(self, states: dict[str, Any]) -> None:
        """Puts the others back, and makes a scaler that tracks the policy for certain."""
        self.schedule.load_state_dict(states["schedule"])
        self.limits.load_state_dict(states["limits"])
        self.scaler = GradientScaler(self.policy.named_parameters())


class Returned(Trader):
    """The day after: relinking wipes the averages and keeps the four numbers."""

    def put_back(self, states: dict[str, Any]) -> None:
        """Puts all back, then links the scaler to the policy once more."""
        super().put_back(states)
        self.scaler.relink(self.policy.named_parameters())


class Mended(Trader):
    """Relinking keeps what was put back."""

    def put_back(self, states: dict[str, Any]) -> None:
        """Puts all back, then links the scaler to the policy, averages kept."""
        super().put_back(states)
        self.scaler.relink(self.policy.named_parameters(), keep=True)


COMMITS = {"good": Trader, "bad": Bad, "returned": Returned, "mended": Mended}
"""The four commits, in the order of the story."""
