"""PPO with distributional twin critics, whose checkpoints resume bit for bit."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback

from ..maths.kl_penalty import KLPenalty
from ..maths.normalizer import ReturnNormalizer
from ..networks.critics import CRITICS
from ..networks.policy import (
    DistributionalActorCriticCnnPolicy,
    DistributionalActorCriticPolicy,
    DistributionalMultiInputActorCriticPolicy,
)
from ..optim.vgs import VarianceGradientScaler
from ..run_state.loop import IDLE, Loop
from ..saving.configuration import (
    SCHEDULES,
    argument_names,
    as_schedule,
    component_options,
    keywords_of,
    optimizer_class,
    require_known,
)
from ..saving.persistable import Persistent
from ..saving.policy_state import configured_attributes
from .arguments import require_arguments, require_counts
from .learning import advance, start_learning
from .update import update

# arguments of the model that it hands on to its policy
_HANDED_ON = ("critic", "twin_critics", "critic_kwargs", "optimizer_class", "optimizer_kwargs")


class DistributionalPPO(Persistent):
    """Proximal policy optimisation with distributional critics and exact resume.

    Every argument of `stable_baselines3.PPO` works; `save()` may be called at any environment step
    and the resumed run equals, bit for bit, the run that never stopped.

    Args:
        policy: "MlpPolicy", "CnnPolicy", "MultiInputPolicy", or a class that extends
            `DistributionalActorCriticPolicy`.
        env: the environment, or its registered name.
        critic: "quantile", "categorical" or "scalar".
        twin_critics: two independent heads; the value is the minimum of their expectations.
        critic_kwargs: keyword arguments of the critic head (`n_quantiles`, `n_atoms`, ...).
        optimizer: "adaptive_upgd", "upgd", "adam", or an optimizer class.
        optimizer_kwargs: keyword arguments of the optimizer; an "lr" here beats `learning_rate`
            and stays in force for the whole run and after load.
        vgs: scale updates by the variance of their gradients; see `VarianceGradientScaler`.
        vgs_kwargs: keyword arguments of the scaler.
        kl_penalty: True or keyword arguments of `KLPenalty` for an adaptive penalty on the KL.
        normalize_returns: let the critics learn in units of the running mean and standard
            deviation of the returns; values in the rollout stay returns.
        **ppo_arguments: the arguments of `stable_baselines3.PPO`.

    Raises:
        TypeError: an unknown keyword, here or in a nested dict; the message lists the valid ones.
        ValueError: an unknown critic or optimizer.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MlpPolicy": DistributionalActorCriticPolicy,
        "CnnPolicy": DistributionalActorCriticCnnPolicy,
        "MultiInputPolicy": DistributionalMultiInputActorCriticPolicy,
    }
    checkpoint_save_points: ClassVar[str] = "any step"
    checkpoint_exclusions: ClassVar[dict[str, str]] = {
        "model._loop.callbacks": "callbacks belong to the caller of learn(), who passes them "
        "again; their state is in the checkpoint and returns to them there",
        "model._loop.callback_states": "the saved states of callbacks on their way from the file "
        "to learn(callback=...)",
        "model._loop.transition": "what callbacks see of the current step; saved only while one "
        "has not been called",
        "model._loop.log": "values on their way from the file to the logger that learn() makes",
    }

    def __init__(
        self,
        policy: str | type[DistributionalActorCriticPolicy],
        env: GymEnv | str | None,
        *,
        critic: str = "quantile",
        twin_critics: bool = True,
        critic_kwargs: dict[str, Any] | None = None,
        optimizer: str | type[torch.optim.Optimizer] = "adaptive_upgd",
        optimizer_kwargs: dict[str, Any] | None = None,
        vgs: bool = True,
        vgs_kwargs: dict[str, Any] | None = None,
        kl_penalty: bool | dict[str, Any] = False,
        normalize_returns: bool = True,
        **ppo_arguments: Any,
    ) -> None:
        require_known(ppo_arguments, self._keywords(), type(self).__name__)
        require_counts(ppo_arguments)
        setup = ppo_arguments.pop("_init_setup_model", True)
        self.critic, self.twin_critics, self.critic_kwargs = critic, twin_critics, critic_kwargs
        self.optimizer, self.optimizer_kwargs = optimizer, optimizer_kwargs
        self.vgs_kwargs, self.normalize_returns = vgs_kwargs, normalize_returns
        self.kl_penalty_kwargs = component_options(kl_penalty, None, KLPenalty, "kl_penalty")
        component_options(vgs, vgs_kwargs, VarianceGradientScaler, "vgs")
        self.use_vgs = vgs
        self._loop = Loop()
        self._suspended: dict[str, Any] = {}
        self._missing: list[str] = []
        self._configured_modules: dict[str, Any] = {}
        super().__init__(policy, env, **ppo_arguments, _init_setup_model=False)  # type: ignore[arg-type]
        require_arguments(self)
        self._check_policy_kwargs()
        self._refuse_what_would_not_be_called()
        if setup:
            self._setup_model()

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "DistributionalPPO",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> DistributionalPPO:
        """Trains for `total_timesteps` environment steps; see `stable_baselines3.PPO.learn`.

        With `reset_num_timesteps=False` a loaded run goes on where it was saved, in the middle of a
        rollout too; `remaining_timesteps` says what is left of the `learn()` that was saved.

        Raises:
            ValueError: the model has no environment.
        """
        if self.env is None:
            raise ValueError(
                "learn() needs an environment, and this model has none: pass it to "
                "load(path, env=env), or call set_env(env, force_reset=False) to resume the run"
            )
        total_timesteps, callbacks = start_learning(
            self, total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        advance(self, total_timesteps, callbacks, log_interval)
        return self

    def train(self) -> None:
        """One update on the collected rollout; see `ppo.update.update`.

        Raises:
            NonFiniteUpdate: a ratio or a loss is not finite; says where.
        """
        with self._loop.indivisible("an update"):
            update(self)
            self._loop.phase = IDLE

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> bool:
        """Not used: `learn` collects through `ppo.rollout.collect_rollout`.

        Raises:
            TypeError: always; Stable-Baselines3's loop could not be resumed in mid-rollout.
        """
        raise TypeError(
            "DistributionalPPO collects through resumeproof.algo.ppo.rollout.collect_rollout("
            "model, callbacks, n_steps), which is re-entrant: override or call that"
        )

    def _setup_lr_schedule(self) -> None:
        lr = (self.optimizer_kwargs or {}).get("lr")
        self.lr_schedule = as_schedule(self.learning_rate if lr is None else lr, "learning_rate")

    def _setup_model(self) -> None:
        schedules = {name: getattr(self, name) for name in SCHEDULES[1:]}
        options, self.policy_kwargs = self.policy_kwargs, self._policy_options()
        super()._setup_model()
        self.policy_kwargs = options
        # SB3 wraps schedules differently from version to version; ours are data
        for name, value in schedules.items():
            setattr(self, name, None if value is None else as_schedule(value, name))
        vgs = {} if self.vgs_kwargs is None else self.vgs_kwargs
        self.vgs = (
            VarianceGradientScaler(self.policy.named_parameters(), self.policy.optimizer, **vgs)
            if self.use_vgs
            else None
        )
        penalty = self.kl_penalty_kwargs
        self.kl_penalty = None if penalty is None else KLPenalty(**penalty)
        self.return_normalizer = ReturnNormalizer() if self.normalize_returns else None
        self._configured_modules = configured_attributes(self.policy)

    def _policy_options(self) -> dict[str, Any]:
        optimizer = optimizer_class(self.optimizer)
        kwargs = {k: v for k, v in (self.optimizer_kwargs or {}).items() if k != "lr"}
        require_known(kwargs, keywords_of(optimizer, "params", "lr"), "optimizer_kwargs")
        if optimizer is torch.optim.Adam:
            kwargs.setdefault("eps", 1e-5)  # as SB3's PPO
        return self.policy_kwargs | {
            "critic": self.critic,
            "twin_critics": self.twin_critics,
            "critic_kwargs": self.critic_kwargs,
            "optimizer_class": optimizer,
            "optimizer_kwargs": kwargs,
        }

    def _refuse_what_would_not_be_called(self) -> None:
        """Refuses extensions of Stable-Baselines3 that this loop goes around, before any step."""
        if type(self).collect_rollouts is not DistributionalPPO.collect_rollouts:
            raise TypeError(
                f"{type(self).__name__} overrides collect_rollouts, which is never called: extend "
                "train(), the policy or a callback instead"
            )
        buffer = self.rollout_buffer_class
        if buffer is not None and buffer.get not in (RolloutBuffer.get, DictRolloutBuffer.get):
            raise TypeError(
                f"rollout_buffer_class={buffer.__name__} overrides get, which is never called: "
                "override _get_samples, add or compute_returns_and_advantage instead"
            )

    def _check_policy_kwargs(self) -> None:
        for name in _HANDED_ON:
            if name in self.policy_kwargs:
                argument = name.removesuffix("_class")
                raise TypeError(
                    f"policy_kwargs[{name!r}] is an argument of the model: write "
                    f"{type(self).__name__}(..., {argument}={self.policy_kwargs[name]!r})"
                )
        if self.critic not in CRITICS:
            raise ValueError(
                f"critic={self.critic!r} is unknown: expected one of {sorted(CRITICS)}"
            )
        if not issubclass(self.policy_class, DistributionalActorCriticPolicy):
            raise TypeError(
                f"policy={self.policy_class.__name__} has no distributional critics: extend "
                "resumeproof.algo.networks.policy.DistributionalActorCriticPolicy, or pass one of "
                f"{sorted(self.policy_aliases)}"
            )
        require_known(
            self.policy_kwargs,
            keywords_of(self.policy_class, "observation_space", "action_space", "lr_schedule"),
            "policy_kwargs",
        )
        optimizer_class(self.optimizer)

    @classmethod
    def _keywords(cls) -> list[str]:
        return [*argument_names(cls), "device", "_init_setup_model"]
