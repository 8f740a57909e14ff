"""Checks of what is not whole: a damaged file or state is an error, and changes nothing."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.errors import NotApplicable
from ..core.keypath import KeyPath
from ..core.randomness import preserved_streams
from ..files.damages import damages_of_files, damages_of_state
from ..files.paths import lay_out, required_files
from ..state.mismatch import Diff, Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from ..trial.finding import Finding
from ..trial.trial import Trial
from .check import Aspect, Check, Cost
from .states import restore, state_of, trained

_MAX_FOUND = 8


def strictness(trial: Trial) -> Finding:
    """A damaged file is an error or loads as the intact one, a damaged state always an error."""
    step = trial.scenario.save_at
    reasons: list[str] = []
    for unnoticed in (_damaged_files, _damaged_states):
        try:
            if diff := unnoticed(trial):
                return Finding(step=step, diff=diff)
        except NotApplicable as reason:
            reasons.append(str(reason))
    if len(reasons) == 2:  # nothing has been looked at
        raise NotApplicable("; ".join(reasons))
    return Finding(step=step, diff=Diff())


STRICTNESS = Check(
    name="strictness",
    run=strictness,
    looks_at=Aspect.DAMAGE,
    next_step="compare all entries with those expected before loading any; raise if they differ",
    cost=Cost.HIGH,
)


def _damaged_files(trial: Trial) -> Diff:
    """Loads truncated, flipped and incomplete copies of a checkpoint; none may pass unnoticed.

    Raises:
        NotApplicable: no file of the checkpoint can be found.
    """
    path = trial.saving[0].path
    files = required_files(trial.subject.name, path)
    contents = {name: file.read_bytes() for name, file in files.items()}
    target = trial.session.folder / "damaged" / path.name
    intact = _loaded(trial, target, contents)
    mismatches: list[Mismatch] = []
    for damage, damaged in damages_of_files(contents, path.name):
        try:
            loaded = _loaded(trial, target, damaged)
        except Exception:  # an error is what the check asks for, of whatever class
            continue
        if diff := trial.compare(intact, loaded):
            mismatches.append(_unnoticed(damage, str(diff.mismatches[0])))
    return Diff(mismatches=tuple(mismatches))


def _loaded(trial: Trial, path: Path, contents: Mapping[str, bytes]) -> Snapshot:
    lay_out(path.parent, contents)
    with preserved_streams():
        return trial.session.capture(trial.session.load(path))


def _unnoticed(damage: str, difference: str) -> Mismatch:
    return Mismatch(
        keypath=KeyPath("checkpoint", (damage,)),
        kind=MismatchKind.VALUE,
        type_name="file",
        expected="an error, or the state of the intact file",
        got=f"another state, in silence: {difference}",
    )


def _damaged_states(trial: Trial) -> Diff:
    """A state with an entry missing, added, renamed or reshaped is an error, and changes no target.

    Ends with the first few that are not: each costs another target.

    Raises:
        NotApplicable: the subject has no states in memory, or there is no entry in them.
    """
    state = pickle.loads(pickle.dumps(state_of(trial, trained(trial, trial.scenario.seed))))
    mismatches: list[Mismatch] = []
    target = before = None
    for keypath, damage, damaged in damages_of_state(state):
        if before is None:  # the last one was changed, or there was none
            target = trained(trial, trial.session.other_seed)
            before = trial.session.capture(target)
        if fault := _fault(trial, target, before, damaged):
            mismatches.append(_violation(keypath, damage, fault))
            before = None
        if len(mismatches) == _MAX_FOUND:
            break
    if target is None:
        raise NotApplicable(
            f"the state of {trial.subject.name} in memory has no entry to damage: expected a dict, "
            f"or dicts in it, got {state!r} ({type(state).__name__})"
        )
    return Diff(mismatches=tuple(mismatches))


def _fault(trial: Trial, target: Any, before: Snapshot, damaged: Any) -> str:
    """What is wrong with how a target takes it; nothing is if it raises and stays as it was."""
    try:
        restore(trial, target, damaged)
    except NotApplicable:
        raise
    except Exception:  # an error is what the check asks for
        diff = trial.compare(before, trial.session.capture(target))
        return f"an error halfway: {diff.mismatches[0]}" if diff else ""
    return "a load in silence"


def _violation(keypath: KeyPath, damage: str, got: str) -> Mismatch:
    return Mismatch(
        keypath=keypath,
        kind=MismatchKind.VALUE,
        type_name="state",
        expected=f"an error that names this {damage} entry, and the target as it was",
        got=got,
    )
