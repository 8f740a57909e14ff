"""What a set of training runs is worth: areas, intervals over seeds, and the curves as SVG.

Source: Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice",
2021, https://arxiv.org/abs/2108.13264: interquartile mean, stratified percentile bootstrap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
POINTS = 50
_COLOURS = ("#1b6ca8", "#c0392b", "#27864a", "#8e5bb0", "#c77c11", "#2c9c9c", "#777777", "#b5487a")


def on_grid(episodes: Sequence[tuple[int, float]], steps: int, window: int = 10) -> Array:
    """The mean return of the last episodes at evenly spaced moments of a training.

    Args:
        episodes: step at which each ended, with its return.
        steps: of the whole training.
        window: how many episodes are averaged.

    Returns:
        ``(POINTS,)``; before the first episode has ended, its own return.
    """
    ends = np.array([end for end, _ in episodes])
    returns = np.array([value for _, value in episodes], dtype=np.float64)
    values = []
    for moment in np.linspace(steps / POINTS, steps, POINTS):
        known = int(np.searchsorted(ends, moment, side="right"))
        values.append(returns[max(known - window, 0) : max(known, 1)].mean())
    return np.array(values)


def interquartile_mean(values: Array) -> float:
    """The mean of the middle half; of fewer than four values, of all."""
    ordered = np.sort(values, axis=None)
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def interval(values: Sequence[float], draws: int = 2000) -> tuple[float, float, float]:
    """Interquartile mean over the seeds, with the ends of its 95 % bootstrap interval."""
    data, generator = np.array(values, dtype=np.float64), np.random.default_rng(0)
    samples = generator.choice(data, size=(draws, len(data)))
    low, high = np.percentile([interquartile_mean(sample) for sample in samples], [2.5, 97.5])
    return interquartile_mean(data), float(low), float(high)


def stratified(scores: Array, draws: int = 2000) -> tuple[float, float, float]:
    """Interquartile mean over all tasks and seeds, with its 95 % interval.

    Args:
        scores: comparable ones, ``(n_seeds, n_tasks)``.
        draws: of the bootstrap, which draws seeds for each task by itself.
    """
    generator = np.random.default_rng(0)
    n_seeds, n_tasks = scores.shape
    samples = [
        interquartile_mean(scores[generator.integers(n_seeds, size=scores.shape), range(n_tasks)])
        for _ in range(draws)
    ]
    low, high = np.percentile(samples, [2.5, 97.5])
    return interquartile_mean(scores), float(low), float(high)


def as_svg(title: str, curves: Mapping[str, Sequence[Array]], steps: int) -> str:
    """The mean curve of every row, with a band from the worst to the best seed."""
    every = np.concatenate([np.stack(list(seeds)) for seeds in curves.values()])
    low, high = float(every.min()), float(every.max())
    width, height, left, top = 640, 360, 60, 30
    right = width - 200

    def place(values: Array) -> list[str]:
        xs = np.linspace(left, right, len(values))
        ys = top + (height - 2 * top) * (1 - (values - low) / ((high - low) or 1.0))
        return [f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True)]

    n_seeds = sorted({len(list(seeds)) for seeds in curves.values()})
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        f'<text x="{left}" y="16">{title}: mean return of the last 10 episodes, '
        f"{n_seeds[0]} to {n_seeds[-1]} seeds</text>",
        f'<text x="4" y="{top + 4}">{high:.4g}</text>',
        f'<text x="4" y="{height - top}">{low:.4g}</text>',
        f'<text x="{right - 60}" y="{height - 10}">{steps:,} steps</text>',
    ]
    for number, (name, seeds) in enumerate(curves.items()):
        colour, data = _COLOURS[number % len(_COLOURS)], np.stack(list(seeds))
        band = [*place(data.max(axis=0)), *reversed(place(data.min(axis=0)))]
        line = " ".join(place(data.mean(axis=0)))
        y = top + 14 * number
        parts += [
            f'<polygon points="{" ".join(band)}" fill="{colour}" opacity="0.10"/>',
            f'<polyline points="{line}" fill="none" stroke="{colour}"/>',
            f'<text x="{right + 10}" y="{y + 4}" fill="{colour}">{name}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def as_row(name: str, areas: Sequence[float], finals: Sequence[float]) -> str:
    """One line of the table."""

    def shown(values: Sequence[float]) -> str:
        middle, low, high = interval(values)
        return f"{middle:.1f} [{low:.1f}, {high:.1f}]"

    return f"| {name} | {shown(areas)} | {shown(finals)} | {len(areas)} |"


def verdict(areas: Mapping[str, Sequence[float]], ours: str, others: Sequence[str]) -> str:
    """Whether ours is as good as the best of the others, and whether it is worse by the spread."""
    fewest = min(len(areas[name]) for name in (ours, *others))
    if fewest < 3:
        return f"not judged: {fewest} of at least 3 seeds"
    means: dict[str, Any] = {name: interval(values) for name, values in areas.items()}
    best = max(others, key=lambda name: means[name][0])
    if means[ours][0] >= means[best][0]:
        return f"at least as good as {best}"
    apart = means[ours][2] < means[best][1]
    return f"below {best}, intervals {'apart' if apart else 'overlap'}"
