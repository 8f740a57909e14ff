"""Scenarios for a subject nobody has written any for: short lives that reach every part."""

from __future__ import annotations

from collections.abc import Sequence

from harness.scenario import MEDIA, Scenario
from harness.subjects import Subject

OF_LIFE = ("purity", "roundtrip", "resume", "completeness")
"""Checks whose answer depends on when a run is saved, how often and to what."""

_PROBE = 4096
_WARM_UP = 100  # steps before SB3's off-policy algorithms learn, unless told otherwise


def natural_length(subject: Subject) -> int:
    """Steps that hold a few periods of the subject: rollouts, or what it says of itself."""
    stated: int | None = getattr(subject, "natural_length", None)
    if stated is not None:
        return stated
    period, again = period_of(subject, _PROBE), period_of(subject, 2 * _PROBE)
    # what grows with the length that was asked for is no period of the subject's own
    return 4 * period if period == again else 2 * _WARM_UP


def period_of(subject: Subject, length: int) -> int:
    """Steps from one boundary to the next in a run of a length."""
    steps = [step for step in subject.boundaries(Scenario(length=length, save_at=0)) if step]
    return min(steps, default=length)


def save_points(subject: Subject, length: int) -> list[int]:
    """Where a run of a length can be saved with steps left to go."""
    if getattr(subject, "between_calls", False):
        probe = Scenario(length=length, save_at=0)
        return sorted({0, *(s for s in subject.boundaries(probe) if s < length)})
    return list(range(length))


def media(subject: Subject) -> tuple[str, ...]:
    """Where its checkpoints can live; what is saved between calls may take several files."""
    return MEDIA[:1] if getattr(subject, "between_calls", False) else MEDIA


def lives(subject: Subject, length: int | None = None, seed: int = 0) -> tuple[Scenario, ...]:
    """One save past the middle to a file, and two early cycles, in memory where it can."""
    length = length or natural_length(subject)
    period = period_of(subject, length)
    points = save_points(subject, length)
    # past the middle, and at no round number: what counts in tens is not at its start there
    late = min(points, key=lambda step: (abs(step - length * 9 // 16), -step))
    gap = max(length // 6 // period, 1) * period
    early = min(points, key=lambda step: abs(step - gap))
    return (
        Scenario(seed=seed, length=length, save_at=late, save_point="past half"),
        Scenario(
            seed=seed + 1,
            length=length,
            save_at=early,
            save_point="early, two cycles",
            cycles=2,
            gap=gap if early + gap <= length else 0,
            medium=media(subject)[-1],
        ),
    )


def plan(
    subject: Subject, checks: Sequence[str], length: int | None = None, seed: int = 0
) -> tuple[tuple[Scenario, tuple[str, ...]], ...]:
    """The lives of a subject, each with the checks to run on it.

    All run on the first; on the second those whose answer depends on the life.
    """
    late, early = lives(subject, length, seed)
    of_life = tuple(name for name in checks if name in OF_LIFE)
    return ((late, tuple(checks)), *([(early, of_life)] if of_life else []))
