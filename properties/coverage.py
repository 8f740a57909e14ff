"""What a campaign has reached: scenarios by component, save point, medium, cycles and check."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from resumeproof.core.scenario import INTO, Scenario
from resumeproof.fuzzing.generate import MOST_CYCLES
from resumeproof.subjects.capabilities import capabilities_of
from resumeproof.subjects.protocol import Subject
from resumeproof.trial.defaults import SAVE_POINTS, media

Cell = tuple[str, str]
"""An axis and one of its values, as text."""


def cells_of(subject: Subject, scenario: Scenario, checks: Sequence[str]) -> set[Cell]:
    """The cells that one scenario lies in."""
    options = {**capabilities_of(subject).implied, **scenario.options}
    cells = {("check", check) for check in checks}
    cells |= {
        ("subject", subject.name),
        ("save point", scenario.save_point),
        ("medium", scenario.medium),
        ("into", scenario.into),
        ("cycles", str(scenario.cycles)),
    }
    if scenario.cycles > 1:
        cells.add(("between cycles", "more steps" if scenario.gap else "no steps"))
    return cells | {(name, _word(options[name])) for name in _choices(subject)}


def cells_to_fill(subjects: Iterable[Subject], checks: Sequence[str]) -> list[Cell]:
    """Every cell that a campaign over these subjects can reach, in order."""
    cells: dict[Cell, None] = {}
    for subject in subjects:
        cells[("subject", subject.name)] = None
        for name, values in _choices(subject).items():
            cells |= {(name, _word(value)): None for value in values}
        cells |= {("medium", medium): None for medium in media(subject)}
    cells |= {("save point", point): None for point in SAVE_POINTS}
    cells |= {("into", into): None for into in INTO}
    cells |= {("cycles", str(count)): None for count in range(1, MOST_CYCLES + 1)}
    cells |= {("between cycles", word): None for word in ("no steps", "more steps")}
    cells |= {("check", check): None for check in checks}
    return list(cells)


def count(hits: Iterable[Iterable[Cell]]) -> Counter[Cell]:
    """How many scenarios hit each cell."""
    return Counter(cell for cells in hits for cell in cells)


def table(expected: Sequence[Cell], hits: Mapping[Cell, int]) -> Iterator[str]:
    """One line an axis; what was never reached says EMPTY."""
    axes = list(dict.fromkeys(axis for axis, _ in expected))
    width = max(map(len, axes))
    for axis in axes:
        values = [(value, hits.get((axis, value), 0)) for name, value in expected if name == axis]
        words = [f"{value} {number or 'EMPTY'}" for value, number in values]
        yield f"{axis:<{width}}  " + ", ".join(words)


def empty(expected: Sequence[Cell], hits: Mapping[Cell, int]) -> list[Cell]:
    """The cells that no scenario hit."""
    return [cell for cell in expected if not hits.get(cell)]


def shape_of(name: str, scenario: Scenario) -> str:
    """What two scenarios have in common that differ in nothing but the seed."""
    return f"{name} {dataclasses.replace(scenario, seed=0).to_json()}"


def _choices(subject: Subject) -> Mapping[str, Sequence[Any]]:
    return capabilities_of(subject).choices


def _word(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)
