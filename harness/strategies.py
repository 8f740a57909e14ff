"""Generated scenarios: the only file that knows Hypothesis.

A strategy draws plain data; the run is built in the test. What fails prints as a `Scenario(...)`
that can be pasted, and replays from JSON.
"""

from __future__ import annotations

import os
import unittest
from typing import Any, cast

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from harness.lives import media, natural_length, period_of, save_points
from harness.scenario import Scenario
from harness.subjects import Subject
from harness.testing import passed

# what generated lives are for; checks that do not depend on the life run once, elsewhere
FUZZED = ("purity", "roundtrip", "resume")

_PROFILES: dict[str, dict[str, Any]] = {
    "ckpt-dev": {"max_examples": 5, "stateful_step_count": 6},
    "ckpt-ci": {
        "max_examples": 25,
        "stateful_step_count": 8,
        "derandomize": True,
        "database": None,
    },
    "ckpt-nightly": {
        "max_examples": 500,
        "stateful_step_count": 12,
        "report_multiple_bugs": True,
    },
}
PROFILES = tuple(_PROFILES)


def register_profiles() -> None:
    """Registers `ckpt-dev`, `ckpt-ci` and `ckpt-nightly`; a user's own profiles are untouched."""
    common: dict[str, Any] = {
        "derandomize": False,  # said, not inherited: where CI is set the default is derandomized
        "deadline": None,
        "print_blob": True,
        "report_multiple_bugs": False,
        "suppress_health_check": (HealthCheck.too_slow, HealthCheck.differing_executors),
    }
    parent = settings.get_profile("default")
    for name, values in _PROFILES.items():
        settings.register_profile(name, parent=parent, **{**common, **values})


def profile(name: str | None = None) -> settings:
    """The settings of a profile: the one named, that of `--ckpt-profile`, or `ckpt-dev`."""
    register_profiles()
    return settings.get_profile(name or os.environ.get("CKPT_PROFILE") or "ckpt-dev")


def scenarios(subject: Subject, *, length: int | None = None) -> st.SearchStrategy[Scenario]:
    """Lives to draw: every save point the subject allows, one to three cycles, every medium.

    Args:
        subject: says where it can be saved.
        length: steps of a run; the subject's natural length if None.
    """
    steps = length or natural_length(subject)
    return st.composite(_scenario)(subject, steps, period_of(subject, steps))


def _scenario(draw: st.DrawFn, subject: Subject, length: int, period: int) -> Scenario:
    points = save_points(subject, length)
    save_at = draw(st.sampled_from(points), label="save_at")
    cycles = draw(st.integers(1, 3), label="cycles")
    room = (length - save_at) // max(cycles - 1, 1)
    between_calls = getattr(subject, "between_calls", False)
    gaps = range(0, room + 1, period if between_calls else 1)
    return Scenario(
        seed=draw(st.integers(0, 2**16), label="seed"),
        length=length,
        save_at=save_at,
        save_point="start" if save_at == 0 else "boundary" if save_at % period == 0 else "between",
        cycles=cycles,
        gap=draw(st.sampled_from(gaps), label="gap") if cycles > 1 else 0,
        medium=draw(st.sampled_from(media(subject)), label="medium"),
    )


def fuzz_case(
    subject: Subject,
    settings: settings | None = None,
    *,
    length: int | None = None,
    checks: tuple[str, ...] = FUZZED,
) -> type[unittest.TestCase]:
    """A test case that runs generated lives of a subject, under pytest and unittest alike.

    Write `TestFuzz = fuzz_case(trainer)` in a test module.

    Args:
        subject: what to test.
        settings: of Hypothesis; those of the profile in force if None.
        length: steps of a run; the subject's natural length if None.
        checks: laws to check on each life.
    """

    class FuzzCase(unittest.TestCase):
        """Generated lives of one subject."""

        def test_generated_lives(self) -> None:
            """Every law holds in every generated life."""
            lives_in(subject, settings or profile(), length, checks)

    FuzzCase.__qualname__ = FuzzCase.__name__ = f"Fuzz[{subject.name}]"
    return FuzzCase


def lives_in(
    subject: Subject, chosen: settings, length: int | None, checks: tuple[str, ...]
) -> None:
    """Draws and checks lives, as many as the settings say.

    Raises:
        CheckpointMismatch: a law does not hold in one of them, which is shrunk first.
    """

    def check(scenario: Scenario) -> None:
        event("save point", scenario.save_point)
        for record in passed(subject, [(scenario, checks)]):
            event("vacuous", record.vacuous)

    test = chosen(given(scenarios(subject, length=length))(check))
    cast(Any, test)()


NO_SHRINK = tuple(phase for phase in Phase if phase is not Phase.shrink)
"""For `settings(phases=...)` where a red gate must end soon: shrinking may take five minutes."""
