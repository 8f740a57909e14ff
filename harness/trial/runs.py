"""What the arms of a trial leave behind, as data; and what several trials share."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias, final

from ..core.scenario import Scenario
from ..state.snapshot import Snapshot
from .media import BESIDE_FILES, Again

Moment: TypeAlias = tuple[str, int]
"""When a state was taken: "fresh", "saved" at a save point or "at" a boundary, and steps done."""


@final
@dataclass(frozen=True, kw_only=True)
class Course:
    """A run to the end.

    Attributes:
        fresh: the state as built.
        at: the state at every boundary, by steps done; one step past the end, the final state.
        saved: the state at every save point, by steps done, where a call of `train` ends if the
            run is made in several.
    """

    fresh: Snapshot
    at: Mapping[int, Snapshot]
    saved: Mapping[int, Snapshot]

    @property
    def moments(self) -> Iterator[tuple[Moment, Snapshot]]:
        """Every state, with the moment at which it was taken."""
        yield ("fresh", 0), self.fresh
        yield from ((("at", step), state) for step, state in self.at.items())
        yield from ((("saved", step), state) for step, state in self.saved.items())


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
    """A run that came from a checkpoint.

    Attributes:
        loads: every load, up to the one after which training on raised.
        course: the states as in `Course.at`.
        error: what training on raised; the loads before it may tell why.
    """

    loads: tuple[Load, ...]
    course: Mapping[int, Snapshot]
    error: Exception | None = None

    @property
    def at(self) -> Mapping[int, Snapshot]:
        """The states at every boundary after the last load, and at the end.

        Raises:
            Exception: what training on raised.
        """
        if self.error is not None:
            raise self.error
        return self.course


@final
class Shared:
    """Runs that trials share whose scenarios differ in nothing but the save point.

    Args:
        scenarios: all that will be run.

    Attributes:
        courses: uninterrupted runs, by build.
        savings: runs that were saved at every save point of their build, with what they saw.
        points: first save points, by build.
        moments: all save points, by build.
        taken: what was taken beside a file, by its path.
    """

    def __init__(self, scenarios: Iterable[Scenario]) -> None:
        self.courses: dict[str, Course] = {}
        self.savings: dict[str, tuple[Mapping[int, Save], Mapping[int, Snapshot]]] = {}
        self.points: dict[str, set[int]] = {}
        self.moments: dict[str, set[int]] = {}
        self.taken: dict[Path, Again | None] = {}
        for scenario in scenarios:
            key = build_key(scenario)
            self.points.setdefault(key, set()).add(scenario.save_at)
            self.moments.setdefault(key, set()).update(scenario.save_points)

    @cached_property
    def folder(self) -> Path:
        """Where the checkpoints of shared runs lie; removed with this object."""
        return temporary_folder(self)


def temporary_folder(owner: object) -> Path:
    """A new folder that is removed with its owner."""
    folder = tempfile.mkdtemp(prefix="resumeproof-")
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def save_key(scenario: Scenario) -> str:
    """What two scenarios have in common that may share a run that is saved."""
    beside = scenario.medium if scenario.medium in BESIDE_FILES else ""
    return f"{build_key(scenario)} {beside}"


def build_key(scenario: Scenario) -> str:
    """What two scenarios have in common that may share a run."""
    return repr((scenario.options, scenario.seed, scenario.length))
