"""What a check is asked, and what it answers: one case, and what was found in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from resumeproof.core.scenario import Scenario
from resumeproof.state.compare import Diff


@final
@dataclass(frozen=True, kw_only=True)
class Case:
    """One generated input: which check is made, in which scenario, and what the checks draw from.

    Attributes:
        check: a name of `regressions.checks.CHECKS`.
        scenario: what is run; its options are those the model is built with.
        option: the name of the option that is passed explicitly.
        value: what is passed; without a word that of `OPTIONS`.
        keyword: one of `KEYWORDS`.
        parameters: a name of `PARAMETERS`.
        gradients: a name of `GRADIENTS`.
    """

    check: str
    scenario: Scenario
    option: str = "gamma"
    value: Any = None
    keyword: str = ""
    parameters: str = "random"
    gradients: str = "random"


@final
@dataclass(frozen=True, kw_only=True)
class Found:
    """A check that does not hold: by which check, where, and in words."""

    check: str
    place: str
    text: str


def raised(check: str, error: BaseException) -> Found:
    """An exception as what was found; its place is its type."""
    text = f"{type(error).__name__}: {error}"
    return Found(check=check, place=f"raises {type(error).__name__}", text=text)


def differences(check: str, diff: Diff) -> list[Found]:
    """Every difference of a comparison as what was found."""
    return [Found(check=check, place=str(m.keypath), text=str(m)) for m in diff.mismatches]
