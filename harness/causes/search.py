"""From "differs" to the cause: which of the lost leaves explain that the future differs.

What was lost is put back into the resumed run, all of it first, then as little as possible: owner
by owner, then leaf by leaf. The smallest set without which something spreads is causal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from itertools import islice
from typing import Any, TypeVar, final

from ..core.errors import HarnessError, StepFailed
from ..core.keypath import HISTORY, KeyPath
from ..core.pace import Deadline
from ..core.randomness import preserved_streams
from ..state.mismatch import Mismatch
from ..transplant.patch import Transplant
from ..transplant.sites import Graph, Site, sites
from ..trial.reference import Outcome, Watch
from ..trial.session import Stop
from ..trial.trial import Trial
from .attribution import Attribution
from .stored import located

_MAX_ROUNDS = 5
_MAX_EVALUATIONS = 256
T = TypeVar("T")


def attribute(
    trial: Trial,
    cycle: int = 0,
    *,
    deadline: Deadline | None = None,
    tell: Callable[[int, int], None] = lambda evaluation, at_most: None,
) -> Attribution:
    """Names the smallest set of leaves whose loss explains that the resumed run differs.

    Each trial of a set is a load, poisoned as every load, and a run up to the first difference.

    Args:
        trial: what was run.
        cycle: after which of its loads the future differs; 0 is the first.
        deadline: after which no more sets are tried: what is left stays among the causes, and
            `minimal` is False.
        tell: gets the number of every run that is resumed, and how many there are at most.

    Raises:
        HarnessError: the live state could not be captured.
    """
    search = _Search(trial, cycle, deadline or Deadline(), tell)
    return located(trial, cycle, search.run(time.perf_counter()))


@final
class _Search:
    """One search: a donor that is the saved run, and as many resumed runs as it takes."""

    def __init__(
        self, trial: Trial, cycle: int, deadline: Deadline, tell: Callable[[int, int], None]
    ) -> None:
        self.trial = trial
        self.deadline = deadline
        self.tell = tell
        self.cycle = cycle
        self.step = trial.scenario.save_points[cycle]
        self.reference = trial.control.reference(cycle)
        self.evaluations = 0
        self.cut_short = False
        self.unreachable: dict[KeyPath, str] = {}
        self.remaining: tuple[Mismatch, ...] = ()
        self.outcomes: dict[frozenset[KeyPath], Outcome | None] = {}

    def run(self, start: float) -> Attribution:
        with preserved_streams():
            candidates = self.candidates
            complete = self.agrees(candidates)
            remaining = () if complete else self.remaining
            causal = self.smallest(candidates) if complete else []
            outcome = self.outcomes[_key(causal)] if complete else None
        others = [site for site in candidates if site not in causal]
        return Attribution(
            load=self.cycle + 1,
            causes=tuple(site.leaf for site in causal),
            contained=_listed(others, outcome.contained if outcome else ()),
            healed=_listed(others, outcome.healed if outcome else ()),
            inert=_rest(others, outcome) if outcome else (),
            candidates=tuple(site.leaf for site in candidates),
            unreachable=tuple(
                (str(path), why)
                for path, why in self.unreachable.items()
                if path.segments[-1] != HISTORY
            ),
            complete=complete,
            remaining=remaining,
            minimal=not self.cut_short,
            evaluations=self.evaluations,
            seconds=time.perf_counter() - start,
        )

    def smallest(self, candidates: list[Site]) -> list[Site]:
        """Returns a part that suffices and none of which can be left out: by owner, then leaf."""
        groups: dict[KeyPath, list[Site]] = {}
        for site in candidates:
            groups.setdefault(KeyPath(*site.keypath.segments[:2]), []).append(site)
        owners = self.needed(list(groups.values()), lambda put: self.agrees(_flat(put)))
        causal: list[Site] = []
        for number, owner in enumerate(owners):
            others = [*causal, *_flat(owners[number + 1 :])]
            causal += self.needed(owner, partial(self.agrees_with, others), known=True)
        return causal

    def agrees_with(self, others: Sequence[Site], put: Sequence[Site]) -> bool:
        """Returns whether nothing spreads once both are put back."""
        return self.agrees([*others, *put])

    def needed(
        self, items: Sequence[T], agrees: Callable[[list[T]], bool], known: bool = False
    ) -> list[T]:
        """Returns a part of the items that suffices, and none of which can be left out.

        Each item costs about one run: past a number of runs what is left stays as it is.

        Args:
            items: what suffices as a whole.
            agrees: whether a part suffices.
            known: whether it is known already that nothing of it does not.

        Source: Junker, QuickXplain (AAAI 2004), a divide and conquer form of delta debugging.
        """
        if self.evaluations >= _MAX_EVALUATIONS or self.deadline.is_over:
            self.cut_short = True
            return list(items)
        if not known and agrees([]):
            return []
        if len(items) == 1:
            return list(items)
        half = len(items) // 2
        low, high = list(items[:half]), list(items[half:])
        right = self.needed(high, lambda put: agrees([*low, *put]))
        left = self.needed(low, lambda put: agrees([*put, *right]), known=known and not right)
        return [*left, *right]

    @cached_property
    def donor(self) -> Graph:
        """The run as it was saved."""
        return self.trial.expected.donor(self.cycle)

    @cached_property
    def candidates(self) -> list[Site]:
        """What differs right after a load, and where it can be put back; by owner."""
        target = self.trial.session.graph(self.load())
        lost = self.reference.lost(target.snapshot)
        known = {mismatch.keypath for mismatch in lost}
        worded = self.trial.compare(self.donor.snapshot, target.snapshot).mismatches
        listed = sites([m for m in worded if m.keypath in known], self.donor, target)
        return sorted(listed, key=lambda site: str(KeyPath(*site.keypath.segments[:2])))

    @cached_property
    def known(self) -> frozenset[KeyPath]:
        """Where anything differed right after the load."""
        return frozenset(m.keypath for site in self.candidates for m in site.mismatches)

    def load(self) -> Any:
        return next(islice(self.trial.loading(), self.cycle, None))[0]

    def agrees(self, put: Sequence[Site]) -> bool:
        """Returns whether nothing spreads once these are put back into a run resumed anew."""
        key = _key(put)
        if key not in self.outcomes:
            self.evaluations += 1
            self.tell(self.evaluations, _MAX_EVALUATIONS)
            self.outcomes[key] = self.outcome(put)
        return self.outcomes[key] is not None

    def outcome(self, put: Sequence[Site]) -> Outcome | None:
        """Returns what became of the others; None where something spread, or the run raised."""
        with preserved_streams():
            try:
                live = self.load()
                return self.follow(live, self.transplant(live, put))
            except (Stop, StepFailed):
                return None
            except HarnessError:
                raise
            except Exception:  # a run that raises does not agree
                return None

    def transplant(self, live: Any, put: Sequence[Site]) -> tuple[Mismatch, ...]:
        """Puts these back, and what only then can be seen: one repaired alias uncovers the next.

        Returns:
            What is still wrong, as right after a load that had lost only these.
        """
        target = self.trial.session.graph(live)
        self.put(Transplant(self.donor, target), put)
        for _ in range(_MAX_ROUNDS):
            target = self.trial.session.graph(live)
            differs = self.trial.compare(self.donor.snapshot, target.snapshot).mismatches
            uncovered = [m for m in differs if m.keypath not in self.known]
            if not uncovered:
                break
            self.put(Transplant(self.donor, target), sites(uncovered, self.donor, target))
        self.verify(differs, put)
        return self.reference.lost(target.snapshot)

    def verify(self, differs: Sequence[Mismatch], put: Iterable[Site]) -> None:
        """Notes what was put back and is not there."""
        still = {(m.keypath, m.kind) for m in differs}
        for site in put:
            if any((m.keypath, m.kind) in still for m in site.mismatches):
                self.unreachable.setdefault(site.keypath, "was put back, and is not there")

    def put(self, transplant: Transplant, put: Iterable[Site]) -> None:
        self.unreachable |= transplant.put_all(put)

    def follow(self, live: Any, left: tuple[Mismatch, ...]) -> Outcome:
        """Trains to the end, or to the first boundary at which something spreads.

        Args:
            live: the run.
            left: what is wrong now.

        Raises:
            Stop: something does.
        """
        session = self.trial.session
        watch = Watch(self.reference, left)

        def look(step: int) -> Callable[[Any], None]:
            def act(live: Any) -> None:
                if not watch.look(step, session.capture(live)):
                    self.remaining = watch.spreading
                    raise Stop

            return act

        length = self.trial.scenario.length
        visits = {step: look(step) for step in session.boundaries if step > self.step}
        for until in (*self.later_calls, length):
            self.trial.subject.train(live, until=until, visits=visits)
        look(length + 1)(live)
        return watch.outcome

    @property
    def later_calls(self) -> tuple[int, ...]:
        """Where later calls of `train` end, as they do in the reference."""
        if not self.trial.session.between_calls:
            return ()
        return self.trial.scenario.save_points[self.cycle + 1 :]


def _key(put: Iterable[Site]) -> frozenset[KeyPath]:
    return frozenset(site.keypath for site in put)


def _flat(groups: Iterable[Sequence[Site]]) -> list[Site]:
    return [site for group in groups for site in group]


def _listed(others: Iterable[Site], tops: Iterable[KeyPath]) -> tuple[Mismatch, ...]:
    chosen = frozenset(tops)
    return tuple(s.leaf for s in others if any(m.keypath in chosen for m in s.mismatches))


def _rest(others: Sequence[Site], outcome: Outcome) -> tuple[Mismatch, ...]:
    told = {*_listed(others, outcome.contained), *_listed(others, outcome.healed)}
    return tuple(site.leaf for site in others if site.leaf not in told)
