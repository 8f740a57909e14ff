"""Whether a scenario, or all that was run, could show a loss at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from ..checks import RESUMED, aspect_of
from ..core.errors import HarnessError, UnusedExclusion, VacuousScenario
from ..core.scenario import Scenario
from ..subjects.capabilities import capabilities_of
from ..subjects.protocol import Subject
from ..trial.trial import Trial
from .verdict import Record, Verdict

_NEAR = 3


def require_meaningful(subject: Subject, records: Sequence[Record], checks: Sequence[str]) -> None:
    """Requires that something moved, and that each of the subject's own exclusions was of use.

    Args:
        subject: what was run; what its framework excludes for all it runs is not asked about.
        records: of all its scenarios. Where it raised, nothing more is asked.
        checks: the names of those that were run.

    Raises:
        VacuousScenario: no scenario moved anything, so that no loss could have shown.
        UnusedExclusion: lists those that covered nothing, and the KeyPaths nearest to them.
    """
    if not records or any(record.verdict is Verdict.ERROR for record in records):
        return
    if RESUMED in map(aspect_of, checks) and all(record.vacuous for record in records):
        raise VacuousScenario(subject.name, [repr(record.scenario) for record in records])
    used = {pattern for record in records for pattern in record.used}
    open_ = {e.pattern for e in capabilities_of(subject).own_exclusions} - used
    if open_:
        _look_for(open_, subject, records[0].scenario)


def moves(subject: Subject, scenario: Scenario) -> bool:
    """Whether the states as built, as saved and at the end all differ."""
    return all(Trial(subject, scenario).movement.counts)


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
    try:
        for load in trial.resumed.loads:
            yield from map(str, load.loaded)
    except HarnessError:
        raise
    except Exception:  # a load that raises is told by the checks that load
        return
