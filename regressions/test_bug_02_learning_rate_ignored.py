"""Bug 2: `optimizer_kwargs["lr"]` was ignored; its fix lasted until the first `train()`.

The optimizer was built from the schedule. The fix wrote the rate into the optimizer, and the
first update wrote the schedule's back.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, final

import pytest
import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.maths.schedules import Linear, as_schedule
from resumeproof.algo.saving.configuration import OPTIMIZERS

from regressions.checks import OPTIONS, Case, look
from regressions.checks_of_options import with_options
from regressions.planted import TWO_CYCLES, ours

LR = "model.policy.optimizer.param_groups[0]['lr']"


@final
class Ignored(DistributionalPPO):
    """The schedule is built from `learning_rate` alone."""

    def _setup_lr_schedule(self) -> None:
        self.lr_schedule = as_schedule(self.learning_rate, "learning_rate")


@final
class UntilTrained(DistributionalPPO):
    """As it was fixed: the rate is put into the optimizer, and the schedule is as before."""

    def _setup_lr_schedule(self) -> None:
        self.lr_schedule = as_schedule(self.learning_rate, "learning_rate")

    def _setup_model(self) -> None:
        super()._setup_model()
        lr = (self.optimizer_kwargs or {}).get("lr")
        for group in self.policy.optimizer.param_groups:
            group["lr"] = group["lr"] if lr is None else as_schedule(lr, "learning_rate")(1.0)


@final
class UntilLoaded(DistributionalPPO):
    """The rate holds through training, and the next update after a load writes another."""

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> Any:
        """The model, with a schedule built from `learning_rate` alone."""
        model = super().load(*args, **kwargs)
        model.lr_schedule = as_schedule(model.learning_rate, "learning_rate")
        return model


PLANTED = {
    "#2 the optimizer's lr is ignored": Ignored,
    "#2 the lr holds until the first train()": UntilTrained,
    "#2 the lr holds until a load": UntilLoaded,
}
NAMED = dict(zip(PLANTED, ("model.optimizer_kwargs", LR, LR), strict=True))
CASE = Case(check="options", option="optimizer_kwargs", scenario=TWO_CYCLES)
# how a rate is passed, as a number and as a schedule
RATES: dict[str, dict[str, Any]] = {
    "learning_rate": {"learning_rate": 0.00123},
    "learning_rate, linear": {"learning_rate": Linear(0.002, 0.001, 1.0)},
    "optimizer_kwargs": {"optimizer_kwargs": {"lr": 0.00123}},
    "optimizer_kwargs, linear": {"optimizer_kwargs": {"lr": Linear(0.002, 0.001, 1.0)}},
}


def other_values(default: Any) -> list[Any]:
    """What a keyword of this default does not have without a word, the likeliest first."""
    if isinstance(default, bool):
        return [not default]
    if isinstance(default, tuple):
        return [tuple(value / 2 for value in default)]
    return [default / 2 or 0.01] if isinstance(default, float) else [False, 5]


def takes(optimizer: str, given: dict[str, Any]) -> bool:
    """Whether the class itself can step with it, here and now."""
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    try:
        OPTIMIZERS[optimizer]([parameter], **given).step()
    except Exception:  # whatever a class of torch says of what only other devices have
        return False
    return True


def keywords(optimizer: str) -> dict[str, Any]:
    """Every keyword that a class of optimizer takes, with another value."""
    others = {
        name: [v for v in other_values(parameter.default) if takes(optimizer, {name: v})]
        for name, parameter in inspect.signature(OPTIMIZERS[optimizer]).parameters.items()
        if name not in ("params", "lr")
    }
    return {name: values[0] for name, values in others.items() if values}


def off(when: str, model: Any, rate: dict[str, Any]) -> list[str]:
    """Where a group's rate is not what the schedule that was passed says."""
    (passed,) = rate.values()
    schedule = as_schedule(passed["lr"] if isinstance(passed, dict) else passed, "learning_rate")
    expected = schedule(model._current_progress_remaining)
    rates = [group["lr"] for group in model.policy.optimizer.param_groups]
    place = "model.policy.optimizer.param_groups[{}]['lr']"
    return [
        f"{when}: {place.format(number)} is {lr}, expected {expected}"
        for number, lr in enumerate(rates)
        if lr != expected
    ]


def strange_rates(
    algorithm: type[DistributionalPPO], optimizer: str, rate: dict[str, Any], folder: Path
) -> list[str]:
    """The same in a whole run: built, trained and loaded with a rate, or given it at a load."""
    subject, path = ours(algorithm), folder / "rate.zip"
    plain = with_options(TWO_CYCLES, {"optimizer": optimizer})

    def trained(model: Any) -> Any:
        subject.train(model, until=model.num_timesteps + 32, visits={})
        return model

    built, other = subject.build(with_options(plain, rate)), subject.build(plain)
    found = off("built", built, rate) + off("trained", trained(built), rate)
    built.save(path)
    loaded = subject.load(path, plain)
    found += off("loaded", loaded, rate) + off("loaded and trained", trained(loaded), rate)
    trained(other).save(path)
    loaded = subject.load_with(path, plain, rate)
    found += off("given to load", loaded, rate)
    return found + off("given to load, and trained", trained(loaded), rate)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bug_is_found(name: str) -> None:
    """What is passed is in force no more; other options are, as before."""
    assert look(ours(PLANTED[name]), CASE)
    assert not look(ours(PLANTED[name]), Case(check="options", option="gamma", scenario=TWO_CYCLES))


@pytest.mark.parametrize("name", PLANTED)
def test_report_names_the_learning_rate(name: str) -> None:
    """The group's rate where it was once in force; the argument where it never was."""
    assert NAMED[name] in [found.place for found in look(ours(PLANTED[name]), CASE)]


@pytest.mark.parametrize("rate", [rate for rate in RATES if "kwargs" in rate])
@pytest.mark.parametrize("name", PLANTED)
def test_planted_rate_is_found_and_named(name: str, rate: str, tmp_path: Path) -> None:
    """Of a schedule too, which training moves on its own."""
    found = strange_rates(PLANTED[name], "adam", RATES[rate], tmp_path)
    assert found
    assert all(LR in line for line in found)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_shipped_code_keeps_the_rate_in_force(optimizer: str, rate: str, tmp_path: Path) -> None:
    """Built, trained, loaded, given to `load`, and trained again, by every optimizer."""
    assert strange_rates(DistributionalPPO, optimizer, RATES[rate], tmp_path) == []


@pytest.mark.parametrize("option", OPTIONS)
def test_shipped_code_keeps_every_option_in_force(option: str) -> None:
    """Built, after `train()`, after a load, and after `train()` again."""
    assert (
        look(ours(DistributionalPPO), Case(check="options", option=option, scenario=TWO_CYCLES))
        == ()
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_shipped_code_keeps_every_keyword_of_the_optimizer(optimizer: str) -> None:
    """Built, trained, loaded, and given to `load`: each that the class has."""
    scenario, given = with_options(TWO_CYCLES, {"optimizer": optimizer}), keywords(optimizer)
    assert {"betas", "weight_decay", "sigma"} & given.keys()
    for name, value in given.items():
        passed = {name: value}
        case = Case(check="options", option="optimizer_kwargs", value=passed, scenario=scenario)
        assert look(ours(DistributionalPPO), case) == (), passed
