"""The laws of states in memory: `state_dict` and `load_state_dict`, whatever they are called."""

from __future__ import annotations

import pickle
from typing import Any

from ..core.errors import NotApplicable
from ..core.keypath import KeyPath
from ..core.randomness import preserved_streams
from ..files.damages import damages_of_state
from ..state.capture import capture
from ..state.compare import Diff, compare
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from ..trial.trial import Trial

_MAX_FOUND = 8


def component(trial: Trial) -> Diff:
    """A state is read without a trace, survives pickle, and is what a load of it gives back."""
    live = trained(trial, trial.scenario.seed)
    with preserved_streams():
        before = trial.capture(live)
        state = capture(state_of(trial, live), name="state")
        if diff := trial.compare(before, trial.capture(live)):
            return diff
        stored = pickle.loads(pickle.dumps(state_of(trial, live)))
        if diff := compare(state, capture(stored, name="state"), trial.subject.exclusions):
            return diff
        target = trained(trial, trial.other_seed)
        restore(trial, target, stored)
        loaded = capture(state_of(trial, target), name="state")
        return compare(state, loaded, trial.subject.exclusions)


def damaged_states_fail(trial: Trial) -> Diff:
    """A state with an entry missing, added, renamed or reshaped is an error, and changes no target.

    Ends with the first few that are not: each costs another target.

    Raises:
        NotApplicable: the subject has no states in memory, or there is no entry in them.
    """
    state = pickle.loads(pickle.dumps(state_of(trial, trained(trial, trial.scenario.seed))))
    found: list[Mismatch] = []
    target = before = None
    for keypath, damage, damaged in damages_of_state(state):
        if before is None:  # the last one was changed, or there was none
            target = trained(trial, trial.other_seed)
            before = trial.capture(target)
        if said := _refused(trial, target, before, damaged):
            found.append(_violation(keypath, damage, said))
            before = None
        if len(found) == _MAX_FOUND:
            break
    if target is None:
        raise NotApplicable(
            f"the state of {trial.subject.name} in memory has no entry to damage: expected a dict, "
            f"or dicts in it, got {state!r} ({type(state).__name__})"
        )
    return Diff(mismatches=tuple(found))


def _refused(trial: Trial, target: Any, before: Snapshot, damaged: Any) -> str:
    """What is wrong with how a target takes it; nothing is if it raises and stays as it was."""
    try:
        restore(trial, target, damaged)
    except NotApplicable:
        raise
    except Exception:  # an error is what the law asks for
        diff = trial.compare(before, trial.capture(target))
        return f"an error halfway: {diff.mismatches[0]}" if diff else ""
    return "a load in silence"


def state_of(trial: Trial, live: Any) -> Any:
    """The state of a run in memory.

    Raises:
        NotApplicable: the subject has none.
    """
    _require(trial)
    subject: Any = trial.subject
    return subject.state(live)


def restore(trial: Trial, live: Any, state: Any) -> None:
    """Loads such a state into a run.

    Raises:
        NotApplicable: the subject cannot.
    """
    _require(trial)
    subject: Any = trial.subject
    subject.restore(live, state)


def _require(trial: Trial) -> None:
    subject = trial.subject
    if not hasattr(subject, "state") or not hasattr(subject, "restore"):
        raise NotApplicable(
            f"{subject.name} has no state in memory: `state(live)` and `restore(live, state)`"
        )


def trained(trial: Trial, seed: int) -> Any:
    """A run of its own, trained to the save point.

    Raises:
        NotApplicable: the subject has no states in memory, so that nobody needs the run.
    """
    _require(trial)
    return trial.trained(seed)


def _violation(keypath: KeyPath, damage: str, got: str) -> Mismatch:
    return Mismatch(
        keypath=keypath,
        kind=MismatchKind.VALUE,
        type_name="state",
        expected=f"an error that names this {damage} entry, and the target as it was",
        got=got,
    )
