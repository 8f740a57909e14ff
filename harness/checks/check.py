"""What a check is: a function of a trial, and all that others need to know of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from enum import Flag, StrEnum, auto
from typing import TypeAlias, final

from ..state.mismatch import Diff
from ..subjects.protocol import Subject
from ..trial.finding import Finding
from ..trial.trial import Trial
from .library import without_library

Run: TypeAlias = Callable[[Trial], Finding | None]
"""What looks: returns where it first saw a difference; None, or nothing in it, if it holds."""


@final
class Aspect(Flag):
    """What a check looks at; decides who asks it, and what its differences mean."""

    SAVING = auto()
    """The run that is saved, before and after."""
    LOADED = auto()
    """The run that comes out of a load: it may differ and yet go on as it should."""
    FUTURE = auto()
    """What a run does after the save, up to its end."""
    RESAVED = auto()
    """What a run that was loaded writes when it is saved."""
    SHARED = auto()
    """What two runs share: it has the right value until one of them trains on."""
    STATE = auto()
    """States in memory, read from one run and loaded into another."""
    OPTIONS = auto()
    """What is passed at a load beside the file."""
    DAMAGE = auto()
    """What becomes of a file or state that is not whole."""
    ELSEWHERE = auto()
    """A run in another process."""


RESUMED = Aspect.LOADED | Aspect.FUTURE
"""The run that comes out of a load, and how it goes on."""


@final
class Cost(StrEnum):
    """What a check costs beside the arms of a trial, which all checks share."""

    LOW = "low"
    """At most a few builds and loads of its own."""
    HIGH = "high"
    """Many runs of its own, or an interpreter."""


@final
@dataclass(frozen=True, kw_only=True)
class Check:
    """One check: call it with a trial.

    Attributes:
        name: what it is asked for by, and called in every report.
        run: what looks. It raises what the subject raises, and `NotApplicable` where the subject
            offers nothing to check; it never passes in silence.
        looks_at: what it looks at.
        next_step: what to do where it does not hold, in one line; "" where that is to save and
            restore what differs.
        silence: what it means where it sees nothing although something was broken on purpose.
        per_scenario: whether its answer depends on when a run is saved, how often and to what.
        cost: what it costs.
        prepare: called with the subject before any check is run, for what can be had meanwhile.
        spares_library: whether what the class of a library does by itself, such as stock PPO, is
            noted and fails nobody who is not strict.
    """

    name: str
    run: Run
    looks_at: Aspect
    next_step: str = ""
    silence: str = "no difference shown"
    per_scenario: bool = False
    cost: Cost = Cost.LOW
    prepare: Callable[[Subject], None] | None = None
    spares_library: bool = False

    def __call__(self, trial: Trial) -> Finding:
        """Returns what it has seen, under its name; a finding without differences if it holds."""
        found = self.run(trial)
        if found is None:
            found = Finding(step=trial.scenario.save_at, diff=Diff())
        if self.spares_library:
            found = without_library(trial, self.name, self.run, found)
        return dataclasses.replace(found, check=self.name)

    @property
    def summary(self) -> str:
        """What must hold, in one line: the first line of the function's docstring."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]
