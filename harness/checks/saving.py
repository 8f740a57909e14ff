"""Checks of a save: it changes nothing."""

from __future__ import annotations

from ..trial.finding import Finding
from ..trial.trial import Trial
from .check import Aspect, Check


def purity(trial: Trial) -> Finding | None:
    """Saving changes nothing: neither the state, random streams included, nor the future."""
    save, at = trial.saving
    diff = trial.compare(save.before, save.after)
    return Finding(step=save.step, diff=diff) if diff else trial.future(at, loads=False)


PURITY = Check(
    name="purity",
    run=purity,
    looks_at=Aspect.SAVING | Aspect.FUTURE,
    next_step="let save() only read: it must not change the run, nor draw a random number",
    per_scenario=True,
)
