"""One scenario of a subject, from any source of choices: Hypothesis, or a seeded stream.

What can be chosen, and what a choice allows of the next, is said here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, final

from ..core.errors import HarnessError
from ..core.scenario import INTO, Scenario
from ..subjects.capabilities import capabilities_of
from ..subjects.protocol import Subject
from ..trial.defaults import (
    SAVE_POINTS,
    media,
    natural_length,
    period_of,
    points_by_kind,
    stride_of,
)

MOST_CYCLES = 5
_MOST_SEED = 2**16


class Source(Protocol):
    """Where choices come from; the label says what is chosen."""

    def integer(self, low: int, high: int, label: str) -> int:
        """Returns a number from low to high, both included."""

    def one_of(self, values: Sequence[Any], label: str) -> Any:
        """Returns one of the values, the plainest of which comes first."""


@final
class NoSavePoint(HarnessError):
    """You see it when no run of the length that was asked for has a save point of the kinds asked.

    What to do: ask for a longer run, or for other kinds.
    """


def generate(
    subject: Subject,
    source: Source,
    *,
    length: int | None = None,
    choices: Mapping[str, Sequence[Any]] | None = None,
    save_points: Sequence[str] = SAVE_POINTS,
) -> Scenario:
    """Returns a scenario: everything the subject offers, every save point, medium, cycle count.

    Args:
        subject: says what can be chosen (`choices`, see `subjects.protocol`), where it can be
            saved, and to what.
        source: makes the choices.
        length: steps of a run; chosen around the subject's natural length if None.
        choices: values of options, over those that the subject offers.
        save_points: the kinds of `trial.defaults.SAVE_POINTS` to choose from.

    Raises:
        NoSavePoint: with the chosen options a run has no save point of these kinds.
    """
    cycles = source.integer(1, MOST_CYCLES, "cycles")
    options = _options(subject, source, {**capabilities_of(subject).choices, **(choices or {})})
    lengths = _lengths(subject, options, save_points) if length is None else [length]
    steps = source.one_of(lengths, "length") if length is None else length
    points = _allowed(subject, steps, options, save_points)
    if not points:
        raise NoSavePoint(
            f"expected a save point of {', '.join(save_points)} in a run of {steps} steps of "
            f"{subject.name} with options={options}, got none: ask for a longer run"
        )
    # nothing has moved at the start: the first to be tried, but not the most often
    kind = source.one_of([*points, *[*points][1:]], "save_point")
    save_at = source.one_of(points[kind], "save_at")
    gaps = _gaps(subject, steps, options, (steps - save_at) // max(cycles - 1, 1))
    return Scenario(
        options=options,
        length=steps,
        save_at=save_at,
        save_point=kind,
        cycles=cycles,
        gap=source.one_of(gaps, "gap") if cycles > 1 else 0,
        medium=source.one_of(media(subject), "medium"),
        into=source.one_of(INTO, "into"),
        seed=source.integer(0, _MOST_SEED, "seed"),
    )


def _options(
    subject: Subject, source: Source, offered: Mapping[str, Sequence[Any]]
) -> dict[str, Any]:
    """Chooses a value for every option; omits those that are in force by themselves."""
    implied = capabilities_of(subject).implied
    chosen = {name: source.one_of(list(values), name) for name, values in offered.items()}
    return {k: v for k, v in chosen.items() if k not in implied or implied[k] != v}


def _allowed(
    subject: Subject, length: int, options: Mapping[str, Any], save_points: Sequence[str]
) -> dict[str, list[int]]:
    kinds = points_by_kind(subject, length, options)
    return {kind: steps for kind, steps in kinds.items() if kind in save_points}


def _lengths(subject: Subject, options: Mapping[str, Any], save_points: Sequence[str]) -> list[int]:
    """Returns up to six lengths, those that have a save point of these kinds if any has."""
    quarter = max(natural_length(subject, options) // 4, 1)
    lengths = [quarter * number for number in range(1, 7)]
    if "start" in save_points:  # every run has one
        return lengths
    return [n for n in lengths if _allowed(subject, n, options, save_points)] or lengths


def _gaps(subject: Subject, length: int, options: Mapping[str, Any], room: int) -> range:
    if capabilities_of(subject).between_calls:
        return range(0, room + 1, period_of(subject, length, options))
    return range(0, room + 1, stride_of(subject, options))
