"""A part that counts, saved to a file by functions of its own: others lose what it keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from resumeproof import loop


class Part:
    """Counts; what it saves and loads is up to the subclass."""

    def __init__(self) -> None:
        self.count, self.total = 0, 0.5

    def step(self) -> None:
        """One more."""
        self.count += 1
        self.total *= 1.5

    def save(self, path: Path) -> None:
        """All of it, as text."""
        path.write_text(json.dumps(vars(self)))

    def load(self, path: Path) -> None:
        """All of it."""
        vars(self).update(json.loads(path.read_text()))


def subject(kind: type[Part]) -> Any:
    """A loop over a kind of part."""
    return loop(make=kind, step=kind.step, save=kind.save, load=kind.load)
