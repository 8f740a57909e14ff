"""A run whose load leans on what the saving process still holds: right there, lost elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

from resumeproof import component

TOTALS: dict[str, float] = {}


class Sum:
    """Adds up; its file holds all of it, or only the key of a total in a module-level dict."""

    def __init__(self, seed: int = 0) -> None:
        self.seed, self.steps, self.total = seed, 0, 0.0

    def step(self) -> None:
        """One step."""
        self.steps += 1
        self.total += 1 / (self.steps + self.seed)

    def save(self, path: Path) -> None:
        """Writes the numbers, the total included."""
        path.write_text(json.dumps(vars(self)))

    def load(self, path: Path) -> None:
        """Reads them."""
        vars(self).update(json.loads(path.read_text()))


class LeansOnProcess(Sum):
    """Its total never reaches the file."""

    def save(self, path: Path) -> None:
        """Keeps the total in this process, and writes everything else."""
        TOTALS[f"{self.seed} {self.steps}"] = self.total
        path.write_text(json.dumps({"seed": self.seed, "steps": self.steps}))

    def load(self, path: Path) -> None:
        """Finds the total where this process has left it."""
        super().load(path)
        self.total = TOTALS.get(f"{self.seed} {self.steps}", 0.0)


def subject(kind: type[Sum]) -> object:
    """The run under test; the global streams, which it does not draw from, are kept for it."""
    return component(kind, step=kind.step, save=kind.save, load=kind.load)


right = subject(Sum)
leaning = subject(LeansOnProcess)
