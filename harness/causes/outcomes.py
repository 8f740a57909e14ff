"""What became of the losses of a load, where nothing spread: nothing is searched."""

from __future__ import annotations

from ..trial.reference import Outcome
from ..trial.trial import Trial
from .attribution import Attribution
from .stored import located


def outcome_of(trial: Trial, cycle: int, outcome: Outcome) -> Attribution:
    """Returns what became of the losses of a load, where nothing spread: nothing is searched.

    Args:
        trial: what was run.
        cycle: the load; 0 is the first.
        outcome: what the resumed run has shown as it went.
    """
    reference = trial.control.reference(cycle)
    loaded = trial.resumed.loads[cycle].loaded
    known = {mismatch.keypath for mismatch in reference.lost(loaded)}
    worded = trial.compare(reference.saved, loaded).mismatches
    lost = tuple(mismatch for mismatch in worded if mismatch.keypath in known)
    found = Attribution(
        load=cycle + 1,
        contained=tuple(m for m in lost if m.keypath in outcome.contained),
        healed=tuple(m for m in lost if m.keypath in outcome.healed),
        inert=tuple(m for m in lost if m.keypath not in outcome.contained | outcome.healed),
        candidates=lost,
    )
    return located(trial, cycle, found)
