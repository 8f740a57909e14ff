"""How the experiment drives a row: builds, trains, saves the user's way, loads, and looks."""

from __future__ import annotations

import inspect
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, final

import torch

from .bits import Bits, bits_of, restore_streams, seed_all, streams
from .row import Row


class Driver(Protocol):
    """What the experiment does with a row."""

    def build(self, seed: int) -> Any:
        """Returns a fresh run."""

    def step(self, run: Any, index: int) -> Any:
        """Trains one step; returns what the user sees of it."""

    def save(self, run: Any) -> Any:
        """Returns the checkpoint."""

    def load(self, run: Any, saved: Any) -> Any:
        """Returns the run that goes on, into which the checkpoint was loaded."""

    def look(self, run: Any) -> Bits:
        """Returns all that a user looks at."""


def arity(function: Callable[..., Any]) -> int:
    """Returns how many arguments a function needs."""
    listed = inspect.signature(function).parameters.values()
    return sum(
        p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in listed
    )


def driver_of(row: Row, folder: Path) -> Driver:
    """Returns what drives it; checkpoints are written into the folder."""
    if row.way == "sb3":
        from .driving_sb3 import Sb3Driver

        return Sb3Driver(row=row, folder=folder)
    return PlainDriver(row=row, folder=folder)


@final
@dataclass(frozen=True, kw_only=True)
class PlainDriver:
    """Of a component or a loop."""

    row: Row
    folder: Path

    def build(self, seed: int) -> Any:
        """Returns a fresh run, the global streams seeded."""
        seed_all(seed)
        make = self.row.make
        return make(seed) if "seed" in inspect.signature(make).parameters else make()

    def step(self, run: Any, index: int) -> Any:
        """Trains one step."""
        step = self.row.step
        assert step is not None
        return step(run, index) if arity(step) == 2 else step(run)

    def save(self, run: Any) -> Any:
        """Returns what the user saves and, of a component, what the program around it keeps."""
        around = (streams(), self._lent(run)) if self.row.way == "component" else None
        return pickle.dumps((self.state(run), around))

    def state(self, run: Any) -> Any:
        """Returns what the user saves; a path if it was written to a file."""
        save = self.row.save
        if save is None:
            return run.state_dict()
        if arity(save) == 1:
            return save(run)
        path = Path(tempfile.mkdtemp(dir=self.folder)) / "checkpoint.zip"
        save(run, path)
        return path

    def restore(self, run: Any, state: Any) -> Any:
        """Calls the user's load."""
        load = self.row.load
        if load is None:
            run.load_state_dict(state)
            return run
        returned = load(state) if arity(load) == 1 else load(run, state)
        return returned if isinstance(returned, type(run)) else run

    def load(self, run: Any, saved: Any) -> Any:
        """Loads it, and puts back what the program around a component keeps."""
        state, around = pickle.loads(saved)
        run = self.restore(run, state)
        if around is not None:
            for own, kept in zip(self.row.lent(run), around[1], strict=True):
                _put_back(own, kept)
            restore_streams(around[0])
        return run

    def _lent(self, run: Any) -> list[Any]:
        listed = self.row.lent(run)
        return [x if isinstance(x, torch.Tensor) else x.state_dict() for x in listed]

    def look(self, run: Any) -> Bits:
        """Returns what the row says, otherwise its states and what it borrows."""
        if self.row.look is not None:
            return bits_of(self.row.look(run))
        own = run.state_dict() if hasattr(run, "state_dict") else _states_in(run)
        return bits_of([own, self._lent(run)])


def _put_back(own: Any, kept: Any) -> None:
    if not isinstance(own, torch.Tensor):
        own.load_state_dict(kept)
        return
    with torch.no_grad():
        own.copy_(kept)


def _states_in(run: Any) -> dict[str, Any]:
    """What hangs on a trainer and has a state, and its tensors and numbers."""
    held = vars(run).items()
    return {
        name: value.state_dict() if callable(getattr(value, "state_dict", None)) else value
        for name, value in held
        if callable(getattr(value, "state_dict", None)) or isinstance(value, torch.Tensor | float)
    }
