"""The laws a checkpoint must keep, one short function each: a Trial in, a Diff out.

A check raises what the subject raises, and `NotApplicable` where the subject offers nothing to
check; it never passes in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from harness.compare import Diff
from harness.snapshot import Snapshot
from harness.trial import Trial

Check = Callable[[Trial], Diff]


def purity(trial: Trial) -> Diff:
    """Saving changes nothing: neither the state, random streams included, nor the future."""
    save, at = trial.saving
    trial.step = save.step
    return trial.compare(save.before, save.after) or future(trial, at)


def roundtrip(trial: Trial) -> Diff:
    """After every cycle of saving and loading the live state is the one that was saved."""
    for load in trial.resumed.loads:
        trial.step = load.step
        if diff := trial.compare(load.saved, load.loaded):
            return diff
    return Diff()


def resume(trial: Trial) -> Diff:
    """The resumed run and the one that never stopped agree at every boundary after the save."""
    return future(trial, trial.resumed.at)


def future(trial: Trial, at: Mapping[int, Snapshot]) -> Diff:
    """How the boundaries of a run differ from those of the run that never stopped.

    Where splitting `train` in two already changes the run, the split one is the reference: the
    checkpoint is not to blame.
    """
    diff = trial.first_difference(trial.uninterrupted.at, at)
    if diff and trial.between_calls:
        diff = trial.first_difference(trial.segmented.at, at)
    return diff


CHECKS: Mapping[str, Check] = MappingProxyType(
    {check.__name__: check for check in (purity, roundtrip, resume)}
)
