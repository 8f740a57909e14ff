"""What every module here shares: a subject for a faulty class, a scenario, and the generic checks.

Nothing in this file knows a bug. A planted fault is our algorithm with one thing broken, offered as
a subject with the whole space of options; scenario and checks are the same for all of them.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

from resumeproof.algo import DistributionalPPO
from resumeproof.checks import CHECKS, Aspect
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.sb3 import Sb3Subject
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record

from properties.space import OURS

# in this process: the starts of interpreters would be most of the time
IN_PROCESS = tuple(n for n, check in CHECKS.items() if Aspect.ELSEWHERE not in check.looks_at)

# every component is on, training has passed its warm-up, and both saves lie inside a rollout
EVERYTHING: dict[str, Any] = {
    "critics": "quantile",
    "scaler": "on",
    "kl_penalty": True,
    "normalize_returns": True,
}
TWO_CYCLES = Scenario(
    options=EVERYTHING, length=64, save_at=40, save_point="mid-rollout", cycles=2, gap=16
)
AT_START = Scenario(options=EVERYTHING, length=64, save_at=0, save_point="start")


def ours(algorithm: type[DistributionalPPO]) -> Sb3Subject:
    """The subject of our own checks, with another class in place of ours."""
    return dataclasses.replace(OURS, algorithm=algorithm)


def checked(algorithm: type[DistributionalPPO], scenario: Scenario = TWO_CYCLES) -> Record:
    """What the generic checks say of a class; each scenario is run once."""
    return _checked(algorithm, scenario.to_json())


@cache
def _checked(algorithm: type[DistributionalPPO], scenario: str) -> Record:
    return run(ours(algorithm), Scenario.from_json(scenario), IN_PROCESS)


def places(record: Record, check: str) -> list[str]:
    """What a check named: kind and KeyPath of each difference, for an alias the other name too."""
    return [
        f"{mismatch.kind} {mismatch.keypath}" + (f" = {mismatch.other}" if mismatch.other else "")
        for finding in record.findings
        if finding.check == check
        for mismatch in finding.diff.mismatches
    ]


def described(record: Record) -> str:
    """What a record says, for the message of an assertion: the error, or every check and place."""
    lines = [f"{check.check}: {m}" for check in record.findings for m in check.diff.mismatches]
    return "\n".join([record.verdict, *filter(None, [record.error]), *lines])
