"""Checks of a run that goes on after a load: nothing it will need is gone."""

from __future__ import annotations

from ..state.mismatch import Diff
from ..trial.finding import Finding
from ..trial.trial import Trial
from .check import RESUMED, Aspect, Check


def resume(trial: Trial) -> Finding | None:
    """The resumed run and the one that never stopped agree at every boundary after the save."""
    return trial.future(trial.resumed.at)


RESUME = Check(
    name="resume",
    run=resume,
    looks_at=RESUMED,
    silence="every later boundary agrees bit for bit",
    per_scenario=True,
)


def completeness(trial: Trial) -> Finding:
    """Nothing that training moved is as in a fresh build after the load: that was forgotten."""
    load = trial.resumed.loads[0]
    lost = trial.compare(load.saved, load.loaded).mismatches
    differs = {m.keypath for m in trial.compare(trial.uninterrupted.fresh, load.loaded).mismatches}
    forgotten = tuple(m for m in lost if m.keypath not in differs)
    return Finding(step=load.step, diff=Diff(mismatches=forgotten))


COMPLETENESS = Check(
    name="completeness",
    run=completeness,
    looks_at=Aspect.LOADED,
    silence="not as in a fresh build, or as it was saved",
    per_scenario=True,
    spares_library=True,
)
