"""What the arms of a trial leave behind, as data; and what several trials share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from harness.scenario import Scenario
from harness.snapshot import Snapshot


@final
@dataclass(frozen=True, kw_only=True)
class Course:
    """A run to the end.

    Attributes:
        fresh: the state as built.
        at: the state at every boundary, by steps done; one step past the end, the final state.
    """

    fresh: Snapshot
    at: Mapping[int, Snapshot]


@final
@dataclass(frozen=True, kw_only=True)
class Save:
    """One save: the steps done, the state before and after, and the file."""

    step: int
    before: Snapshot
    after: Snapshot
    path: Path


@final
@dataclass(frozen=True, kw_only=True)
class Load:
    """One load: the steps done, the state that had been saved, and the state that came back."""

    step: int
    saved: Snapshot
    loaded: Snapshot


@final
@dataclass(frozen=True, kw_only=True)
class Resumed:
    """A run that came from a checkpoint: its loads, and its states as in `Course.at`."""

    loads: tuple[Load, ...]
    at: Mapping[int, Snapshot]


@final
class Shared:
    """Reference runs by build, so that trials that differ in their save point share one.

    Args:
        scenarios: all that will be run; boundaries after the earliest save point are kept.
    """

    def __init__(self, scenarios: Iterable[Scenario] = ()) -> None:
        self.courses: dict[str, Course] = {}
        self.first: dict[str, int] = {}
        for scenario in scenarios:
            key = build_key(scenario)
            self.first[key] = min(self.first.get(key, scenario.save_at), scenario.save_at)


def build_key(scenario: Scenario) -> str:
    """What two scenarios have in common that may share a reference run."""
    return repr((scenario.options, scenario.seed, scenario.length))
