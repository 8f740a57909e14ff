"""Which checks are run in which scenarios, where nobody says."""

from __future__ import annotations

from collections.abc import Sequence

from ..checks import CHECKS
from ..core.scenario import Scenario
from ..subjects.protocol import Subject
from ..trial.defaults import lives


def plan(
    subject: Subject, checks: Sequence[str], length: int | None = None, seed: int = 0
) -> tuple[tuple[Scenario, tuple[str, ...]], ...]:
    """Returns the scenarios of a subject, each with the checks to run in it.

    All run in the first; in the second those whose answer depends on the scenario.
    """
    late, early = lives(subject, length, seed)
    again = per_scenario(checks)
    return ((late, tuple(checks)), *([(early, again)] if again else []))


def per_scenario(names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Returns those checks whose answer depends on the scenario; of all checks if None."""
    listed = CHECKS if names is None else names
    return tuple(name for name in listed if CHECKS[name].per_scenario)
