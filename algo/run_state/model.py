"""The model as the rooms below the algorithm see it: which attributes it has, and of what type."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from ..maths.kl_penalty import KLPenalty
from ..maths.normalizer import ReturnNormalizer
from ..maths.schedules import Schedule
from ..networks.policy import DistributionalActorCriticPolicy
from ..optim.vgs import VarianceGradientScaler
from .claims import Claim, derived, ephemeral
from .loop import Loop


class Model(PPO):
    """Stable-Baselines3's PPO with the components of this project beside it.

    What a class says of an attribute (`saved()`, `derived(how)`, `ephemeral(why)`, `part()`) stands
    in its `checkpoint_attributes`; those of the library are claimed here.
    """

    policy: DistributionalActorCriticPolicy
    vgs: VarianceGradientScaler | None
    kl_penalty: KLPenalty | None
    return_normalizer: ReturnNormalizer | None
    clip_range: Schedule
    clip_range_vf: Schedule | None
    critic: str | type[torch.nn.Module]
    twin_critics: bool
    twin: str
    normalize_returns: bool | dict[str, Any]
    critic_kwargs: dict[str, Any] | None
    optimizer: str | type[torch.optim.Optimizer]
    optimizer_kwargs: dict[str, Any] | None
    vgs_kwargs: dict[str, Any] | None
    kl_penalty_kwargs: dict[str, Any] | None
    _last_obs: Any
    _last_episode_starts: Any
    _loop: Loop
    _suspended: dict[str, Any]
    _missing: list[str]
    _configured_modules: dict[str, Any]
    checkpoint_attributes: ClassVar[dict[str, Claim]] = {
        "lr_schedule": derived("learning_rate and optimizer_kwargs"),
        "n_envs": derived("the number of environments passed"),
        "device": derived("where the caller loads to"),
        "action_noise": derived("always None for an on-policy algorithm"),
        "_configured_modules": derived("read from the policy when it is built"),
        "_suspended": derived("run state that waits for an environment, saved as the parts it is"),
        "_missing": ephemeral("told when the run goes on, then forgotten"),
        "start_time": ephemeral("wall clock, for frames per second only"),
        "_logger": ephemeral("output; values not written yet are saved with the loop"),
        "_custom_logger": ephemeral("says who made the logger"),
    }

    @property
    def present_env(self) -> VecEnv:
        """The environment, where there must be one."""
        assert self.env is not None, "learn() and load() refuse to come here without an environment"
        return self.env

    def denormalize_values(self, values: torch.Tensor) -> torch.Tensor:
        """Returns values (batch, 1) in the critic's units as returns of the environment."""
        if self.return_normalizer is None:
            return values
        return self.return_normalizer.denormalize(values)

    @torch.no_grad()
    def predict_values(self, observations: Any) -> torch.Tensor:
        """Returns the expected returns (batch, 1) of observations, in the environment's units."""
        return self.denormalize_values(self.policy.predict_values(observations))
