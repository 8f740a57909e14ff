"""Checks of what is not whole: a damaged file or state is an error, and changes nothing."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
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
from .states import Targets, restore, stated, trained
from .stock_torch import takers

_MAX_FOUND = 8


def strictness(trial: Trial) -> Finding:
    """A damaged file or state is an error, or loads as the intact one.

    Of a subject that is strict a damaged state is always an error, and leaves the target as it was.
    Of any other, what an error leaves half loaded is noted only, as is what torch's own
    `load_state_dict` does.
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
    targets = Targets.of_loads(trial)
    intact = _loaded(trial, target, contents, targets)
    # such as the folder that it was read from: it differs between two loads of the same file
    targets.give_up()
    noise = trial.compare(intact, _loaded(trial, target, contents, targets)).mismatches
    known = frozenset(mismatch.keypath for mismatch in noise)
    mismatches: list[Mismatch] = []
    with warnings.catch_warnings():
        # a load that raises may leave its file open: that is not what is asked about
        warnings.simplefilter("ignore", ResourceWarning)
        for damage, damaged in damages_of_files(contents, path.name):
            try:
                loaded = _loaded(trial, target, damaged, targets)
            except Exception:  # an error is what the check asks for, of whatever class
                continue
            diff = trial.compare(intact, loaded)
            lasting = trial.control.lasting(diff) if diff else ()
            if judged := [m for m in lasting if m.keypath not in known]:
                mismatches.append(_unnoticed(damage, str(judged[0])))
    return Diff(mismatches=tuple(mismatches)), ()


def _loaded(trial: Trial, path: Path, contents: Mapping[str, bytes], targets: Targets) -> Snapshot:
    lay_out(path.parent, contents)
    with preserved_streams():
        return trial.session.capture(trial.session.load_into(path, targets.whole_run))


def _unnoticed(damage: str, difference: str) -> Mismatch:
    return Mismatch(
        keypath=KeyPath("checkpoint", (damage,)),
        kind=MismatchKind.VALUE,
        type_name="file",
        expected="an error, or the state of the intact file",
        got=f"another state, in silence: {difference}",
    )


def _damaged_states(trial: Trial) -> tuple[Diff, tuple[str, ...]]:
    """A state with an entry missing, added, renamed or reshaped does not pass unnoticed.

    Ends with the first few that do: each costs another target.

    Raises:
        NotApplicable: the subject has no states in memory, or there is no entry in them.
    """
    state = pickle.loads(pickle.dumps(stated(trial)[1]))
    whole = _Whole(trial, state)
    mismatches: list[Mismatch] = []
    lenient: Counter[str] = Counter()
    target: _Target | None = None
    for keypath, damage, damaged in damages_of_state(state):
        target = target or _Target(trial, whole)
        fault = target.fault(damaged)
        if fault is None:
            continue
        stock = target.excuse(fault, keypath, damage, damaged)
        if excuse := stock or whole.excuse(fault, damage, target.live):
            lenient[excuse] += 1
        else:
            mismatches.append(_violation(trial, keypath, damage, fault))
        target = None  # it was changed
        if len(mismatches) == _MAX_FOUND:
            break
    else:
        if target is None and not mismatches and not lenient:
            raise _nothing_to_damage(trial, state)
    return Diff(mismatches=tuple(mismatches)), tuple(_note(*item) for item in lenient.items())


def _nothing_to_damage(trial: Trial, state: Any) -> NotApplicable:
    return NotApplicable(
        f"the state of {trial.subject.name} in memory has no entry to damage: expected a dict, "
        f"or dicts in it, got {state!r} ({type(state).__name__})"
    )


def _note(what: str, count: int) -> str:
    return f"strictness: {what}: {count} of the damaged states; strict=True judges it"


@final
@dataclass(frozen=True, kw_only=True)
class _Fault:
    """What a load of a damaged state has done.

    Attributes:
        halfway: whether it raised; otherwise it was silent.
        diff: in what the target is no longer as it was, if it raised.
        after: the target as the load left it.
    """

    halfway: bool
    diff: Diff
    after: Snapshot


