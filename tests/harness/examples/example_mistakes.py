"""What a newcomer gets wrong: subjects that cannot be used, each in one way."""

from __future__ import annotations

from typing import Any

import example_loops as loops
from resumeproof import Exclusion, loop


def nothing() -> Any:
    """A factory without a `return`."""


def parts(**wrong: Any) -> Any:
    """The right loop, but for one part."""
    kind = loops.Trainer
    right = {"make": kind, "step": kind.step, "save": kind.save, "load": kind.load}
    return loop(**{**right, **wrong})


class WithoutSave:
    """Has a step and a load."""

    def step(self) -> None:
        """Nothing."""

    def load(self, path: Any) -> None:
        """Nothing."""


makes_none = parts(make=nothing)
unused = parts(exclusions=[Exclusion(pattern="run.ordered", reason="a misspelt name")])
