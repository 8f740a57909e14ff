"""Bug 2: `optimizer_kwargs["lr"]` was ignored; its fix lasted until the first `train()`.

The optimizer was built from the schedule. The fix wrote the rate into the optimizer, and the
first update wrote the schedule's back.
"""

from __future__ import annotations

from typing import Any, final

import pytest

from algo import DistributionalPPO
from algo.schedules import as_schedule
from regressions.laws import OPTIONS, Case, look
from regressions.planted import LIFE, ours

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
            group["lr"] = group["lr"] if lr is None else lr


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
CASE = Case(law="options", option="optimizer_kwargs", scenario=LIFE)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bug_is_found(name: str) -> None:
    """What is passed is in force no more; other options are, as before."""
    assert look(ours(PLANTED[name]), CASE)
    assert not look(ours(PLANTED[name]), Case(law="options", option="gamma", scenario=LIFE))


@pytest.mark.parametrize("name", PLANTED)
def test_report_names_the_learning_rate(name: str) -> None:
    """The group's rate where it was once in force; the argument where it never was."""
    assert NAMED[name] in [found.place for found in look(ours(PLANTED[name]), CASE)]


@pytest.mark.parametrize("option", OPTIONS)
def test_shipped_code_keeps_every_option_in_force(option: str) -> None:
    """Built, after `train()`, after a load, and after `train()` again."""
    assert not look(ours(DistributionalPPO), Case(law="options", option=option, scenario=LIFE))
