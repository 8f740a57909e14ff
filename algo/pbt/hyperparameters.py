"""The hyper-parameters that a population can change in a live model, one row each.

A row writes a value wherever training reads it and wherever a checkpoint takes it from, so that the
next update uses it, and so does the next one after a load.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch

from ..maths.schedules import Constant, as_schedule
from ..maths.validation import NOT_NEGATIVE, POSITIVE, UNIT, Interval, is_number, is_whole
from ..run_state.model import Model
from ..saving.configuration import require_known
from .explore import Choice, Prior


@final
@dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """One row of the table.

    Attributes:
        put: gives the value to a live model.
        within: the legal values.
        whole: whether only whole numbers are legal.
        missing: what a model lacks in which the value would have no effect, or None.
    """

    put: Callable[[Model, Any], None]
    within: Interval = NOT_NEGATIVE
    whole: bool = False
    missing: Callable[[Model], str | None] = lambda _: None


def _attribute(name: str) -> Callable[[Model, Any], None]:
    return lambda model, value: setattr(model, name, value)


def _put_learning_rate(model: Model, value: float) -> None:
    model.learning_rate = value
    given = model.optimizer_kwargs or {}
    if "lr" in given:
        # it would beat the learning rate, now and after a load
        model.optimizer_kwargs = {k: other for k, other in given.items() if k != "lr"} or None
    model._setup_lr_schedule()
    _put_in_groups(model.policy.optimizer, "lr", value)


def _schedule(name: str) -> Callable[[Model, Any], None]:
    return lambda model, value: setattr(model, name, as_schedule(value, name))


def _put_weight_decay(model: Model, value: float) -> None:
    # new dicts: the old ones may be those of every member
    model.optimizer_kwargs = {**(model.optimizer_kwargs or {}), "weight_decay": value}
    policy = model.policy
    policy.optimizer_kwargs = {**policy.optimizer_kwargs, "weight_decay": value}
    _put_in_groups(policy.optimizer, "weight_decay", value)


def _put_in_groups(optimizer: torch.optim.Optimizer, name: str, value: float) -> None:
    """Gives the value to every group, and to those that are added later."""
    optimizer.defaults[name] = value
    for group in optimizer.param_groups:
        group[name] = value


def _put_vgs_floor(model: Model, value: float) -> None:
    assert model.vgs is not None  # require_effect has asked
    model.vgs.floor = value
    model.vgs_kwargs = {**(model.vgs_kwargs or {}), "floor": value}


def _put_kl_target(model: Model, value: float) -> None:
    assert model.kl_penalty is not None  # require_effect has asked
    model.kl_penalty.target = value
    model.kl_penalty_kwargs = {**(model.kl_penalty_kwargs or {}), "target": value}


def _not_scheduled(name: str) -> Callable[[Model], str | None]:
    def missing(model: Model) -> str | None:
        value = getattr(model, name)
        if value is None or isinstance(as_schedule(value, name), Constant):
            return None
        return f"a constant {name} instead of a schedule"

    return missing


def _no_weight_decay(model: Model) -> str | None:
    groups = model.policy.optimizer.param_groups
    return (
        None
        if all("weight_decay" in group for group in groups)
        else "an optimizer with weight_decay"
    )


HYPERPARAMETERS: dict[str, Hyperparameter] = {
    "learning_rate": Hyperparameter(
        put=_put_learning_rate, within=POSITIVE, missing=_not_scheduled("learning_rate")
    ),
    "clip_range": Hyperparameter(
        put=_schedule("clip_range"), within=POSITIVE, missing=_not_scheduled("clip_range")
    ),
    "clip_range_vf": Hyperparameter(
        put=_schedule("clip_range_vf"), within=POSITIVE, missing=_not_scheduled("clip_range_vf")
    ),
    "ent_coef": Hyperparameter(put=_attribute("ent_coef")),
    "vf_coef": Hyperparameter(put=_attribute("vf_coef")),
    "gamma": Hyperparameter(put=_attribute("gamma"), within=UNIT),
    "gae_lambda": Hyperparameter(put=_attribute("gae_lambda"), within=UNIT),
    "max_grad_norm": Hyperparameter(put=_attribute("max_grad_norm"), within=POSITIVE),
    "target_kl": Hyperparameter(put=_attribute("target_kl"), within=POSITIVE),
    "n_epochs": Hyperparameter(put=_attribute("n_epochs"), within=Interval(low=1), whole=True),
    "batch_size": Hyperparameter(put=_attribute("batch_size"), within=Interval(low=2), whole=True),
    "optimizer_kwargs.weight_decay": Hyperparameter(
        put=_put_weight_decay, missing=_no_weight_decay
    ),
    "vgs_kwargs.floor": Hyperparameter(
        put=_put_vgs_floor,
        within=Interval(low=0.0, high=1.0, open_low=True),
        missing=lambda model: None if model.vgs else "a gradient scaler",
    ),
    "kl_penalty.target": Hyperparameter(
        put=_put_kl_target,
        within=POSITIVE,
        missing=lambda model: None if model.kl_penalty else "a KL penalty",
    ),
}


def explorable() -> dict[str, str]:
    """Returns the hyper-parameters that a population can explore, each with its legal values.

    The names are those of the constructor's arguments, with a dot for what a dict of them holds.
    """
    return {
        name: f"{'whole ' if row.whole else ''}numbers in {row.within}"
        for name, row in HYPERPARAMETERS.items()
    }


def put_all(model: Model, values: Mapping[str, float]) -> None:
    """Gives every value to the model; its next update uses them."""
    for name, value in values.items():
        HYPERPARAMETERS[name].put(model, value)


def require_legal(values: Mapping[str, Any], where: str) -> None:
    """Checks names and values.

    Raises:
        TypeError: a name is unknown; the message lists the known ones.
        ValueError: a value is out of the range of its hyper-parameter.
    """
    require_known(values, HYPERPARAMETERS, where)
    for name, value in values.items():
        row = HYPERPARAMETERS[name]
        if not is_number(value, row.within):
            raise ValueError(
                f"{where}[{name!r}] reaches {value!r}: expected numbers in {row.within}"
            )
        if row.whole and not is_whole(value):
            raise ValueError(
                f"{where}[{name!r}] reaches {value!r}: expected whole numbers, such as "
                "Choice((4, 8, 16))"
            )


def require_explorable(priors: Mapping[str, Prior]) -> None:
    """Checks that every value a distribution can give is legal.

    Raises:
        TypeError: a name is unknown, or not a distribution is given for it.
        ValueError: a bound is out of the range of its hyper-parameter.
    """
    require_known(priors, HYPERPARAMETERS, "explore")
    for name, prior in priors.items():
        if not isinstance(prior, Prior):
            raise TypeError(
                f"explore[{name!r}]={prior!r} is {type(prior).__name__}: expected Uniform(low, "
                "high), LogUniform(low, high) or Choice(values)"
            )
        if HYPERPARAMETERS[name].whole and not isinstance(prior, Choice):
            raise ValueError(
                f"explore[{name!r}]={prior!r}: expected whole numbers, such as Choice((4, 8, 16))"
            )
        for value in prior.values if isinstance(prior, Choice) else (prior.low, prior.high):
            require_legal({name: value}, "explore")


def require_effect(model: Model, names: Mapping[str, Any], who: str) -> None:
    """Checks that each hyper-parameter means something in the model.

    Raises:
        ValueError: the model lacks what it belongs to, or schedules it itself.
    """
    for name in names:
        missing = HYPERPARAMETERS[name].missing(model)
        if missing is not None:
            raise ValueError(
                f"explore[{name!r}] needs {missing}, which {who} has not: build it with that, or "
                f"explore something else"
            )


def require_explored(chosen: Mapping[str, float], explored: Mapping[str, Any]) -> None:
    """Requires that these are among the hyper-parameters that a population explores.

    Raises:
        ValueError: lists those that are not, and what is explored.
    """
    strange = sorted(set(chosen) - set(explored))
    if strange:
        raise ValueError(
            f"hyperparameters={strange} are not explored by this population, expected some of "
            f"{sorted(explored)}: change them in make()"
        )
