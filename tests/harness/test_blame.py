"""An error names the user's own line, and of a failed save the part that cannot be written."""

from __future__ import annotations

import functools
import threading
from typing import Any

import pytest
import torch
from resumeproof import Scenario, loop, sb3
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record, Verdict
from stable_baselines3 import PPO

SCENARIO = Scenario(length=8, save_at=4)


class _Holder:
    def __init__(self, item: Any) -> None:
        self.item = item


class _Run:
    """Writes itself as a whole; `make` is what cannot be written."""

    make: Any = staticmethod(threading.Lock)

    def __init__(self, seed: int = 0) -> None:
        self.weight = torch.zeros(1)
        self.parts = [_Holder(1), {"held": _Holder(self.make())}]

    def step(self) -> None:
        self.weight = self.weight + 1

    def save(self, path: Any) -> None:
        torch.save(self, path)

    def load(self, path: Any) -> None:
        vars(self).update(vars(torch.load(path, weights_only=False)))


def _judged(kind: Any) -> Record:
    subject = loop(make=kind, step=kind.step, save=kind.save, load=kind.load)
    return run(subject, SCENARIO, ("resume",))


@pytest.mark.parametrize(
    "make", [threading.Lock, lambda: lambda: None, lambda: (i for i in range(3))]
)
def test_part_that_cannot_be_written_is_named(make: Any) -> None:
    """By its KeyPath in the run, however deep it lies."""
    record = _judged(type("Unwritable", (_Run,), {"make": staticmethod(make)}))
    assert record.verdict is Verdict.ERROR
    assert "cannot be written: run.parts[1]['held'].item" in record.error


def test_line_of_an_error_is_the_users_own() -> None:
    """Not that of the standard library which raised for it."""

    class Compares(_Run):
        def save(self, path: Any) -> None:
            sorted([1, "a"], key=functools.cmp_to_key(lambda a, b: a < b))

    record = _judged(Compares)
    assert record.verdict is Verdict.ERROR
    assert "test_blame.py" in record.error
    assert "functools.py" not in record.error


class _LogsInAClosure(PPO):
    """A schedule that reaches an open file, as bug 8 did."""

    def _setup_model(self) -> None:
        super()._setup_model()
        log = threading.Lock()
        self.clip_range = lambda progress: (log, 0.2)[1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_closure_in_an_algorithm_is_named() -> None:
    """The attribute of the model, not a line of the pickler."""
    subject = sb3(_LogsInAClosure, env="CartPole-v1", n_steps=8, batch_size=8, n_epochs=1)
    record = run(subject, Scenario(length=16, save_at=8), ("resume",))
    assert record.verdict is Verdict.ERROR
    assert "cannot be written: model.clip_range" in record.error
    assert "pickle.py" not in record.error
