"""From "differs" to the cause: which of the lost leaves explain that the future differs.

What was lost is put back into the resumed run, all of it first. Then it is left out again, as long
as nothing spreads: what no later boundary of the resumed run has shown, all at once; then owner by
owner; then, within what owners are left, leaf by leaf. What stays is causal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import final

from ..core.keypath import HISTORY, KeyPath
from ..core.pace import Deadline
from ..core.randomness import preserved_streams
from ..state.mismatch import Mismatch
from ..transplant.sites import Site
from ..trial.reference import Outcome
from ..trial.trial import Trial
from .attribution import Attribution, owner_of
from .in_step import search_in_turn
from .resuming import MOST_RUNS, Resuming
from .stored import located

_MOST_FOR_LEAVES = 40
_ENOUGH = 12  # leaves that are known to be needed: nobody reads more of them
_FEW = 4  # leaves, for which short runs do not pay


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
        deadline: after which no more sets are tried: what is left stays among the causes, and is
            listed as not tried. With a limit of time, leaves are tried as long as it lasts;
            without one, in a limited number of runs, so that the answer is the same everywhere.
        tell: gets the number of every run that is resumed, and how many there are at most.

    Raises:
        HarnessError: the live state could not be captured.
    """
    start = time.perf_counter()
    resuming = Resuming(trial, cycle, tell)
    search = _Search(resuming, deadline or Deadline())
    found = search_in_turn(resuming, lambda: search.run(start))
    return located(trial, cycle, found)


