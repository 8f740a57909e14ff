"""Generated scenarios: the only file that knows Hypothesis.

A strategy draws plain data; the run is built in the test. What fails prints as a `Scenario(...)`
that can be pasted, and replays from JSON.
"""

from __future__ import annotations

import os
import unittest
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, final

from hypothesis import HealthCheck, Phase, event, given, reject, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase, MultiplexedDatabase

from ..checks import require_checks
from ..core.errors import VacuousScenario
from ..core.scenario import Scenario
from ..subjects.protocol import Subject, require_subject
from ..trial.defaults import (
    SAVE_POINTS,
    own_scenarios,
)
from ..verdicts.coverage import moves
from ..verdicts.failure import CheckpointMismatch, passed
from ..verdicts.plan import per_scenario
from ..verdicts.verdict import Verdict
from .corpus import store
from .generate import NoSavePoint, generate

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
    """Registers `ckpt-dev`, `ckpt-ci` and `ckpt-nightly`; a user's own profiles are untouched.

    Where `CKPT_EXAMPLES` names a folder, examples are shared through it, but for `ckpt-ci`, which
    draws the same ones every time.
    """
    common: dict[str, Any] = {
        "derandomize": False,  # said, not inherited: where CI is set the default is derandomized
        "deadline": None,
        "print_blob": True,
        "report_multiple_bugs": False,
        "suppress_health_check": (HealthCheck.too_slow, HealthCheck.differing_executors),
    }
    parent = settings.get_profile("default")
    if shared := os.environ.get("CKPT_EXAMPLES"):
        own, other = parent.database, DirectoryBasedExampleDatabase(shared)
        common["database"] = other if own is None else MultiplexedDatabase(own, other)
    for name, values in _PROFILES.items():
        settings.register_profile(name, parent=parent, **{**common, **values})


def profile(name: str | None = None) -> settings:
    """The settings of a profile: the one named, that of `--ckpt-profile`, or `ckpt-dev`."""
    register_profiles()
    return settings.get_profile(name or os.environ.get("CKPT_PROFILE") or "ckpt-dev")


def scenarios(
    subject: Subject,
    *,
    length: int | None = None,
    choices: Mapping[str, Sequence[Any]] | None = None,
    save_points: Sequence[str] = SAVE_POINTS,
) -> st.SearchStrategy[Scenario]:
    """Draws from everything the subject offers, every save point, medium and cycle count.

    They shrink to the shortest scenario that fails: one cycle, the plainest options, a
    short run, an early save.

    Args:
        subject: says what can be chosen (`choices`, see `trial.trial`), where it can be saved,
            and to what.
        length: steps of a run; drawn around the subject's natural length if None.
        choices: values of options, over those that the subject offers.
        save_points: the kinds of `trial.defaults.SAVE_POINTS` to draw from.
    """
    return st.composite(_scenario)(subject, length, choices, tuple(save_points))


def _scenario(
    draw: st.DrawFn,
    subject: Subject,
    length: int | None,
    choices: Mapping[str, Sequence[Any]] | None,
    save_points: tuple[str, ...],
) -> Scenario:
    drawn = _Drawn(draw)
    try:
        return generate(subject, drawn, length=length, choices=choices, save_points=save_points)
    except NoSavePoint:
        reject()


