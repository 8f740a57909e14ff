"""The system's own journal of a training: rows in memory, under a folder that is named by time."""

from __future__ import annotations

import time
from collections.abc import Mapping


class Journal:
    """Keeps a row an update; the name of the folder is a new one in every run.

    Args:
        keep: how many rows are held.
    """

    def __init__(self, keep: int = 16) -> None:
        self.keep = keep
        self.folder = f"trader-{time.time_ns()}"
        self.rows: list[dict[str, float]] = []
        self.best = float("-inf")

    def write(self, row: Mapping[str, float]) -> None:
        """Keeps a row, and the best equity."""
        self.rows = [*self.rows, dict(row)][-self.keep :]
        self.best = max(self.best, row["equity"])
