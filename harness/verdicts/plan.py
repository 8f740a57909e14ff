"""Which checks are run in which scenarios, where nobody says."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from ..checks import CHECKS
from ..core.scenario import Scenario
from ..subjects.protocol import Subject
from ..trial.defaults import own_scenarios
from .verdict import Record, Verdict

FOLLOW_UP = "where more shows"
"""Save point of a scenario that was chosen by what the ones before it have not shown."""
_MOST_FOLLOW_UPS = 4


def plan(
    subject: Subject, checks: Sequence[str], length: int | None = None, seed: int = 0
) -> tuple[tuple[Scenario, tuple[str, ...]], ...]:
    """Returns the scenarios of a subject, each with the checks to run in it.

    All run in the first; in the second those whose answer depends on the scenario.
    """
    late, early = own_scenarios(subject, length, seed)
    again = per_scenario(checks)
    return ((late, tuple(checks)), *([(early, again)] if again else []))


def follow_ups(records: Sequence[Record]) -> tuple[Scenario, ...]:
    """Returns scenarios that show what these have not: what was untested in all, or has healed.

    Args:
        records: of the scenarios of one subject that were run so far.
    """
    if any(record.verdict is not Verdict.EXACT for record in records):
        return ()
    by_step = {step: record.scenario for record in records for step in record.better_save_at}
    made = (
        dataclasses.replace(
            scenario, save_at=step, save_point=FOLLOW_UP, cycles=1, gap=0, into="fresh"
        )
        for step, scenario in by_step.items()
    )
    return tuple(itertools.islice(made, _MOST_FOLLOW_UPS))


def per_scenario(names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Returns those checks whose answer depends on the scenario; of all checks if None."""
    listed = CHECKS if names is None else names
    return tuple(name for name in listed if CHECKS[name].per_scenario)
