"""Scenarios for a subject nobody has written any for: short runs that reach every part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.scenario import Scenario
from ..subjects.capabilities import capabilities_of
from ..subjects.protocol import Subject

SAVE_POINTS = ("start", "first step", "warm-up", "past warm-up", "mid-rollout", "boundary")
"""What can be special about the step at which a run is saved, the earliest first."""

_PROBE = 4096
_WARM_UP = 100  # steps before SB3's off-policy algorithms learn, unless told otherwise
_PLAIN: Mapping[str, Any] = {}


def natural_length(subject: Subject, options: Mapping[str, Any] = _PLAIN) -> int:
    """Steps that hold a few periods of the subject: rollouts, or what it says of itself."""
    stated = capabilities_of(subject).natural_length
    if stated is not None:
        return stated
    period, again = (period_of(subject, n * _PROBE, options) for n in (1, 2))
    # what grows with the length that was asked for is no period of the subject's own
    return 4 * period if period == again else 2 * _WARM_UP


def period_of(subject: Subject, length: int, options: Mapping[str, Any] = _PLAIN) -> int:
    """Steps from one boundary to the next in a run of a length."""
    probe = Scenario(length=length, save_at=0, options=options)
    return min((step for step in subject.boundaries(probe) if step), default=length)


def stride_of(subject: Subject, options: Mapping[str, Any] = _PLAIN) -> int:
    """Steps from one moment at which a run can be visited to the next."""
    return capabilities_of(subject).stride(Scenario(length=1, save_at=0, options=options))


def save_points(subject: Subject, length: int, options: Mapping[str, Any] = _PLAIN) -> list[int]:
    """Where a run of a length can be saved with steps left to go."""
    if capabilities_of(subject).between_calls:
        probe = Scenario(length=length, save_at=0, options=options)
        return sorted({0, *(s for s in subject.boundaries(probe) if s < length)})
    return list(range(0, length, stride_of(subject, options)))


def points_by_kind(
    subject: Subject, length: int, options: Mapping[str, Any] = _PLAIN
) -> dict[str, list[int]]:
    """The save points of a run, by what is special about them; kinds in order, none empty."""
    period, stride = period_of(subject, length, options), stride_of(subject, options)
    stated = capabilities_of(subject).warm_up
    probe = Scenario(length=length, save_at=0, options=options)
    warm_up = period if stated is None else stated(probe)
    found: dict[str, list[int]] = {kind: [] for kind in SAVE_POINTS}
    for step in save_points(subject, length, options):
        found[_kind(step, stride, warm_up, period)].append(step)
    return {kind: steps for kind, steps in found.items() if steps}


def _kind(step: int, stride: int, warm_up: int, period: int) -> str:
    if step == 0:
        return "start"
    if step == stride < warm_up:
        return "first step"
    if step < warm_up:
        return "warm-up"
    if warm_up < step <= warm_up + stride:
        return "past warm-up"
    return "mid-rollout" if step % period else "boundary"


def media(subject: Subject) -> tuple[str, ...]:
    """What can take its state from one run into another; see `Scenario.medium`.

    The subject's own `media`, or files only for one that is saved between calls, which may take
    several of them, and files and memory for any other.
    """
    offered = capabilities_of(subject)
    if offered.media is not None:
        return tuple(offered.media)
    return ("file",) if offered.between_calls else ("file", "memory")


def own_scenarios(
    subject: Subject, length: int | None = None, seed: int = 0
) -> tuple[Scenario, ...]:
    """One save past the middle to a file, and two early cycles, in memory where it can.

    The first is loaded into a run that was used before, where what is forgotten has moved too far;
    the second into a fresh one, where it has not moved at all.
    """
    length = natural_length(subject) if length is None else length
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
            medium="memory" if "memory" in media(subject) else "file",
            into="fresh",
        ),
    )