@final
class _Search:
    """One search: what is put back, made smaller and smaller."""

    def __init__(self, resuming: Resuming, deadline: Deadline) -> None:
        self.resuming = resuming
        self.deadline = deadline
        self.most, self.enough = MOST_RUNS, MOST_RUNS
        self.proven = 0
        self.likely: list[list[Site]] = []
        self.untried: list[Site] = []
        self.untried_owners: list[list[Site]] = []

    def run(self, start: float) -> Attribution:
        with preserved_streams():
            candidates = self.resuming.candidates
            complete = self.resuming.agrees(candidates)
            remaining = () if complete else self.resuming.remaining
            causal = self.smallest(candidates) if complete else []
            outcome = self.resuming.outcome(causal) if complete else None
        others = [site for site in candidates if site not in causal]
        return Attribution(
            load=self.resuming.cycle + 1,
            causes=tuple(site.leaf for site in causal),
            contained=_listed(others, outcome.contained if outcome else ()),
            healed=_listed(others, outcome.healed if outcome else ()),
            inert=_rest(others, outcome) if outcome else (),
            candidates=tuple(site.leaf for site in candidates),
            unreachable=tuple(
                (str(path), why)
                for path, why in self.resuming.unreachable.items()
                if path.segments[-1] != HISTORY
            ),
            complete=complete,
            remaining=remaining,
            minimal=not (self.untried or self.untried_owners),
            untried=tuple(str(site.leaf.keypath) for site in self.untried),
            untried_owners=tuple(owner_of(sites[0].leaf) for sites in self.untried_owners),
            evaluations=self.resuming.count,
            seconds=time.perf_counter() - start,
        )

    def smallest(self, candidates: list[Site]) -> list[Site]:
        """Returns a part that suffices and none of which can be left out: by owner, then leaf."""
        self.find_likely(candidates)
        if self.resuming.agrees([]):
            return []
        groups: dict[KeyPath, list[Site]] = {}
        for site in self.without_unlikely(candidates):
            groups.setdefault(KeyPath(*site.keypath.segments[:2]), []).append(site)
        owners, self.untried_owners = self.needed(list(groups.values()))
        self.proven = 0
        if self.deadline.seconds is None:
            self.enough = _ENOUGH
            self.most = min(self.resuming.count + _MOST_FOR_LEAVES, MOST_RUNS)
        causal: list[Site] = []
        for number, owner in enumerate(owners):
            others = [*causal, *_flat(owners[number + 1 :])]
            causal += self.needed_leaves(owner, others)
        return [site for site in candidates if site in causal]

    def needed_leaves(self, owner: list[Site], others: list[Site]) -> list[Site]:
        """Returns those leaves of an owner that are needed beside the others.

        They are looked for in short runs first, to where nothing put back has shown: what is
        needed there is needed, and what is left of it is tried in a run to the end.
        """
        leaves = [[site] for site in owner]
        early, untried = self.needed(leaves, others, short=len(leaves) > _FEW)
        if self.resuming.agrees([*others, *_flat(early)]):
            self.untried += _flat(untried)
            return _flat(early)
        rest = [leaf for leaf in leaves if leaf not in early]
        late, untried = self.needed(rest, [*others, *_flat(early)])
        self.untried += _flat(untried)
        return self.still_needed(_flat(early), [*others, *_flat(late)]) + _flat(late)

    def still_needed(self, leaves: list[Site], others: list[Site]) -> list[Site]:
        """Returns the leaves without those that can be left out alone beside the others."""
        kept = list(leaves)
        for leaf in leaves:
            left = [site for site in kept if site is not leaf]
            if self.is_over:
                self.untried.append(leaf)
            elif all(self.resuming.agrees([*others, *left], short=s) for s in (True, False)):
                kept = left
        return kept

    def find_likely(self, candidates: list[Site]) -> None:
        """Finds what the resumed run has shown to be wrong, without and with what nothing moves."""
        seen = self.resuming.seen
        for paths in (seen.moving, seen.wrong) if seen else ():
            above = {KeyPath(*at.segments[:end]) for at in paths for end in _ends(at)}
            self.likely.append([site for site in candidates if _shows(site, paths, above)])

    def without_unlikely(self, candidates: list[Site]) -> list[Site]:
        """Returns them without what is not likely, where the others suffice."""
        for likely in self.likely:
            if not self.is_over and self.resuming.agrees(likely):
                return likely
        return candidates

    @property
    def is_over(self) -> bool:
        """Whether no more sets are tried."""
        spent = self.resuming.count >= self.most or self.proven >= self.enough
        return spent or self.deadline.is_over

    def needed(
        self, groups: list[list[Site]], others: Sequence[Site] = (), *, short: bool = False
    ) -> tuple[list[list[Site]], list[list[Site]]]:
        """Returns the groups that are needed, and those of them that were not left out alone.

        What is not likely is left out first, all of it, then the last of the others: twice as many
        at once where the last attempt held, half as many where it did not. What is needed alone
        stays. Where time is over, what is left stays, and was not tried.

        Args:
            groups: what suffices as a whole, together with the others; the others alone do not.
            others: what is put back anyway.
            short: whether the runs are short.
        """
        unlikely = [group for group in groups if self.likely and not self.is_likely(group)]
        left = [*(group for group in groups if group not in unlikely), *unlikely]
        kept: list[list[Site]] = []
        size = max(len(unlikely), 1)
        while left and (kept or len(left) > 1):
            if self.is_over:
                return [*left, *kept], left
            size = min(size, len(left) if kept else len(left) - 1)
            put = [*others, *_flat(left[:-size]), *_flat(kept)]
            if self.resuming.agrees(put, short=short):
                del left[-size:]
                size *= 2
            elif size == 1:
                kept.append(left.pop())
                self.proven += 1
            else:
                size //= 2
        return [*left, *kept], []

    def is_likely(self, group: Iterable[Site]) -> bool:
        """Whether the resumed run has shown any of it to be wrong."""
        return any(site in self.likely[0] for site in group)


def _shows(site: Site, paths: Collection[KeyPath], above: Collection[KeyPath]) -> bool:
    """Whether anything at, below or above a site is among what has differed."""
    if site.keypath in above:
        return True
    places = (mismatch.keypath for mismatch in site.mismatches)
    return any(KeyPath(*at.segments[:end]) in paths for at in places for end in _ends(at))


def _ends(keypath: KeyPath) -> range:
    return range(1, len(keypath.segments) + 1)


def _flat(groups: Iterable[Sequence[Site]]) -> list[Site]:
    return [site for group in groups for site in group]


def _listed(others: Iterable[Site], tops: Iterable[KeyPath]) -> tuple[Mismatch, ...]:
    chosen = frozenset(tops)
    return tuple(s.leaf for s in others if any(m.keypath in chosen for m in s.mismatches))


def _rest(others: Sequence[Site], outcome: Outcome) -> tuple[Mismatch, ...]:
    told = {*_listed(others, outcome.contained), *_listed(others, outcome.healed)}
    return tuple(site.leaf for site in others if site.leaf not in told)
