"""What differs between two identical runs is set aside and listed; everything else is judged."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
import uuid
import weakref
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from resumeproof import Scenario, component, loop
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record, Verdict

SCENARIO = Scenario(length=24, save_at=13)
CHECKS = ("purity", "roundtrip", "resume", "completeness")


class _Trainer:
    """Exact where it keeps its average; `extra` is what differs by nature."""

    keeps = True

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.net = torch.nn.Linear(2, 1)
        self.average = 0.0
        self.start()

    def start(self) -> None:
        """Makes what is noise."""

    def note(self) -> None:
        """Moves what is noise."""

    def step(self) -> None:
        with torch.no_grad():
            for parameter in self.net.parameters():
                parameter.add_(0.1 + 0.01 * self.average)
        self.average = 0.9 * self.average + 0.1
        self.note()

    def save(self) -> Any:
        return [self.net.state_dict(), self.average if self.keeps else None]

    def load(self, state: Any) -> None:
        net, average = state
        self.net.load_state_dict(net)
        if self.keeps:
            self.average = average


class _Clock(_Trainer):
    def start(self) -> None:
        self.started, self.took = time.time(), 0.0

    def note(self) -> None:
        self.took = time.perf_counter()


class _Folder(_Trainer):
    def start(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="run-")
        os.rmdir(self.folder)  # noqa: PTH106 (a name is all that is wanted)
        self.files: list[str] = []

    def note(self) -> None:
        self.files.append(f"{self.folder}/{len(self.files)}")


class _Uuid(_Trainer):
    def start(self) -> None:
        self.runs: dict[str, int] = {}

    def note(self) -> None:
        self.runs[uuid.uuid4().hex] = len(self.runs)


class _Address(_Trainer):
    def start(self) -> None:
        self.names = [repr(object()) for _ in range(3)]

    def note(self) -> None:
        self.names[0] = f"<run at {id(self):#x} after {time.perf_counter_ns()}>"


class _Registry(_Trainer):
    """A table of the process hangs on every run, as accelerate's does."""

    table: ClassVar[dict[str, Any]] = {"alive": []}

    def start(self) -> None:
        self.shared = self.table

    def note(self) -> None:
        self.table["alive"].append(weakref.ref(torch.zeros(1)))


class _Counter(_Trainer):
    """Numbers that the process hands out one after another."""

    numbers = itertools.count()

    def start(self) -> None:
        self.number = next(self.numbers)

    def note(self) -> None:
        self.number = next(self.numbers)


class _Entropy(_Trainer):
    """A generator seeded by the system, drawn for a shape alone."""

    def start(self) -> None:
        self.probe = np.random.default_rng()
        self.size = self.probe.random(3).shape[0]

    def note(self) -> None:
        self.probe.random()


NOISY = [_Clock, _Folder, _Uuid, _Address, _Registry, _Counter, _Entropy]


def _judged(kind: Any, *, keeps: bool, scenario: Scenario = SCENARIO) -> Record:
    made = type(kind.__name__, (kind,), {"keeps": keeps})
    subject = loop(make=made, step=made.step, save=made.save, load=made.load)
    return run(subject, scenario, CHECKS)


@pytest.mark.parametrize("kind", NOISY)
@pytest.mark.parametrize("scenario", [SCENARIO, Scenario(length=24, save_at=4, cycles=2, gap=9)])
def test_exact_run_with_noise_is_exact(kind: Any, scenario: Scenario) -> None:
    """Nothing that differs by nature is called a loss, nor hides that all else is right."""
    record = _judged(kind, keeps=True, scenario=scenario)
    assert (record.verdict, record.findings) == (Verdict.EXACT, ())


@pytest.mark.parametrize("kind", NOISY)
def test_loss_beside_noise_is_named(kind: Any) -> None:
    """The forgotten average is the one cause; what differs by nature is none."""
    record = _judged(kind, keeps=False)
    assert record.verdict is Verdict.DIFFERS
    assert record.attribution is not None
    assert [str(cause.keypath) for cause in record.attribution.causes] == ["run.average"]


def test_noise_is_listed_by_keypath() -> None:
    """The record says what was not judged; without values, which differ from run to run."""
    record = _judged(_Clock, keeps=True)
    assert "run.took" in record.noise
    assert str(time.time())[:6] not in record.to_json()


class _Empty:
    """Rows of a buffer that nobody has written hold whatever lay in memory."""

    make: Any = staticmethod(np.empty)
    keeps = True

    def __init__(self) -> None:
        for value in range(20):
            np.full((400, 3), value + 0.5)
            torch.full((400, 3), value + 0.5)
        self.rows, self.count, self.total = self.make((400, 3)), 0, 0.0

    def step(self, i: int) -> None:
        self.rows[self.count] = float(i)
        self.count += 1
        self.total += float(self.rows[: self.count].sum())

    def state_dict(self) -> dict[str, Any]:
        kept = self.rows[: self.count if self.keeps else 0]
        return {"rows": kept * 1.0, "count": self.count, "total": self.total}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count, self.total = state["count"], state["total"]
        self.rows[: len(state["rows"])] = state["rows"]