@final
class _Whole:
    """The state without a damage, and how it is loaded."""

    def __init__(self, trial: Trial, state: Any) -> None:
        self.trial = trial
        self.state = state
        self.targets = Targets(trial, self._target)

    def _target(self) -> Any:
        """A run to load into, not as far as the state: a count that is not loaded then shows."""
        return trained(self.trial, self.trial.session.other_seed, self._until)

    def excuse(self, fault: _Fault, damage: str, live: Any) -> str:
        """Why a fault fails nobody who is not strict; "" if the run goes on from another state.

        Args:
            fault: what the load has done.
            damage: what had been done to the state.
            live: the run that has loaded it, which is trained on.
        """
        if self.trial.capabilities.strict:
            return ""
        if fault.halfway:
            return "an error that leaves the target in part loaded"
        if damage == "reshaped":  # by whoever assigns it: no run writes one for itself
            return "an entry of another shape, taken as it is"
        lasting = self.trial.control.lasting(self.trial.compare(self._loaded, fault.after))
        lost = [
            mismatch
            for mismatch in lasting
            if mismatch.keypath not in self._noise and mismatch.kind is not MismatchKind.UNEXPECTED
        ]
        if not lost:
            return "a load as if it were whole"
        return "" if self._goes_on(live) else "an error that comes only as the run goes on"

    def _goes_on(self, live: Any) -> bool:
        self.targets.give_up()
        with preserved_streams(), suppress(Exception):  # whatever it raises, it is not silent
            self.trial.subject.train(live, until=self.trial.scenario.length, visits={})
            return True
        return False

    @cached_property
    def _until(self) -> int:
        """Half-way to the save point, unless the state cannot be loaded into a run from there."""
        until = self.trial.scenario.save_at // 2
        try:
            self._load(until)
        except NotApplicable:
            raise
        except Exception:  # such as of a load that compares the state with its own
            return self.trial.scenario.save_at
        return until

    @cached_property
    def _loaded(self) -> Snapshot:
        """A target after it was loaded whole."""
        return self._load(self._until)

    @cached_property
    def _noise(self) -> frozenset[KeyPath]:
        """In what two such targets differ."""
        again = self.trial.compare(self._loaded, self._load(self._until))
        return frozenset(mismatch.keypath for mismatch in again.mismatches)

    def _load(self, until: int) -> Snapshot:
        live = trained(self.trial, self.trial.session.other_seed, until)
        restore(self.trial, live, copy.deepcopy(self.state))
        return self.trial.session.capture(live)


@final
class _Target:
    """A run that damaged states are loaded into, until one of them has changed it."""

    def __init__(self, trial: Trial, whole: _Whole) -> None:
        self.trial = trial
        self.live, self.before = whole.targets.whole()
        # before anything damaged is loaded, which may leave an entry of its own behind
        self.takers = [] if trial.capabilities.strict else takers(trial, self.live, whole.state)

    def fault(self, damaged: Any) -> _Fault | None:
        """How it has taken a state; none if it raised and stayed as it was."""
        trial = self.trial
        halfway = False
        try:
            # a copy: some loads take entries out of the state they are given
            restore(trial, self.live, copy.deepcopy(damaged))
        except NotApplicable:
            raise
        except Exception:  # an error is what the check asks for
            halfway = True
        after = trial.session.capture(self.live)
        diff = trial.compare(self.before, after) if halfway else Diff()
        return None if halfway and not diff else _Fault(halfway=halfway, diff=diff, after=after)

    def excuse(self, fault: _Fault, keypath: KeyPath, damage: str, damaged: Any) -> str:
        """What torch's own load, called alone, does as the run's did; "" if none does."""
        way = tuple(part[0] if isinstance(part, tuple) else part for part in keypath.segments[1:])
        for taker in self.takers:
            inside = taker.holds(way, inside=damage != "extra")
            if inside and taker.takes(damaged) is not fault.halfway:
                return (
                    f"what torch's own load_state_dict of {taker.name} takes in silence or in part"
                )
        return ""


def _violation(trial: Trial, keypath: KeyPath, damage: str, fault: _Fault) -> Mismatch:
    untouched = ", and the target as it was" if trial.capabilities.strict else ""
    return Mismatch(
        keypath=keypath,
        kind=MismatchKind.VALUE,
        type_name="state",
        expected=f"an error that names this {damage} entry{untouched}",
        got=f"an error halfway: {fault.diff.mismatches[0]}"
        if fault.halfway
        else "a load in silence",
    )
