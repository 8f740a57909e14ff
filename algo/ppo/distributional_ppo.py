"""PPO with distributional twin critics, whose checkpoints resume bit for bit."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule
from torch import nn

from ..maths.kl_penalty import KLPenalty
from ..maths.normalizer import ReturnNormalizer
from ..maths.validation import require_among
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
    require_known,
)
from ..saving.persistable import Persistent
from ..saving.policy_state import configured_attributes
from .arguments import require_arguments, require_given
from .construction import (
    DEFAULT_LEARNING_RATE,
    DEFAULT_OPTIMIZER,
    policy_options,
    require_extensions,
    require_policy,
    with_optimizer,
)
from .copies import restore_state, state_of
from .learning import advance, start_learning
from .update import update

_OF_STOCK = keywords_of(PPO.__init__, "_init_setup_model")


class DistributionalPPO(Persistent):
    """Proximal policy optimisation with distributional critics and exact resume.

    Every argument of `stable_baselines3.PPO` works, by position too; `save()` may be called at any
    environment step and the resumed run equals, bit for bit, the run that never stopped.

    Args:
        policy: "MlpPolicy", "CnnPolicy", "MultiInputPolicy", or a class that extends
            `DistributionalActorCriticPolicy`.
        env: the environment, or its registered name.
        learning_rate: step size of the optimizer, per update; a number, or a function of the
            progress remaining, from 1 to 0. "upgd" needs a larger one, such as 0.1.
        n_steps: length of a rollout, in steps of every environment.
        batch_size: samples of a minibatch.
        n_epochs: passes over a rollout in one update.
        gamma: discount, per environment step.
        gae_lambda: bias against variance of the advantages, from 0 to 1.
        clip_range: greatest useful distance of the probability ratio from 1.
        clip_range_vf: greatest move of a prediction in one update, in units of the returns.
        normalize_advantage: give the advantages of a minibatch zero mean and unit variance.
        ent_coef: weight of the entropy, which is in nats.
        vf_coef: weight of the critic's loss.
        max_grad_norm: greatest norm of the gradient of all parameters together.
        use_sde: explore by state-dependent noise.
        sde_sample_freq: environment steps between two draws of that noise; -1: once a rollout.
        rollout_buffer_class: a class that extends `RolloutBuffer`; its own methods are called.
        rollout_buffer_kwargs: its keyword arguments.
        target_kl: stop an update when a minibatch's KL exceeds 1.5 times this, in nats.
        stats_window_size: episodes over which returns and lengths are averaged in the log.
        tensorboard_log: folder of the log, or None.
        policy_kwargs: keyword arguments of the policy; an `optimizer_class` among them is the
            `optimizer`.
        verbose: 0 silent, 1 information, 2 debugging.
        seed: of every stream of the run; None leaves them as they are.
        device: "auto", "cpu", "cuda", or another one that computes.
        critic: "quantile", "categorical", "scalar", or a class with the methods of `CriticHead`.
        twin_critics: two independent heads on one target.
        critic_kwargs: keyword arguments of the critic head (`n_quantiles`, `n_atoms`, ...).
        optimizer: "adaptive_upgd", "upgd", "adam", or an optimizer class.
        optimizer_kwargs: keyword arguments of the optimizer; an "lr" here beats `learning_rate`
            and stays in force for the whole run and after load.
        vgs: scale updates by the variance of their gradients; see `VarianceGradientScaler`.
        vgs_kwargs: keyword arguments of the scaler.
        kl_penalty: True or keyword arguments of `KLPenalty` for an adaptive penalty on the KL.
        normalize_returns: let the critics learn in units of the running mean and standard
            deviation of the returns, True or keyword arguments of `ReturnNormalizer`; values in the
            rollout stay returns, and when the units move no prediction does.
        twin: "min" of the expectations of two heads is the value, or their "mean".
        components: "all" switches on every part that is off: twins, VGS, KL penalty, normaliser.

    Raises:
        TypeError: an unknown keyword, here or in a nested dict; the message lists the valid ones.
        ValueError: an argument is out of its range; the message has its name, value and range.
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
        learning_rate: float | Schedule = DEFAULT_LEARNING_RATE,
        n_steps: int = 2048,
        batch_size: int = 64,
        n_epochs: int = 10,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        clip_range: float | Schedule = 0.2,
        clip_range_vf: float | Schedule | None = None,
        normalize_advantage: bool = True,
        ent_coef: float = 0.0,
        vf_coef: float = 0.5,
        max_grad_norm: float = 0.5,
        use_sde: bool = False,
        sde_sample_freq: int = -1,
        rollout_buffer_class: type[RolloutBuffer] | None = None,
        rollout_buffer_kwargs: dict[str, Any] | None = None,
        target_kl: float | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
        *,
        critic: str | type[nn.Module] = "quantile",
        twin_critics: bool = True,
        critic_kwargs: dict[str, Any] | None = None,
        optimizer: str | type[torch.optim.Optimizer] = DEFAULT_OPTIMIZER,
        optimizer_kwargs: dict[str, Any] | None = None,
        vgs: bool = True,
        vgs_kwargs: dict[str, Any] | None = None,
        kl_penalty: bool | dict[str, Any] = False,
        normalize_returns: bool | dict[str, Any] = True,
        twin: str = "min",
        components: str | None = None,
        **unknown: Any,
    ) -> None:
        given = dict(locals())  # a list of 25 names twice would be two lists
        require_known(unknown, self._keywords(), type(self).__name__)
        require_given(given)
        given = with_optimizer(given)
        if components is not None:
            require_among("components", components, ("all",))
            twin_critics, vgs = True, True
            kl_penalty, normalize_returns = kl_penalty or True, normalize_returns or True
        self.components = None  # said by the parts from here on, which `load` may switch off again
        self.critic, self.twin_critics, self.critic_kwargs = critic, twin_critics, critic_kwargs
        self.twin = twin
        self.optimizer, self.optimizer_kwargs = given["optimizer"], given["optimizer_kwargs"]
        self.vgs_kwargs, self.normalize_returns = vgs_kwargs, normalize_returns
        self.kl_penalty_kwargs = component_options(kl_penalty, None, KLPenalty, "kl_penalty")
        component_options(vgs, vgs_kwargs, VarianceGradientScaler, "vgs")
        component_options(normalize_returns, None, ReturnNormalizer, "normalize_returns")
        self.use_vgs = vgs
        self._loop = Loop()
        self._suspended: dict[str, Any] = {}
        self._missing: list[str] = []
        self._configured_modules: dict[str, Any] = {}
        super().__init__(**{name: given[name] for name in _OF_STOCK}, _init_setup_model=False)
        require_arguments(self)
        require_policy(self)
        require_extensions(self, DistributionalPPO)
        if _init_setup_model:
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
            self,
            total_timesteps,
            callback,
            reset_num_timesteps,
            tb_log_name,
            progress_bar,
            log_interval,
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

    def __getstate__(self) -> dict[str, Any]:
        """What pickle and deepcopy copy; see `ppo.copies`."""
        return state_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Makes a new object the copy."""
        restore_state(self, state)

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
        units = component_options(self.normalize_returns, None, ReturnNormalizer, "")
        self.return_normalizer = None if units is None else ReturnNormalizer(**units)
        self._configured_modules = configured_attributes(self.policy)

    def _policy_options(self) -> dict[str, Any]:
        return policy_options(self)

    @classmethod
    def _keywords(cls) -> list[str]:
        return [*argument_names(cls), "device", "_init_setup_model"]
