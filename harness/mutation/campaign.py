"""Which mutants which checks kill: every mutant of one subject in one scenario, tried.

A mutant is killed by a check that shows, beside what the unmutated load already shows, at least
one more difference, or raises. Everything else is a survivor, and a survivor is a finding.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import final

from ..checks import CHECKS, Aspect, aspect_of, require_checks
from ..core.errors import InvalidScenario, InvalidSubject, InvalidTarget, NotApplicable
from ..core.exclusions import Exclusion
from ..core.expected import ExpectedLoss
from ..core.keypath import KeyPath, covers
from ..core.randomness import preserved_streams
from ..core.scenario import Scenario
from ..state.mismatch import Mismatch, MismatchKind
from ..subjects.capabilities import capabilities_of
from ..subjects.protocol import Subject
from ..transplant.sites import Graph
from ..transplant.write import Unreachable
from ..trial.runs import Shared
from ..trial.trial import Trial
from .enumerate_mutants import mutants_of
from .mutant import (
    CONTAINED,
    EXCLUDED,
    HEALED,
    KILLED,
    LOST_ANYWAY,
    NEVER_READ,
    SURVIVED,
    UNASKED,
    UNCHANGED,
    UNREACHABLE,
    KillMatrix,
    Mutant,
    Outcome,
)
from .mutated import Mutated
from .operator import NoMutation
from .operators import OPERATORS


def mutate(
    subject: Subject, scenario: Scenario, checks: Sequence[str] = ("roundtrip",), *, stride: int = 1
) -> KillMatrix:
    """Breaks one thing after another in what is loaded, and asks the checks each time.

    Args:
        subject: what is loaded; if not `strict`, only what its checkpoint brings back is broken.
        scenario: what to run; saved after training has moved something.
        checks: names of `checks.CHECKS`.
        stride: every how many of the mutants of an operator is tried.

    Raises:
        HarnessError: a check does not exist.
    """
    require_checks(checks)
    # where nobody looks at the future, it is not run
    if not any(Aspect.FUTURE in aspect_of(name) for name in checks):
        scenario = dataclasses.replace(scenario, length=scenario.save_at)
    campaign = Campaign(subject, scenario, checks)
    outcomes: list[Outcome] = []
    for mutant in every(stride, campaign.mutants()):
        outcomes += campaign.outcomes(mutant)
    lost = tuple(str(mismatch.keypath) for mismatch in campaign.lost)
    return KillMatrix(subject=subject.name, outcomes=tuple(outcomes), lost=lost)


def every(stride: int, mutants: Iterable[Mutant]) -> Iterator[Mutant]:
    """Yields the first mutant of each operator, and every stride-th after it."""
    seen: Counter[str] = Counter()
    for mutant in mutants:
        seen[mutant.operator] += 1
        if (seen[mutant.operator] - 1) % stride == 0:
            yield mutant


@final
class Campaign:
    """All mutants of one subject in one scenario: what they share is run once."""

    def __init__(self, subject: Subject, scenario: Scenario, checks: Sequence[str]) -> None:
        self.subject = subject
        self.scenario = scenario
        self.checks = checks
        self.shared = Shared([scenario])
        self.donors: dict[str, Graph] = {}
        self.lost: tuple[Mismatch, ...] = ()
        self.known: dict[str, set[str]] = {}
        self.expected: tuple[ExpectedLoss, ...] = ()

    def trial(self, mutant: Mutant | None) -> Trial:
        """Returns a trial whose loads break this one thing."""
        return Trial(Mutated(self.subject, mutant, self.donors), self.scenario, self.shared)

    def mutants(self) -> list[Mutant]:
        """Returns all that are to be tried; first looks at what the load as it is already shows."""
        trial = self.trial(None)
        if not capabilities_of(self.subject).strict:
            self.lost = _differences("roundtrip", self.trial(None))
        for check in self.checks:
            try:
                self.known[check] = set(map(str, _differences(check, trial)))
            except NotApplicable:
                continue
        with preserved_streams():
            self.donors = self._donors(trial)
            mutated: Mutated = trial.subject  # type: ignore[assignment]
            loaded = trial.expected.load(trial.saving[0].path)
            self.expected = (*trial.expected.declared, *trial.expected.of_stock)
            return list(mutants_of(mutated.graph(loaded), self.donors))

    def _donors(self, trial: Trial) -> dict[str, Graph]:
        mutated: Mutated = trial.subject  # type: ignore[assignment]
        session = trial.session
        donors = {"fresh": mutated.graph(session.build())}
        if earlier := max((b for b in session.boundaries if b < self.scenario.save_at), default=0):
            live = session.build()
            session.advance(live, 0, earlier)
            donors["stale"] = mutated.graph(live)
        return donors

    def outcomes(self, mutant: Mutant) -> list[Outcome]:
        """Returns what every check that can see such a mutant made of it."""
        if outcome := self.no_mutant(mutant):
            return [outcome]
        trial = self.trial(mutant)
        # what lies in shared memory has the right value until one of the two trains on
        of_memory = OPERATORS[mutant.operator].of_memory
        names = [c for c in self.known if (Aspect.SHARED in aspect_of(c)) == of_memory]
        if not names:
            reason = f"none of {', '.join(self.checks)} is about {mutant.operator}"
            return [Outcome(mutant=mutant, check="", result=UNASKED, reason=reason)]
        outcomes = []
        for check in names:
            outcome = self.outcome(trial, mutant, check)
            outcomes.append(outcome)
            if outcome.result in (UNCHANGED, UNREACHABLE):
                break
        return outcomes

    def no_mutant(self, mutant: Mutant) -> Outcome | None:
        """Returns why there is nothing to lose: it is lost anyway, or left out with a reason."""
        if any(_lost(place, lost) for place in mutant.places for lost in self.lost):
            return Outcome(mutant=mutant, check="", result=LOST_ANYWAY, reason="lost unmutated")
        left_out: list[Exclusion | ExpectedLoss] = [*self.subject.exclusions, *self.expected]
        cover = next((e for e in left_out if covers(e.pattern, str(mutant.keypath))), None)
        if cover is None:
            return None
        return Outcome(mutant=mutant, check="", result=EXCLUDED, reason=cover.reason)

    def outcome(self, trial: Trial, mutant: Mutant, check: str) -> Outcome:
        """Returns what one check made of it."""
        try:
            shown = _differences(check, trial)
        except NoMutation as why:
            return Outcome(mutant=mutant, check="", result=UNCHANGED, reason=str(why))
        except Unreachable as why:
            return Outcome(mutant=mutant, check="", result=UNREACHABLE, reason=str(why))
        except (InvalidSubject, InvalidScenario, InvalidTarget):
            raise  # no answer of the check: nothing was looked at
        except Exception as error:  # a loud failure, in whatever words
            reason = f"{type(error).__name__}: {error}"
            return Outcome(mutant=mutant, check=check, result=KILLED, reason=reason)
        new = [m for m in shown if str(m) not in self.known[check]]
        if not new and len(shown) < len(self.known[check]):
            reason = "it puts back what the load itself has lost"
            return Outcome(mutant=mutant, check="", result=UNCHANGED, reason=reason)
        if not new:
            reason = _silence(check, trial, mutant)
            return Outcome(mutant=mutant, check=check, result=SURVIVED, reason=reason)
        named = any(_related(at, place) for m in new for at in _ends(m) for place in mutant.places)
        return Outcome(mutant=mutant, check=check, result=KILLED, named=named)


def _differences(check: str, trial: Trial) -> tuple[Mismatch, ...]:
    """Returns all that a check sees, also what a library does by itself: that is known before."""
    found = CHECKS[check].run(trial)
    return found.diff.mismatches if found else ()


def _silence(check: str, trial: Trial, mutant: Mutant) -> str:
    """Returns why a check saw nothing: of the future, what became of what was broken."""
    if Aspect.FUTURE not in aspect_of(check):
        return CHECKS[check].silence
    _, outcome = trial.control.aftermath
    for fate, paths in ((CONTAINED, outcome.contained), (HEALED, outcome.healed)):
        if any(_related(path, place) for path in paths for place in mutant.places):
            return fate
    return NEVER_READ


def _ends(mismatch: Mismatch) -> Iterator[KeyPath]:
    """Yields both names of what is shared or no longer is; below the roots of a pair of runs."""
    for keypath in (mismatch.keypath, mismatch.other):
        if keypath is None:
            continue
        side, *rest = keypath.segments
        if side in ("saved", "loaded") and rest and isinstance(rest[0], tuple):
            keypath = KeyPath(rest[0][0], *rest[1:])
        yield keypath


def _lost(place: KeyPath, lost: Mismatch) -> bool:
    """Returns whether a leaf does not come back anyway: itself, or with all that it lies in."""
    whole = lost.kind in (MismatchKind.MISSING, MismatchKind.UNEXPECTED, MismatchKind.TYPE)
    return place.startswith(lost.keypath) if whole else place == lost.keypath


def _related(one: KeyPath, other: KeyPath) -> bool:
    return one.startswith(other) or other.startswith(one)