@pytest.mark.parametrize("make", [np.empty, torch.empty, np.zeros, torch.zeros])
@pytest.mark.parametrize("into", ["used", "fresh"])
def test_unwritten_memory_is_no_state(make: Any, into: str) -> None:
    """A buffer is judged element by element: what was never written is not asked for."""
    kind = type("Buffer", (_Empty,), {"make": staticmethod(make)})
    scenario = Scenario(length=24, save_at=13, into=into)
    record = run(component(kind, step=kind.step), scenario, ("roundtrip", "resume"))
    assert (record.verdict, record.findings) == (Verdict.EXACT, ())


@pytest.mark.parametrize("make", [np.empty, torch.empty, np.zeros, torch.zeros])
def test_forgotten_rows_of_a_buffer_are_found(make: Any) -> None:
    """The rows that had been written and are lost are named, unwritten memory beside them."""
    kind = type("Buffer", (_Empty,), {"make": staticmethod(make), "keeps": False})
    record = run(component(kind, step=kind.step), SCENARIO, ("resume",))
    assert record.verdict is Verdict.DIFFERS
    assert record.attribution is not None
    assert "component.rows" in [str(cause.keypath) for cause in record.attribution.causes]


class _Unseeded(_Trainer):
    """What learns is noise itself."""

    def step(self) -> None:
        with torch.no_grad():
            self.net.weight.add_(time.perf_counter() % 1)
        self.average += 1.0


class _OnlyNoise:
    """All that moves is noise, and nothing of it is a parameter."""

    def __init__(self, seed: int = 0) -> None:
        self.value = torch.zeros(1)

    def step(self) -> None:
        self.value = self.value + time.perf_counter() % 1

    def save(self) -> Any:
        return self.value

    def load(self, state: Any) -> None:
        self.value = state


def test_flaky_is_said_where_what_learns_is_noise() -> None:
    """A weight that differs between two identical runs leaves nothing to judge."""
    assert _judged(_Unseeded, keeps=True).verdict is Verdict.FLAKY


def test_flaky_is_said_where_nothing_is_left() -> None:
    """A run of which everything that moves is noise cannot be judged."""
    kind = _OnlyNoise
    subject = loop(make=kind, step=kind.step, save=kind.save, load=kind.load)
    assert run(subject, SCENARIO, ("resume",)).verdict is Verdict.FLAKY


def test_flaky_run_still_reports_what_a_load_lost() -> None:
    """Also a run that does not repeat itself may have forgotten something."""
    record = _judged(_Unseeded, keeps=False)
    assert record.verdict is Verdict.FLAKY
    lost = [str(m.keypath) for f in record.findings for m in f.diff.mismatches]
    assert "run.average" in lost


class _Logs(_Trainer):
    """Writes to a folder of its own, and forgets its average."""

    keeps = False

    def start(self) -> None:
        self.folder, self.scratch = tempfile.mkdtemp(), np.empty(3)
        self.scratch[:] = time.perf_counter()


def test_records_hold_no_value_that_no_other_run_has() -> None:
    """Their lines are the same, byte for byte, but for the clocks."""
    subject = loop(make=_Logs, step=_Logs.step, save=_Logs.save, load=_Logs.load)
    plain = []
    for _ in range(3):
        record = run(subject, SCENARIO, CHECKS)
        assert record.verdict is Verdict.DIFFERS
        plain.append(record.to_plain())
        plain[-1]["seconds"] = plain[-1]["attribution"]["seconds"] = 0
    assert plain[0] == plain[1] == plain[2]
    assert "run.folder" in record.noise
    (text,) = {
        m.expected for f in record.findings for m in f.diff.mismatches if m.expected == m.got
    }
    assert text == "a value that no other run has"


class _Timed(_Trainer):
    """Notes when it began, for its log; its rate can be passed to the build and to the load."""

    def __init__(self, seed: int = 0, rate: float = 0.1) -> None:
        self.rate = rate
        super().__init__(seed)

    def start(self) -> None:
        self.began = time.perf_counter()

    def save(self, path: Any) -> None:  # type: ignore[override]
        torch.save([self.net.state_dict(), self.average, self.rate], path)

    def load(self, path: Any, rate: float | None = None) -> None:
        weights, self.average, kept = torch.load(path)
        self.net.load_state_dict(weights)
        self.rate = kept if rate is None else rate


def test_checks_that_compare_two_loads_judge_no_clock() -> None:
    """A file without an entry that nobody reads loads as the intact one, a moment later."""
    kind = _Timed
    subject = loop(
        make=kind, step=kind.step, save=kind.save, load=kind.load, overrides={"rate": 0.5}
    )
    record = run(subject, SCENARIO, ("strictness", "override", "in_force", "isolation"))
    assert (record.verdict, record.findings) == (Verdict.EXACT, ())
    assert "run.began" in record.noise
