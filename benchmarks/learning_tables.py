"""The tables and curves of `benchmarks.learning`, from the lines that its trainings left."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learning_curves import as_row, as_svg, stratified, verdict

OURS = "DistributionalPPO"
STOCK = ("SB3 PPO", "SB3 PPO + VecNormalize(norm_obs=False)", "sb3-contrib TRPO")
# environment -> what a random and what a good policy returns, the 0 and 1 of the table of all
SCALES = {
    "CartPole-v1": (22.0, 500.0),
    "Acrobot-v1": (-500.0, -75.0),
    "Pendulum-v1": (-1230.0, -150.0),
    "MountainCarContinuous-v0": (-33.0, 95.0),
    "LunarLander-v3": (-180.0, 250.0),
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one training: area under the curve, final return, the curve, CPU seconds."""

    environment: str
    row: str
    seed: int
    steps: int
    area: float
    final: float
    seconds: float
    curve: tuple[float, ...]


def read_results(path: Path) -> list[Result]:
    """The lines of a file; none where there is no file yet."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Result(**json.loads(line)) for line in lines]


def table(results: Sequence[Result]) -> list[str]:
    """The table of one environment, with the verdict below it."""

    def of(row: str, read: Callable[[Result], float]) -> list[float]:
        return [read(result) for result in results if result.row == row]

    rows = list(dict.fromkeys(result.row for result in results))
    lines = ["| row | area under the curve | final return | seeds |", "|---|---|---|---|"]
    lines += [as_row(row, of(row, lambda r: r.area), of(row, lambda r: r.final)) for row in rows]
    stock = [row for row in STOCK if row in rows]
    if OURS in rows and stock:
        areas = {row: of(row, lambda r: r.area) for row in rows}
        lines += ["", f"Ours is {verdict(areas, OURS, stock)}."]
    return lines


def table_of_all(results: Sequence[Result]) -> list[str]:
    """The rows over all environments, in shares of what a good policy returns.

    Only the seeds that a row trained on every environment count.
    """
    names = [name for name in SCALES if any(r.environment == name for r in results)]
    lines = ["| row | area under the curve | final return | seeds |", "|---|---|---|---|"]
    for row in dict.fromkeys(result.row for result in results):
        cells = {(r.environment, r.seed): r for r in results if r.row == row}
        seeds = [s for s in range(1000) if all((name, s) in cells for name in names)]
        if not seeds:
            continue
        shown = []
        for attribute in ("area", "final"):
            scores = np.array(
                [[_scaled(cells[name, s], attribute) for name in names] for s in seeds]
            )
            middle, low, high = stratified(scores)
            shown.append(f"{middle:.3f} [{low:.3f}, {high:.3f}]")
        lines.append(f"| {row} | {shown[0]} | {shown[1]} | {len(seeds)} |")
    return lines


def _scaled(result: Result, attribute: str) -> float:
    low, high = SCALES[result.environment]
    return (float(getattr(result, attribute)) - low) / (high - low)


def write_report(results: Sequence[Result], folder: Path) -> None:
    """Prints all tables, and writes a picture of the main rows for each environment."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (name for name in SCALES if any(r.environment == name for r in results)):
        own = [result for result in results if result.environment == name]
        print(f"\n{name}, {own[0].steps:,} steps\n")
        print("\n".join(table(own)))
        curves: dict[str, list[Any]] = {}
        for result in own:
            if result.row in (*STOCK, OURS):
                curves.setdefault(result.row, []).append(np.array(result.curve))
        if OURS in curves:
            picture = as_svg(name, curves, own[0].steps)
            (folder / f"{name}.svg").write_text(picture, encoding="utf-8")
    print("\nall environments, in shares of a good policy's return\n")
    print("\n".join(table_of_all(results)))
    print(f"\n{sum(r.seconds for r in results) / 60:.0f} CPU minutes of training")
