"""Checks of what is not whole: a damaged file or state is an error, and changes nothing."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

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
from .stock_torch import takers

_MAX_FOUND = 8
_SILENT = "a load in silence"


def strictness(trial: Trial) -> Finding:
    """A damaged file is an error or loads as the intact one, a damaged state always an error.

    What torch's own `load_state_dict` does with a damaged state is noted, and fails a subject only
    that is strict.
    """
    step = trial.scenario.save_at
    reasons: list[str] = []
    notes: tuple[str, ...] = ()
    for unnoticed in (_damaged_files, _damaged_states):
        try:
            diff, notes = unnoticed(trial)
        except NotApplicable as reason:
            reasons.append(str(reason))
            continue
        if diff:
            return Finding(step=step, diff=diff, notes=notes)
    if len(reasons) == 2:  # nothing has been looked at
        raise NotApplicable("; ".join(reasons))
    return Finding(step=step, diff=Diff(), notes=notes)


STRICTNESS = Check(
    name="strictness",
    run=strictness,
    looks_at=Aspect.DAMAGE,
    next_step="compare all entries with those expected before loading any; raise if they differ",
    cost=Cost.HIGH,
    spares_library=True,
)


def _damaged_files(trial: Trial) -> tuple[Diff, tuple[str, ...]]:
    """Loads truncated, flipped and incomplete copies of a checkpoint; none may pass unnoticed.

    Raises:
        NotApplicable: no file of the checkpoint can be found.
    """
    path = trial.saving[0].path
    files = required_files(trial.subject.name, path)
    contents = {name: file.read_bytes() for name, file in files.items()}
    target = trial.session.folder / "damaged" / path.name
    intact = _loaded(trial, target, contents)
    # such as the folder that it was read from: it differs between two loads of the same file
    noise = trial.compare(intact, _loaded(trial, target, contents)).mismatches
    known = frozenset(mismatch.keypath for mismatch in noise)
    mismatches: list[Mismatch] = []
    with warnings.catch_warnings():
        # a load that raises may leave its file open: that is not what is asked about
        warnings.simplefilter("ignore", ResourceWarning)
        for damage, damaged in damages_of_files(contents, path.name):
            try:
                loaded = _loaded(trial, target, damaged)
            except Exception:  # an error is what the check asks for, of whatever class
                continue
            diff = trial.compare(intact, loaded)
            lasting = trial.control.lasting(diff) if diff else ()
            if judged := [m for m in lasting if m.keypath not in known]:
                mismatches.append(_unnoticed(damage, str(judged[0])))
    return Diff(mismatches=tuple(mismatches)), ()


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


def _damaged_states(trial: Trial) -> tuple[Diff, tuple[str, ...]]:
    """A state with an entry missing, added, renamed or reshaped is an error, and changes no target.

    Ends with the first few that are not: each costs another target.

    Raises:
        NotApplicable: the subject has no states in memory, or there is no entry in them.
    """
    state = pickle.loads(pickle.dumps(state_of(trial, trained(trial, trial.scenario.seed))))
    mismatches: list[Mismatch] = []
    of_torch: Counter[str] = Counter()
    target: _Target | None = None
    for keypath, damage, damaged in damages_of_state(state):
        target = target or _Target(trial, state)
        fault = target.fault(damaged)
        if not fault:
            continue
        if stock := target.stock(fault, keypath, damage, damaged):
            of_torch[stock] += 1
        else:
            mismatches.append(_violation(keypath, damage, fault))
        target = None  # it was changed
        if len(mismatches) == _MAX_FOUND:
            break
    else:
        if target is None and not mismatches and not of_torch:
            raise _nothing_to_damage(trial, state)
    return Diff(mismatches=tuple(mismatches)), tuple(_note(*item) for item in of_torch.items())


def _nothing_to_damage(trial: Trial, state: Any) -> NotApplicable:
    return NotApplicable(
        f"the state of {trial.subject.name} in memory has no entry to damage: expected a dict, "
        f"or dicts in it, got {state!r} ({type(state).__name__})"
    )


def _note(name: str, count: int) -> str:
    return (
        f"strictness: what torch's own load_state_dict of {name} does with {count} damaged states "
        "(takes them in silence, or in part before it raises) is not judged; strict=True judges it"
    )


@final
class _Target:
    """A run that damaged states are loaded into, until one of them has changed it."""

    def __init__(self, trial: Trial, state: Any) -> None:
        self.trial = trial
        self.live = trained(trial, trial.session.other_seed)
        self.before = trial.session.capture(self.live)
        # before anything damaged is loaded, which may leave an entry of its own behind
        self.takers = [] if trial.capabilities.strict else takers(trial, self.live, state)

    def fault(self, damaged: Any) -> str:
        """What is wrong with how it takes a state; nothing is if it raises and stays as it was."""
        trial = self.trial
        try:
            # a copy: some loads take entries out of the state they are given
            restore(trial, self.live, copy.deepcopy(damaged))
        except NotApplicable:
            raise
        except Exception:  # an error is what the check asks for
            diff = trial.compare(self.before, trial.session.capture(self.live))
            return f"an error halfway: {diff.mismatches[0]}" if diff else ""
        return _SILENT

    def stock(self, fault: str, keypath: KeyPath, damage: str, damaged: Any) -> str:
        """The class of torch whose own load, called alone, does what the run's did; "" if none."""
        way = tuple(part[0] if isinstance(part, tuple) else part for part in keypath.segments[1:])
        for taker in self.takers:
            inside = taker.holds(way, inside=damage != "extra")
            if inside and taker.takes(damaged) is (fault == _SILENT):
                return taker.name
        return ""


def _violation(keypath: KeyPath, damage: str, got: str) -> Mismatch:
    return Mismatch(
        keypath=keypath,
        kind=MismatchKind.VALUE,
        type_name="state",
        expected=f"an error that names this {damage} entry, and the target as it was",
        got=got,
    )
