"""Where the training loop stands: what a save in mid-rollout has to hold besides the buffers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, final

from .callbacks import CallbackRun

IDLE, COLLECTING, COLLECTED = "idle", "collecting", "collected"


@final
@dataclass(kw_only=True)
class Loop:
    """Where the training loop stands.

    Attributes:
        phase: "idle" between rollouts, "collecting" in one, "collected" between one and its update.
        iteration: rollouts completed in this `learn()`, which decides when logs are written.
        learning: whether a `learn()` was running when the run was saved.
        pending: the hook that was in the middle of its callbacks when the run was saved.
        callback_states: states read from a checkpoint, waiting for `learn(callback=...)`.
        log: values recorded but not written yet, waiting for the logger that `learn()` makes.
        callbacks: the callbacks of the current or last `learn()`.
        transition: what the callbacks see of the current step.
        unfinished: what was interrupted half-way, by an error or Ctrl-C, or None.
    """

    phase: str = IDLE
    iteration: int = 0
    learning: bool = False
    pending: dict[str, Any] | None = None
    callback_states: dict[str, Any] = field(default_factory=dict)
    log: dict[str, dict[str, Any]] = field(default_factory=dict)
    callbacks: CallbackRun | None = None
    transition: dict[str, Any] = field(default_factory=dict)
    unfinished: str | None = None

    @contextmanager
    def indivisible(self, what: str) -> Iterator[None]:
        """Notes that the block has begun; only its end takes the note away, an error does not."""
        self.unfinished = what
        yield
        self.unfinished = None