@final
class _Drawn:
    """Choices that Hypothesis makes, and shrinks."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def integer(self, low: int, high: int, label: str) -> int:
        return self._draw(st.integers(low, high), label=label)

    def one_of(self, values: Sequence[Any], label: str) -> Any:
        return self._draw(st.sampled_from(values), label=label)


def check_holds(check: str, subject: Subject, chosen: settings | None = None) -> None:
    """Draws scenarios, as many as the profile says, and runs one check on each.

    Raises: as `checks_hold`.
    """
    __tracebackhide__ = True
    checks_hold((check,), subject, chosen)


def checks_hold(
    checks: tuple[str, ...],
    subject: Subject,
    chosen: settings | None = None,
    length: int | None = None,
) -> None:
    """Draws scenarios, as many as the profile says, and runs checks on each.

    One that fails is shrunk, stored as JSON (`fuzzing.corpus`), and named in the message. Checks
    that apply to none are skipped, as `unittest` and pytest understand it.

    Args:
        checks: their names.
        subject: what to test.
        chosen: settings of Hypothesis; those of the profile in force if None.
        length: steps of a run; drawn around the subject's natural length if None.

    Raises:
        CheckpointMismatch: a check does not hold.
        UnknownCheck: there is no such check; lists those there are.
        VacuousScenario: nothing moved in any of them, so that no loss could have shown.
        unittest.SkipTest: none of the checks applies.
    """
    __tracebackhide__ = True
    tally = Tally(subject=subject, checks=require_checks(checks))
    test = _unexplained(chosen or profile())(given(scenarios(subject, length=length))(tally.check))
    try:
        cast(Any, test)()
    except CheckpointMismatch as error:
        _remember(subject, error)
        raise
    except BaseExceptionGroup as errors:
        for each in errors.exceptions:
            if isinstance(each, CheckpointMismatch):
                _remember(subject, each)
        raise
    tally.conclude()


def _unexplained(chosen: settings) -> settings:
    """Returns the same without explanations: these name lines of ours, which nobody asked about."""
    return settings(chosen, phases=[phase for phase in chosen.phases if phase is not Phase.explain])


@final
@dataclass(kw_only=True)
class Tally:
    """What the scenarios under some checks have shown so far.

    Attributes:
        subject: whose scenarios.
        checks: their names.
        moved: whether in one of them something moved both before the save and after it.
        reasons: why no check applied, where none did; None once one did.
        seen: those to name if nothing moved in any.
    """

    subject: Subject
    checks: tuple[str, ...]
    moved: bool = False
    reasons: tuple[str, ...] | None = ()
    seen: list[Scenario] = field(default_factory=list)

    def check(self, scenario: Scenario) -> None:
        """Runs the checks on one scenario."""
        __tracebackhide__ = True
        event("save point", scenario.save_point)
        (record,) = passed(self.subject, [(scenario, self.checks)])
        self.seen.append(scenario)
        if record.verdict is Verdict.UNSUPPORTED:
            if self.reasons is not None:
                self.reasons = (*self.reasons, *map(str, record.skipped))
            return
        self.reasons = None
        self.moved = self.moved or moves(self.subject, scenario)
        event("something moved", self.moved)

    def conclude(self) -> None:
        """Judges all of them together.

        Raises:
            VacuousScenario: see `checks_hold`.
            unittest.SkipTest: see `checks_hold`.
        """
        if self.reasons is not None:
            raise unittest.SkipTest("; ".join(dict.fromkeys(self.reasons)))
        # the few of a quick profile may by chance all have been saved before the first step
        if not self.moved and not moves(self.subject, own_scenarios(self.subject)[0]):
            raise VacuousScenario(self.subject.name, [repr(scenario) for scenario in self.seen[:5]])


def _remember(subject: Subject, error: CheckpointMismatch) -> None:
    if error.record is None:
        return
    try:
        path = store(subject, error.record.failed_check, error.record)
    except OSError as reason:
        error.args = (f"{error}\n  not stored: {reason}; name a folder in CKPT_SCENARIOS",)
        return
    error.args = (f"{error}\n  stored: {path}\n  replay: python -m resumeproof replay {path}",)


def fuzz_case(
    subject: Subject,
    settings: settings | None = None,
    *,
    length: int | None = None,
    checks: tuple[str, ...] | None = None,
) -> type[unittest.TestCase]:
    """Makes a test case that runs generated scenarios, under pytest and unittest alike.

    Write `TestFuzz = fuzz_case(trainer)` in a test module.

    Args:
        subject: what to test.
        settings: of Hypothesis; those of the profile in force if None.
        length: steps of a run; the subject's natural length if None.
        checks: names of those to run on each scenario; if None, all whose answer depends on it.

    Raises:
        InvalidSubject: it is no subject.
    """
    require_subject(subject)

    class FuzzCase(unittest.TestCase):
        """Generated scenarios of one subject."""

        def test_generated_scenarios(self) -> None:
            """Every check holds in every generated scenario."""
            checks_hold(per_scenario() if checks is None else checks, subject, settings, length)

    FuzzCase.__qualname__ = FuzzCase.__name__ = f"Fuzz[{subject.name}]"
    return FuzzCase
