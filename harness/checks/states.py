"""Checks of states in memory: `state_dict` and `load_state_dict`, whatever they are called."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable
from functools import cached_property
from typing import Any, Self, final

from ..core.errors import NotApplicable
from ..core.randomness import preserved_streams
from ..state.capture import capture
from ..state.compare import Diff, compare
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from ..transplant.patch import Transplant
from ..transplant.sites import Graph, sites
from ..trial.finding import Finding
from ..trial.trial import Trial
from .check import Aspect, Check, Cost
from .saving import left_behind, reaches_nothing

_MAX_ROUNDS = 4  # of putting back: what is put back uncovers an order of keys


def component(trial: Trial) -> Finding:
    """A state is read without a trace, survives pickle, and is what a load of it gives back.

    Of a subject that is not strict, what is one object in it is not looked at: see `as_content`.
    """
    notes: list[str] = []
    diff = _differs(trial, notes)
    return Finding(step=trial.scenario.save_at, diff=diff, notes=tuple(notes))


COMPONENT = Check(
    name="component",
    run=component,
    looks_at=Aspect.STATE,
    next_step="save plain data that survives pickle, and load all of it",
    cost=Cost.HIGH,
    spares_library=True,
)


def _differs(trial: Trial, notes: list[str]) -> Diff:
    session, excluded = trial.session, trial.subject.exclusions
    live = trained(trial, trial.scenario.seed)
    with preserved_streams():
        before = session.capture(live)
        state = capture(state_of(trial, live), name="state")
        after = session.capture(live)
        stored = pickle.loads(pickle.dumps(state_of(trial, live)))
        if diff := trial.compare(before, after):
            if not _is_without_trace(trial, live, after, diff):
                return diff
            notes.append(left_behind("component: reading the state", diff))
        if diff := _without_memory(compare(state, capture(stored, name="state"), excluded), state):
            return diff
        target = trained(trial, session.other_seed)
        restore(trial, target, stored)
        loaded = capture(state_of(trial, target), name="state")
        diff = compare(state, loaded, excluded)
        return as_content(trial, diff)


def _is_without_trace(trial: Trial, live: Any, after: Snapshot, diff: Diff) -> bool:
    """Returns whether what reading has changed reaches nothing: some optimizers average for it."""
    if trial.capabilities.strict:
        return False
    at = trial.session.finish(live, trial.scenario.save_at)
    return reaches_nothing(trial, after, at, diff)


def as_content(trial: Trial, diff: Diff) -> Diff:
    """Returns what differs between two contents, unless that is only what is one object in them.

    Whether a run needs two of its objects to be one the live run shows, in `roundtrip` and in
    `resume`. For a subject that is strict it is content.
    """
    if trial.capabilities.strict:
        return diff
    kept = (m for m in diff.mismatches if m.kind is not MismatchKind.ALIASING)
    return dataclasses.replace(diff, mismatches=tuple(kept))


def _without_memory(diff: Diff, state: Snapshot) -> Diff:
    """Returns the differences but for memory that two tensors share: pickle cuts it for anybody."""

    def is_memory(mismatch: Mismatch) -> bool:
        place = state.resolve(mismatch.keypath)
        if place is None or mismatch.kind is not MismatchKind.ALIASING:
            return False
        return not state.is_plain(place) and state.kind(place).numeric

    return Diff(mismatches=tuple(m for m in diff.mismatches if not is_memory(m)))


def state_of(trial: Trial, live: Any) -> Any:
    """The state of a run in memory.

    Raises:
        NotApplicable: the subject has none.
    """
    read, _ = _require(trial)
    return read(live)


def restore(trial: Trial, live: Any, state: Any) -> None:
    """Loads such a state into a run.

    Raises:
        NotApplicable: the subject cannot.
    """
    _, write = _require(trial)
    write(live, state)


def _require(trial: Trial) -> tuple[Callable[[Any], Any], Callable[[Any, Any], None]]:
    offered = trial.capabilities
    if offered.state is None or offered.restore is None:
        raise NotApplicable(
            f"{trial.subject.name} has no state in memory: `state(live)` and "
            "`restore(live, state)` of its capabilities"
        )
    return offered.state, offered.restore


def stated(trial: Trial) -> tuple[Snapshot, Any]:
    """The state of a run at the save point, and its state in memory, to be copied before use.

    Raises:
        NotApplicable: the subject has no states in memory.
    """
    _require_state(trial)
    return trial.session.stated


def trained(trial: Trial, seed: int, until: int | None = None) -> Any:
    """A run of its own, trained to the save point, or to another step.

    Raises:
        NotApplicable: the subject has no states in memory, so that nobody needs the run.
    """
    _require_state(trial)
    return trial.session.trained(seed, until)


def _require_state(trial: Trial) -> None:
    _require(trial)
    if (reason := trial.session.stateless) is not None:
        raise NotApplicable(str(reason))


@final
class Targets:
    """A run that is whole each time that it is asked for, whatever was loaded into it since.

    What a load has changed is put back from another such run. If it then is bit for bit as it was,
    it serves again; otherwise, if it has trained on, and where not all of it is seen, a new one is
    made.

    Args:
        trial: whose runs they are.
        make: makes one.
    """

    def __init__(self, trial: Trial, make: Callable[[], Any]) -> None:
        self.trial = trial
        self.make = make
        self._current: tuple[Any, Snapshot] | None = None

    @classmethod
    def of_loads(cls, trial: Trial) -> Self:
        """What files are loaded into, where the subject can load into a run made before."""
        make = trial.capabilities.poisoned or trial.subject.build
        return cls(trial, lambda: make(trial.scenario))

    def whole(self) -> tuple[Any, Snapshot]:
        """Returns the run, and its state."""
        if self._current is None or not self._seen or not self._mend(*self._current):
            live = self.make()
            self._current = live, self.trial.session.capture(live)
        return self._current

    def whole_run(self) -> Any:
        """Returns the run alone."""
        return self.whole()[0]

    @property
    def _seen(self) -> bool:
        """Whether its state is all that can make it another run."""
        offered = self.trial.capabilities
        return not (offered.in_part or offered.own_exclusions)

    def give_up(self) -> None:
        """Has a new one made next time: this one trains on, which may move what nobody sees."""
        self._current = None

    @cached_property
    def _donor(self) -> Graph:
        return self.trial.session.graph(self.make())

    def _mend(self, live: Any, before: Snapshot) -> bool:
        """Returns whether it is as it was again; nothing is wrong with one that is not."""
        session = self.trial.session
        for _ in range(_MAX_ROUNDS):
            graph = session.graph(live)
            differs = self.trial.compare(before, graph.snapshot, worded=False).mismatches
            if not differs:
                return True
            Transplant(self._donor, graph).put_all(sites(differs, self._donor, graph))
        return False
