"""Runs resumed anew with some of what was lost put back: what then becomes of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeAlias, final

from ..core.errors import HarnessError, StepFailed
from ..core.keypath import KeyPath
from ..core.randomness import preserved_streams
from ..state.mismatch import Mismatch
from ..transplant.patch import Transplant
from ..transplant.sites import Graph, Site, sites
from ..trial.reference import Outcome, Watch
from ..trial.session import Stop
from ..trial.trial import Trial
from . import ranks

_MAX_ROUNDS = 5
_SHORT = 4  # times as long is a run to the end at least
MOST_RUNS = 256
"""How many runs are resumed at most in one search."""
Key: TypeAlias = frozenset[KeyPath]


class _Enough(BaseException):
    """Ends a run where enough of it was seen."""


@final
class Resuming:
    """The loads of one checkpoint: a donor that is the saved run, and a run anew for every set.

    Args:
        trial: what was run.
        cycle: which of its loads; 0 is the first.
        tell: gets the number of every run that is resumed, and how many there are at most.

    Attributes:
        count: how many runs have been resumed.
        unreachable: KeyPath and reason, of what could not be put back.
        remaining: what still differed at the first boundary that did, in the last run that did.
        before_run: gets the boundary at which the next run ends, None for the end.
    """

    def __init__(self, trial: Trial, cycle: int, tell: Callable[[int, int], None]) -> None:
        self.trial = trial
        self.cycle = cycle
        self.tell = tell
        self.step = trial.scenario.save_points[cycle]
        self.reference = trial.control.reference(cycle)
        self.count = 0
        self.unreachable: dict[KeyPath, str] = {}
        self.remaining: tuple[Mismatch, ...] = ()
        self.before_run: Callable[[int | None], None] = lambda until: None
        # what was tried already, and how it went on: None where something spread
        self._outcomes: dict[Key, Outcome | None] = {}
        self._agree_early: set[Key] = set()
        # with less put back, these spread too
        self._spread: list[Key] = []

    @cached_property
    def donor(self) -> Graph:
        """The run as it was saved."""
        return self.trial.expected.donor(self.cycle)

    @cached_property
    def candidates(self) -> list[Site]:
        """What differs right after a load, and where it can be put back; by owner."""
        loaded = self.trial.resumed.loads[self.cycle].loaded
        target = Graph(snapshot=loaded, objects={}, contents={}, keys={})
        known = {mismatch.keypath for mismatch in self.reference.lost(loaded)}
        worded = self.trial.compare(self.donor.snapshot, loaded).mismatches
        listed = sites([m for m in worded if m.keypath in known], self.donor, target)
        return sorted(listed, key=lambda site: str(KeyPath(*site.keypath.segments[:2])))

    @cached_property
    def seen(self) -> Outcome | None:
        """What became of the losses in the resumed run of the trial, with nothing put back.

        None where it raised, or nothing spread after this load.
        """
        _ = self.trial.resumed
        if self.trial.error is not None:
            return None
        cycle, outcome = self.trial.control.aftermath
        if cycle != self.cycle or not outcome.spreading:
            return None
        # followed to the end, as these are; what spread there may have been lost on another rank
        if cycle == len(self.trial.scenario.save_points) - 1 and ranks.count() == 1:
            self._outcomes[frozenset()] = None
        return outcome

    def agrees(self, put: Sequence[Site], *, short: bool = False) -> bool:
        """Returns whether nothing spreads once these are put back into a run resumed anew.

        Args:
            put: what is put back.
            short: whether the run is followed only to where it spread with nothing put back.
        """
        key, until = _key(put), self._early if short else None
        if key in self._outcomes:
            return self._outcomes[key] is not None
        if any(key <= spread for spread in self._spread):
            return False
        if until is not None and key in self._agree_early:
            return True
        self.count += 1
        self.tell(self.count, MOST_RUNS)
        outcome = self.resume_with(put, until)
        if until is not None and outcome is not None:
            self._agree_early.add(key)
        else:  # what spreads early spreads
            self._outcomes[key] = outcome
        if outcome is None:
            self._spread.append(key)
        return outcome is not None

    def outcome(self, put: Iterable[Site]) -> Outcome | None:
        """Returns what became of the others, once these were tried; None where something spread."""
        return self._outcomes.get(_key(put))

    @cached_property
    def _early(self) -> int | None:
        """The boundary at which the resumed run has spread with nothing put back.

        None where it is not known, or so far away that short runs would not be short.
        """
        first = self.seen.step if self.seen else None
        later = [step for step in self.trial.session.boundaries if step >= (first or 0)]
        if first is None or not later:
            return None
        steps = self.trial.scenario.length - self.step
        return min(later) if _SHORT * (min(later) - self.step) <= steps else None

    def resume_with(self, put: Sequence[Site], until: int | None) -> Outcome | None:
        """Resumes a run anew with these put back; None where something spread, on any rank."""
        self.before_run(until)
        with preserved_streams():
            try:
                live = self._load()
                return self._follow(live, self._put_back(live, put), until)
            except (Stop, StepFailed):
                return None
            except HarnessError:
                raise
            except Exception:  # a run that raises does not agree
                return None

    def _load(self) -> Any:
        """Reads the checkpoint that the resumed run of the trial was loaded from."""
        path = self.trial.saving[0].path
        if self.cycle:
            _ = self.trial.resumed  # which has written it
            path = self.trial.session.folder / f"{self.cycle}.zip"
        return self.trial.expected.load(path, self.cycle)

    @cached_property
    def _known(self) -> Key:
        """Where anything differed right after the load."""
        return frozenset(m.keypath for site in self.candidates for m in site.mismatches)

    def _put_back(self, live: Any, put: Sequence[Site]) -> tuple[Mismatch, ...]:
        """Puts these back, and what only then can be seen: one repaired alias uncovers the next.

        Returns:
            What is still wrong, as right after a load that had lost only these.
        """
        target = self.trial.session.graph(live)
        self._put(Transplant(self.donor, target), put)
        for _ in range(_MAX_ROUNDS):
            target = self.trial.session.graph(live)
            differs = self.trial.control.differences(self.donor.snapshot, target.snapshot)
            uncovered = [m for m in differs if m.keypath not in self._known]
            if not uncovered:
                break
            self._put(Transplant(self.donor, target), sites(uncovered, self.donor, target))
        self._verify(differs, put)
        return self.reference.lost(target.snapshot)

    def _put(self, transplant: Transplant, put: Iterable[Site]) -> None:
        self.unreachable |= transplant.put_all(put)

    def _verify(self, differs: Sequence[Mismatch], put: Iterable[Site]) -> None:
        """Notes what was put back and is not there."""
        still = {(m.keypath, m.kind) for m in differs}
        for site in put:
            if any((m.keypath, m.kind) in still for m in site.mismatches):
                self.unreachable.setdefault(site.keypath, "was put back, and is not there")

    def _follow(self, live: Any, left: tuple[Mismatch, ...], until: int | None) -> Outcome:
        """Trains to a step or the end, or to the first boundary at which something spreads.

        Args:
            live: the run.
            left: what is wrong now.
            until: the boundary to end at; None for the end.

        Raises:
            Stop: something does.
        """
        session = self.trial.session
        watch = Watch(self.reference, left)

        def look(step: int) -> Callable[[Any], None]:
            def act(live: Any) -> None:
                if not all(ranks.of_all(watch.look(step, session.capture(live)))):
                    self.remaining = watch.spreading
                    raise Stop
                if step == until:
                    raise _Enough

            return act

        length = self.trial.scenario.length
        visits = {step: look(step) for step in session.boundaries if step > self.step}
        with suppress(_Enough):
            for end in (*self._later_calls, length):
                self.trial.subject.train(live, until=end, visits=visits)
            look(length + 1)(live)
        return watch.outcome

    @property
    def _later_calls(self) -> tuple[int, ...]:
        """Where later calls of `train` end, as they do in the reference."""
        if not self.trial.session.between_calls:
            return ()
        return self.trial.scenario.save_points[self.cycle + 1 :]


def _key(put: Iterable[Site]) -> Key:
    return frozenset(site.keypath for site in put)
