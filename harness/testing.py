"""Checks as plain calls and as pytest parameters."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, final

from .checks import CHECKS, require_checks
from .core.errors import HarnessError, InvalidSubject, NothingApplies, NothingToRun, UnknownCheck
from .core.expected import STOCK, expected_losses
from .core.extras import needing_extras
from .core.scenario import Scenario
from .subjects.capabilities import expecting
from .subjects.protocol import Subject, is_subject, require_subject
from .verdicts.coverage import require_meaningful
from .verdicts.failure import passed
from .verdicts.plan import follow_ups, per_scenario, plan
from .verdicts.runner import run
from .verdicts.verdict import Record, Verdict


def check_resume(
    subject: Subject,
    scenarios: Sequence[Scenario] | None = None,
    checks: Sequence[str] | None = None,
) -> tuple[Record, ...]:
    """Runs the checks on every scenario; returns the records if all hold.

    Args:
        subject: made by `sb3(...)`, `component(...)` or `loop(...)`.
        scenarios: to run; two short ones of the subject's own if None.
        checks: names of `checks.CHECKS`; all if None.

    Raises:
        CheckpointMismatch: a check does not hold; the text says which, where and what to do.
        InvalidSubject: it is no subject, or cannot be built, saved or loaded.
        NothingApplies: none of the checks applies to the subject; says why.
        UnknownCheck: a name is not that of a check; lists the valid ones.
        UnusedExclusion: an exclusion of the subject's own covered nothing; with near KeyPaths.
        VacuousScenario: no scenario moved anything, so that no loss could have shown.
    """
    __tracebackhide__ = True
    names = CHECKS if checks is None else checks
    records = check(subject, scenarios, names)
    if all(record.verdict is Verdict.UNSUPPORTED for record in records):
        raise NothingApplies(subject.name, tuple(names), _reasons(records))
    return records


EACH = "CKPT_EACH_SCENARIO"
"""Environment variable: where it is set, every scenario is a test of its own."""
_OWN = 2  # scenarios of `plan`
_KNOWN: ContextVar[Callable[[str], Mapping[str, str]]] = ContextVar(
    "_KNOWN", default=lambda _name: {}
)


@contextmanager
def expecting_by_name(known: Callable[[str], Mapping[str, str]]) -> Iterator[None]:
    """Lets every subject that is checked within the block expect more losses than it names itself.

    Args:
        known: `known(name)`, KeyPath pattern -> reason for the subject of that name; the pattern
            "sb3" stands for what its stock class loses.
    """
    token = _KNOWN.set(known)
    try:
        yield
    finally:
        _KNOWN.reset(token)


def _expecting(subject: Subject) -> Subject:
    known = dict(_KNOWN.get()(subject.name))
    of_stock = known.pop(STOCK, None) is not None
    widened: Subject = expecting(subject, expected_losses(known), of_stock=of_stock)
    return widened


def check(
    subject: Subject,
    scenarios: Sequence[Scenario] | None,
    checks: Iterable[str],
    only: int | None = None,
) -> tuple[Record, ...]:
    """As `check_resume`, but for records that are UNSUPPORTED: nothing applied to these.

    Args:
        subject: see there.
        scenarios: see there.
        checks: see there.
        only: the number of the one scenario to judge, from 0 on; all if None.
    """
    __tracebackhide__ = True
    subject = _expecting(require_subject(subject))
    names = require_checks(checks)
    if not names or (scenarios is not None and not _are_scenarios(scenarios)):
        raise NothingToRun(names, scenarios)
    planned = plan(subject, names) if scenarios is None else [(s, names) for s in scenarios]
    judged = [planned[only]] if only is not None else planned
    records = passed(subject, judged)
    if scenarios is None and (again := per_scenario(names)):
        records += passed(subject, [(scenario, again) for scenario in follow_ups(records)])
    _require_meaningful(subject, records, names, [p for p in planned if p not in judged])
    return records


def _require_meaningful(
    subject: Subject,
    records: tuple[Record, ...],
    names: Sequence[str],
    others: Sequence[tuple[Scenario, Sequence[str]]],
) -> None:
    """As the one of all records: what is of no use in one scenario may be in the others."""
    try:
        require_meaningful(subject, records, names)
    except HarnessError:
        if not others:
            raise
        more = (run(subject, scenario, checks) for scenario, checks in others)
        require_meaningful(subject, (*records, *more), names)


def _are_scenarios(given: object) -> bool:
    return (
        isinstance(given, Sequence)
        and bool(given)
        and all(isinstance(scenario, Scenario) for scenario in given)
    )


# by their ids, and held, so that no other object gets one of these
_UNUSABLE: dict[int, Subject] = {}


@final
@dataclass(frozen=True, kw_only=True)
class BoundCheck:
    """One check by name: call it with a subject. It skips where it does not apply."""

    name: str
    scenarios: Sequence[Scenario] | None = field(default=None)
    only: int | None = field(default=None)

    def __call__(self, subject: Subject) -> None:
        """Runs the check.

        Raises:
            CheckpointMismatch: it does not hold.
            InvalidSubject: it cannot be used; the checks after the first only say so.
        """
        __tracebackhide__ = True
        import pytest

        if id(subject) in _UNUSABLE:
            pytest.fail(f"{subject.name} cannot be used: told by its first check", pytrace=False)
        try:
            records = check(subject, self.scenarios, (self.name,), self.only)
        except InvalidSubject as error:
            _UNUSABLE[id(subject)] = subject
            pytest.fail(f"{type(error).__name__}: {error}", pytrace=False)
        if all(record.verdict is Verdict.UNSUPPORTED for record in records):
            pytest.skip("; ".join(_reasons(records)))


def _reasons(records: Sequence[Record]) -> tuple[str, ...]:
    """Why nothing applied, each reason once."""
    return tuple(dict.fromkeys(str(skipped) for record in records for skipped in record.skipped))


def parametrize_with_checks(
    subjects: Sequence[Subject],
    *,
    expected_failures: Mapping[str, str] | None = None,
    strict: bool = True,
    scenarios: Sequence[Scenario] | None = None,
) -> Any:
    """A `pytest.mark.parametrize` over `subject` and `check`; the test calls `check(subject)`.

    Args:
        subjects: what to test.
        expected_failures: name of a check -> why it is known to fail.
        strict: whether an expected failure that passes is a failure.
        scenarios: as for `check_resume`.

    Raises:
        MissingExtra: pytest is not installed.
        UnknownCheck: an expected failure is not the name of a check; lists the valid ones.
        InvalidSubject: it is no list of subjects, or an empty one.
    """
    with needing_extras("parametrize_with_checks"):
        import pytest

    if not isinstance(expected_failures, Mapping | None):
        raise UnknownCheck("expected_failures={name: reason}", expected_failures, sorted(CHECKS))
    expected = dict(expected_failures or {})
    require_checks(expected, "expected_failures=")
    if is_subject(subjects) or not isinstance(subjects, Iterable) or not (listed := [*subjects]):
        raise InvalidSubject(
            f"expected a list of subjects, got {subjects!r}: write [sb3(PPO, env='CartPole-v1')]"
        )
    params = []
    for ident, subject in sorted(_identified(listed).items()):
        for name in sorted(CHECKS):
            checks = _bound(name, scenarios)
            # of several scenarios one may be where it does not fail
            known = pytest.mark.xfail(
                reason=expected.get(name, ""), strict=strict and len(checks) == 1
            )
            marks = [known] if name in expected else []
            params += [
                pytest.param(subject, check, id=f"{ident}-{name}{tail}", marks=marks)
                for tail, check in checks.items()
            ]
    return pytest.mark.parametrize(("subject", "check"), params)


def _bound(name: str, scenarios: Sequence[Scenario] | None) -> dict[str, BoundCheck]:
    """Returns one check for all scenarios or, where that is asked for, one for each; by an id."""
    count = 1
    if os.environ.get(EACH):
        own = _OWN if name in per_scenario() else 1
        count = own if scenarios is None else len(scenarios)
    if count == 1:
        return {"": BoundCheck(name=name, scenarios=scenarios)}
    return {
        f"-{number + 1}": BoundCheck(name=name, scenarios=scenarios, only=number)
        for number in range(count)
    }


def _identified(subjects: Sequence[Subject]) -> dict[str, Subject]:
    """Subjects by name; the second of one name is called `name#2`."""
    seen: Counter[str] = Counter()
    named = {}
    for subject in map(require_subject, subjects):
        seen[subject.name] += 1
        count = seen[subject.name]
        named[subject.name if count == 1 else f"{subject.name}#{count}"] = subject
    return named
