"""From "differs" to the cause: which of the differing leaves explain that the future differs.

What a checkpoint lost is put back into the resumed run, all of it first, then as little as
possible: the smallest set that makes the future agree is causal, the rest is inert.

A future disagrees where a leaf differs from the uninterrupted run that was right after the load,
or that was wrong, was left so, and moves in the uninterrupted run: a loss that reaches nothing
else, of a leaf that nothing moves, changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, final

from ..core.errors import HarnessError, StepFailed
from ..core.keypath import KeyPath
from ..core.randomness import preserved_streams
from ..state.mismatch import Mismatch, MismatchKind
from ..trial.runs import Course
from ..trial.session import Stop
from ..trial.trial import Trial
from .attribution import Attribution
from .patch import Graph, Site, Transplant, Unreachable, graph_of, sites

_MAX_ROUNDS = 5
_MAX_EVALUATIONS = 256
# kinds that are about all that lies below, too
_WHOLE = (MismatchKind.MISSING, MismatchKind.UNEXPECTED, MismatchKind.TYPE)


def attribute(trial: Trial) -> Attribution:
    """Names the smallest set of leaves whose loss explains that the resumed run differs.

    Each trial of a set is a load, poisoned as every load, and a run up to the first difference.

    Raises:
        HarnessError: the live state could not be captured.
    """
    start = time.perf_counter()
    for cycle in range(len(trial.resumed.loads)):
        search = _Search(trial, cycle)
        found = search.run(start)
        if found.causes or not found.complete or harmless(trial):
            break
    return found


def harmless(trial: Trial) -> bool:
    """Whether what the loads of all cycles lost changed nothing in the resumed run as it went."""
    if trial.resumed.error is not None:
        return False
    search = _Search(trial, 0)
    loads, resumed = trial.resumed.loads, trial.resumed.at
    left = {m.keypath for load in loads for m in trial.compare(load.saved, load.loaded).mismatches}
    return not any(
        search.counts(mismatch, left, search.moving[step])
        for step, at in resumed.items()
        for mismatch in trial.compare(search.reference.at[step], at).mismatches
    )


@final
class _Search:
    """One search: a donor that is the saved run, and as many resumed runs as it takes.

    Args:
        trial: the life.
        cycle: which of its loads is to explain the difference; 0 is the first.
    """

    def __init__(self, trial: Trial, cycle: int) -> None:
        self.trial = trial
        self.cycle = cycle
        self.step = trial.scenario.save_points[cycle]
        self.evaluations = 0
        self.unreachable: dict[KeyPath, str] = {}
        self.remaining: tuple[int, tuple[Mismatch, ...]] = (0, ())

    def run(self, start: float) -> Attribution:
        with preserved_streams():
            candidates = self.candidates
            complete = self.agrees(candidates)
            remaining = () if complete else self.remaining[1]
            causal = self.needed(candidates, lambda put: self.agrees(put)) if complete else []
        inert = [site for site in candidates if site not in causal] if complete else []
        return Attribution(
            load=self.cycle + 1,
            causes=tuple(site.leaf for site in causal),
            inert=tuple(site.leaf for site in inert),
            candidates=tuple(site.leaf for site in candidates),
            unreachable=tuple((str(path), why) for path, why in self.unreachable.items()),
            complete=complete,
            remaining=remaining,
            minimal=self.evaluations < _MAX_EVALUATIONS,
            evaluations=self.evaluations,
            seconds=time.perf_counter() - start,
        )

    @cached_property
    def donor(self) -> Graph:
        """The saved run itself, built and trained to the save point once more."""
        taken: list[Graph] = []
        self.trial.session.visit(
            self.trial.session.build(),
            0,
            self.step,
            lambda live: taken.append(self.graph(live)),
        )
        return taken[0]

    @cached_property
    def candidates(self) -> list[Site]:
        """What differs right after a load, and where it can be put back; by owner."""
        return sorted(self.rounds, key=lambda site: str(KeyPath(*site.keypath.segments[:2])))

    @cached_property
    def rounds(self) -> dict[Site, int]:
        """Every site, and when it is put back: one repaired alias may uncover the next."""
        found: dict[Site, int] = {}
        known: set[KeyPath] = set()
        live = self.load()
        for number in range(_MAX_ROUNDS):
            target = self.graph(live)
            diff = self.trial.compare(self.donor.snapshot, target.snapshot)
            listed = sites(diff.mismatches, self.donor, target)
            fresh = [site for site in listed if site.keypath not in known]
            if not fresh:
                break
            known |= {site.keypath for site in fresh}
            found |= dict.fromkeys(fresh, number)
            self.put(Transplant(self.donor, target), fresh)
        return found

    @cached_property
    def reference(self) -> Course:
        """The run to agree with: uninterrupted, or in two calls where those differ from one."""
        trial = self.trial
        if not trial.session.between_calls:
            return trial.uninterrupted
        split = trial.first_difference(trial.uninterrupted.at, trial.segmented.at)
        return trial.segmented if split else trial.uninterrupted

    @cached_property
    def moving(self) -> dict[int, tuple[Mismatch, ...]]:
        """By boundary, what the reference run has moved since the save point."""
        saved = self.donor.snapshot if self.cycle else self.trial.saving[0].before
        return {
            step: self.trial.compare(saved, at).mismatches for step, at in self.reference.at.items()
        }

    def load(self) -> Any:
        return next(islice(self.trial.loading(), self.cycle, None))[0]

    def graph(self, live: Any) -> Graph:
        return graph_of(self.trial.session.roots(live), tuple(self.trial.subject.exclusions))

    def agrees(self, put: Sequence[Site]) -> bool:
        """Whether the future agrees once these are put back into a run resumed anew."""
        self.evaluations += 1
        with preserved_streams():
            try:
                live = self.load()
                self.transplant(live, put)
                self.follow(live, [site for site in self.candidates if site not in put])
            except (Stop, StepFailed):
                return False
            except HarnessError:
                raise
            except Exception:  # a run that raises does not agree
                return False
        return True

    def transplant(self, live: Any, put: Sequence[Site]) -> None:
        for number in sorted({self.rounds[site] for site in put}):
            now = [site for site in put if self.rounds[site] == number]
            self.put(Transplant(self.donor, self.graph(live)), now)

    def put(self, transplant: Transplant, put: Sequence[Site]) -> None:
        for site in put:
            try:
                transplant.put(site)
            except Unreachable as reason:
                self.unreachable[site.keypath] = str(reason)

    def follow(self, live: Any, left_out: Sequence[Site]) -> None:
        """Trains to the end, or to the first boundary that disagrees.

        Raises:
            Stop: one disagrees.
        """
        left = {m.keypath for site in left_out for m in site.mismatches}
        left |= self.unreachable.keys()

        def look(step: int) -> Callable[[Any], None]:
            def act(live: Any) -> None:
                diff = self.trial.compare(self.reference.at[step], self.trial.session.capture(live))
                moving = self.moving[step]
                counted = [m for m in diff.mismatches if self.counts(m, left, moving)]
                if counted:
                    self.remaining = (step, tuple(counted))
                    raise Stop

            return act

        length = self.trial.scenario.length
        visits = {step: look(step) for step in self.trial.session.boundaries if step > self.step}
        self.trial.subject.train(live, until=length, visits=visits)
        look(length + 1)(live)

    def counts(self, mismatch: Mismatch, left: set[KeyPath], moving: Sequence[Mismatch]) -> bool:
        """Whether a later difference is more than a loss that stays as it was."""
        at = mismatch.keypath
        if not any(at.startswith(path) for path in left):
            return True
        whole = mismatch.kind in _WHOLE
        return any(
            move.keypath == at
            or (whole and move.keypath.startswith(at))
            or (move.kind in _WHOLE and at.startswith(move.keypath))
            for move in moving
        )

    def needed(self, items: Sequence[Site], agrees: Callable[[list[Site]], bool]) -> list[Site]:
        """A part of the items that suffices, and none of which can be left out.

        Each item costs about one run: past a number of runs what is left stays as it is.

        Source: Junker, QuickXplain (AAAI 2004), a divide and conquer form of delta debugging.
        """
        if self.evaluations >= _MAX_EVALUATIONS:
            return list(items)
        if agrees([]):
            return []
        if len(items) == 1:
            return list(items)
        half = len(items) // 2
        low, high = list(items[:half]), list(items[half:])
        right = self.needed(high, lambda put: agrees([*low, *put]))
        left = self.needed(low, lambda put: agrees([*put, *right]))
        return [*left, *right]
