"""Whether a scenario, or all that was run, could show a loss at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from ..checks import RESUMED, aspect_of
from ..core.errors import HarnessError, UnusedExclusion, VacuousScenario
from ..core.expected import NoLongerLost
from ..core.keypath import covers
from ..core.scenario import Scenario
from ..subjects.capabilities import capabilities_of
from ..subjects.protocol import Subject
from ..trial.trial import Trial
from .verdict import Record, Verdict

_NEAR = 3


def require_meaningful(subject: Subject, records: Sequence[Record], checks: Sequence[str]) -> None:
    """Requires that something moved, and that all that was said of the subject was of use.

    Args:
        subject: what was run; what its framework excludes for all it runs is not asked about.
        records: of all its scenarios. Where it raised, nothing more is asked.
        checks: the names of those that were run.

    Raises:
        VacuousScenario: no scenario moved anything, so that no loss could have shown.
        UnusedExclusion: lists those that covered nothing, and the KeyPaths nearest to them.
        NoLongerLost: lists the expected losses that no load lost.
    """
    if not records or any(record.verdict is Verdict.ERROR for record in records):
        return
    if RESUMED in map(aspect_of, checks) and all(record.vacuous for record in records):
        raise VacuousScenario(subject.name, [repr(record.scenario) for record in records])
    used = {pattern for record in records for pattern in record.used}
    open_ = {e.pattern for e in capabilities_of(subject).own_exclusions} - used
    if open_:
        _look_for(open_, subject, records[0].scenario)
    _require_lost(subject, records)


def moves(subject: Subject, scenario: Scenario) -> bool:
    """Whether the states as built, as saved and at the end all differ."""
    return all(Trial(subject, scenario).movement.counts)


def _require_lost(subject: Subject, records: Sequence[Record]) -> None:
    """Requires that every expected loss was lost in a load; not every check loads."""
    reasons = {e.pattern: e.reason for e in capabilities_of(subject).expected_losses}
    reasons |= {e.pattern: e.reason for record in records for e in record.expected}
    lost = {e.pattern for record in records for e in record.expected if e.leaves}
    if not reasons.keys() - lost:
        return
    trial = Trial(subject, records[0].scenario)
    _keypaths_of_loads(trial)
    lost |= {e.pattern for e in trial.expected.outcome if e.leaves}
    if stale := [pattern for pattern in reasons if pattern not in lost]:
        left = {pattern: why for pattern, why in reasons.items() if pattern in lost}
        known = set(_keypaths(trial))
        there = [p for p in stale if any(covers(p, keypath) for keypath in known)]
        raise NoLongerLost(subject.name, stale, left, there)


def _look_for(patterns: set[str], subject: Subject, scenario: Scenario) -> None:
    """Raises for what covers nothing in a whole run; not every check looks at all of it."""
    trial = Trial(subject, scenario)
    known = set(_keypaths(trial))
    unused = sorted(patterns - trial.session.used)
    if unused:
        near = {p: get_close_matches(p, sorted(known), _NEAR, 0.5) for p in unused}
        raise UnusedExclusion(unused, near)


def _keypaths(trial: Trial) -> Iterator[str]:
    course = trial.uninterrupted
    for snapshot in (course.fresh, *course.at.values()):
        yield from map(str, snapshot)
    yield from _keypaths_of_loads(trial)


def _keypaths_of_loads(trial: Trial) -> list[str]:
    try:
        return [str(keypath) for load in trial.resumed.loads for keypath in load.loaded]
    except HarnessError:
        raise
    except Exception:  # a load that raises is told by the checks that load
        return []
