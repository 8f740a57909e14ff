"""What a model is built of: its policy with its options, and extensions that would be called."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from ..maths.validation import require_among
from ..networks.critics import TWINS, head_class
from ..networks.policy import DistributionalActorCriticPolicy
from ..optim.upgd import UPGD
from ..run_state.model import Model
from ..saving.configuration import keywords_of, optimizer_class, require_known
from .minibatches import has_own_get

# arguments of the model that it hands on to its policy
_OF_CRITIC = ("critic", "twin_critics", "critic_kwargs", "twin")
# where users of Stable-Baselines3 put the optimizer, and the argument of the model that it is
_OF_OPTIMIZER = {"optimizer_class": "optimizer", "optimizer_kwargs": "optimizer_kwargs"}
DEFAULT_OPTIMIZER = "adaptive_upgd"
DEFAULT_LEARNING_RATE = 3e-4


def with_optimizer(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments with the optimizer in its place, where `policy_kwargs` held it.

    Raises:
        TypeError: it is given in both places.
    """
    options = dict(given["policy_kwargs"] or {})
    found = {name: options.pop(name) for name in _OF_OPTIMIZER if name in options}
    if not found:
        return given
    own = {"optimizer": DEFAULT_OPTIMIZER, "optimizer_kwargs": None}
    for name, value in found.items():
        argument = _OF_OPTIMIZER[name]
        if value is not None and given[argument] != own[argument]:
            raise TypeError(
                f"expected {argument} once, got {argument}={given[argument]!r} and "
                f"policy_kwargs[{name!r}]={value!r}: leave out one of them"
            )
    moved = {_OF_OPTIMIZER[name]: value for name, value in found.items() if value is not None}
    return given | moved | {"policy_kwargs": options}


def policy_options(model: Model) -> dict[str, Any]:
    """The keyword arguments of the policy: the user's, and what the model hands on.

    Raises:
        TypeError: a keyword of the optimizer is unknown.
    """
    optimizer = optimizer_class(model.optimizer)
    kwargs = {k: v for k, v in (model.optimizer_kwargs or {}).items() if k != "lr"}
    require_known(kwargs, keywords_of(optimizer, "params", "lr"), "optimizer_kwargs")
    if optimizer is torch.optim.Adam:
        kwargs.setdefault("eps", 1e-5)  # as SB3's PPO
    own = {name: getattr(model, name) for name in _OF_CRITIC}
    options: dict[str, Any] = model.policy_kwargs
    return options | own | {"optimizer_class": optimizer, "optimizer_kwargs": kwargs}


def require_policy(model: Model) -> None:
    """Checks the policy, its critic, its optimizer and their keywords before they are built.

    Raises:
        TypeError: the policy has no distributional critics, or a keyword is unknown.
        ValueError: the critic or the optimizer is unknown.
    """
    kind = type(model).__name__
    for name in _OF_CRITIC:
        if name in model.policy_kwargs:
            raise TypeError(
                f"policy_kwargs[{name!r}] is an argument of the model: write "
                f"{kind}(..., {name}={model.policy_kwargs[name]!r})"
            )
    head_class(model.critic)
    require_among("twin", model.twin, TWINS)
    if not issubclass(model.policy_class, DistributionalActorCriticPolicy):
        raise TypeError(
            f"policy={model.policy_class.__name__} has no distributional critics: extend "
            "resumeproof.algo.DistributionalActorCriticPolicy, or pass one of "
            f"{sorted(model.policy_aliases)}"
        )
    known = keywords_of(model.policy_class, "observation_space", "action_space", "lr_schedule")
    require_known(model.policy_kwargs, known, "policy_kwargs")
    if optimizer_class(model.optimizer) is UPGD:
        _warn_of_learning_rate(model)


def _warn_of_learning_rate(model: Model) -> None:
    """Says so where UPGD, which steps along the gradient itself, would take Adam's step size."""
    rate = (model.optimizer_kwargs or {}).get("lr", model.learning_rate)
    if rate == DEFAULT_LEARNING_RATE:
        warnings.warn(
            f"learning_rate={rate} is Adam's: UPGD steps along the gradient itself and would "
            "hardly move; pass a learning_rate of its own, such as 0.1",
            UserWarning,
            stacklevel=4,
        )


def require_extensions(model: Model, own: type[Model]) -> None:
    """Refuses the extensions of Stable-Baselines3 that the loop goes around, before any step.

    Raises:
        TypeError: the class overrides `collect_rollouts`, or values are to be clipped and the
            rollout buffer draws minibatches by a `get` of its own.
    """
    kind, buffer = type(model), model.rollout_buffer_class
    if kind.collect_rollouts is not own.collect_rollouts:
        raise TypeError(
            f"{kind.__name__} overrides collect_rollouts, which is never called: extend "
            "train(), the policy, the rollout buffer or a callback instead"
        )
    if buffer is not None and has_own_get(buffer) and model.clip_range_vf is not None:
        raise TypeError(
            f"rollout_buffer_class={buffer.__name__} overrides get, whose samples do not say which "
            "old prediction clip_range_vf may not leave: leave out clip_range_vf, or override "
            "_get_samples instead"
        )
