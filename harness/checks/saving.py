"""Checks of a save: it changes nothing."""

from __future__ import annotations

from ..trial.finding import Finding
from ..trial.trial import Trial
from .check import Aspect, Check


def purity(trial: Trial) -> Finding | None:
    """Saving changes nothing: neither the state, random streams included, nor the future."""
    save, at = trial.saving
    diff = trial.compare(save.before, save.after)
    return Finding(step=save.step, diff=diff) if diff else trial.future(at)


PURITY = Check(
    name="purity",
    run=purity,
    looks_at=Aspect.SAVING | Aspect.FUTURE,
    next_step="make save() read only: it must change neither the run nor a random stream",
    per_scenario=True,
)
