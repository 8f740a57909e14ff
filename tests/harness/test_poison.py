"""The poison of a target: a function of the scenario alone, and never a loss of its own."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pytest
import torch
from resumeproof import Scenario, component, loop
from resumeproof.subjects.poison import floats_of, spoil
from resumeproof.verdicts.runner import run


def test_spoiling_reaches_optimizer_state_and_keeps_constants() -> None:
    """Moments and parameters become NaN, a buffer that never moves does not."""
    model = torch.nn.Linear(2, 1)
    model.register_buffer("offset", torch.ones(1))
    optimizer = torch.optim.Adam(model.parameters())
    roots = {"run": [model, optimizer]}
    fresh = floats_of(roots)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert len(spoil(roots, fresh)) >= 6
    assert model.weight.isnan().all()
    assert optimizer.state[model.weight]["exp_avg"].isnan().all()
    assert model.offset.item() == 1.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.ones(3).expand(4, 3),
        lambda: np.broadcast_to(np.ones(3), (4, 3)),
        lambda: torch.ones(3, dtype=torch.int64),
        lambda: np.frombuffer(bytes(16), np.float64),
        lambda: torch.ones(2, 1).expand(2, 5)[:, 1:],
    ],
)
def test_what_cannot_be_written_is_left_as_it_is(make: Any) -> None:
    """Memory that overlaps itself, read-only arrays, and whatever is no float."""
    item = make()
    before = np.asarray(item).tobytes()
    assert spoil({"run": item}, {}) == ()
    assert np.asarray(item).tobytes() == before


def test_replaced_constant_is_known_by_its_place() -> None:
    """A scratch made anew, as in a fresh build, is no state; a moved one is."""
    fresh = floats_of({"run": {"scratch": torch.zeros(2), "mean": torch.zeros(2)}})
    later = {"run": {"scratch": torch.zeros(2), "mean": torch.ones(2)}}
    assert [str(path) for path in spoil(later, fresh)] == ["run['mean']"]


def test_what_is_made_on_its_first_use_and_stays_is_no_state() -> None:
    """A table that is there half-way as it is at the end; what a fresh build held may rest."""
    fresh = floats_of({"run": {"target": torch.zeros(2)}})
    run = {"target": torch.ones(2), "table": torch.ones(2), "moment": torch.ones(2)}
    earlier = floats_of({"run": {**run, "moment": torch.zeros(2)}})
    spoiled = [str(path) for path in spoil({"run": run}, fresh, earlier)]
    assert spoiled == ["run['target']", "run['moment']"]


class _Lazy:
    """Keeps what it has worked out once, and saves only its weight."""

    def __init__(self, seed: int = 0) -> None:
        self.weight, self.steps = torch.full((2,), float(seed)), 0

    @cached_property
    def scale(self) -> torch.Tensor:
        """Worked out in the first step."""
        return torch.tensor([0.5, 2.0])

    def step(self) -> None:
        self.weight = self.weight + self.scale
        self.steps += 1

    def save(self) -> list[Any]:
        return [self.weight.clone(), self.steps]

    def load(self, state: list[Any]) -> None:
        self.weight, self.steps = state[0].clone(), state[1]


def test_a_cached_property_is_no_loss() -> None:
    """Whether the target has worked it out or not, it is the same."""
    subject = loop(make=_Lazy, step=_Lazy.step, save=_Lazy.save, load=_Lazy.load)
    for into in ("used", "fresh"):
        record = run(subject, Scenario(length=12, save_at=5, into=into), ("resume", "roundtrip"))
        assert record.findings == ()


MASK = torch.ones(3)


class _Masks:
    """From its second step on it holds what its module and its class hold."""

    TABLE: Any = np.full(3, 2.0)

    def __init__(self, seed: int = 0) -> None:
        self.total, self.steps = 0.0, 0
        self.mask: Any = None
        self.table: Any = None
        self.weight = torch.zeros(3)

    def step(self) -> None:
        self.steps += 1
        if self.steps == 2:
            self.mask, self.table = MASK, self.TABLE
        if self.mask is not None:
            self.weight = self.weight + self.mask * torch.from_numpy(self.table)
        self.total += float(self.weight.sum())

    def save(self) -> Any:
        return {"total": self.total, "steps": self.steps, "weight": self.weight.clone()}

    def load(self, state: Any) -> None:
        vars(self).update(state)
        late = self.steps >= 2
        self.mask, self.table = (MASK, self.TABLE) if late else (None, None)


def test_what_a_module_or_a_class_holds_is_never_spoiled() -> None:
    """It belongs to all runs of the program: the next one would begin with NaN."""
    parts: dict[str, Any] = {"step": _Masks.step, "save": _Masks.save, "load": _Masks.load}
    subject = component(_Masks, strict=True, **parts)
    for cycles in (1, 2):
        scenario = Scenario(length=8, save_at=4, cycles=cycles, gap=2 * (cycles - 1))
        record = run(subject, scenario, ("roundtrip", "resume", "completeness"))
        assert (record.verdict.value, record.findings) == ("EXACT", ())
    assert MASK.tolist() == [1.0] * 3
    assert _Masks.TABLE.tolist() == [2.0] * 3


class _Scratch:
    """Exact: what it sums into is empty at the end of every step, and made anew."""

    kind: Any = staticmethod(torch.zeros)

    def __init__(self) -> None:
        self.steps, self.scratch, self.history = 0, self.kind(2), self.kind(3)

    def step(self, i: int) -> None:
        self.scratch = self.scratch + float(self.steps)
        self.history = self.history + 0.0
        self.history[self.steps % 3] = self.scratch.sum()
        self.scratch, self.steps = self.kind(2), self.steps + 1

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "history": self.history + 0.0}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps, self.history = state["steps"], state["history"] + 0.0


class _NumpyScratch(_Scratch):
    """The same with arrays."""

    kind = staticmethod(np.zeros)


@pytest.mark.parametrize("part", [_Scratch, _NumpyScratch])
def test_records_of_an_exact_part_do_not_depend_on_what_the_process_did(part: Any) -> None:
    """Twenty runs of one scenario, the memory used otherwise each time: EXACT twenty times."""
    subject = component(part, step=part.step)
    scenario = Scenario(length=24, save_at=13)
    records = []
    for number in range(20):
        occupied = [torch.zeros(1) for _ in range(number * 7)]
        records.append(run(subject, scenario, ("resume",)).verdict.value)
        del occupied
    assert records == ["EXACT"] * 20


class _KeepsDistribution:
    """Keeps its last distribution, whose deviation is expanded, and forgets its optimizer."""

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.net = torch.nn.Linear(2, 2)
        self.deviation = torch.nn.Parameter(torch.ones(2))
        self.optimizer = torch.optim.Adam([*self.net.parameters(), self.deviation], lr=0.01)
        self.distribution: Any = None

    def step(self) -> None:
        mean = self.net(torch.randn(8, 2))
        self.distribution = torch.distributions.Normal(mean, self.deviation.expand_as(mean))
        self.optimizer.zero_grad()
        (-self.distribution.log_prob(torch.zeros(8, 2)).mean()).backward()
        self.optimizer.step()

    def save(self, path: Any) -> None:
        torch.save([self.net.state_dict(), self.deviation.data, torch.get_rng_state()], path)

    def load(self, path: Any) -> None:
        net, deviation, stream = torch.load(path)
        self.net.load_state_dict(net)
        self.deviation.data.copy_(deviation)
        torch.set_rng_state(stream)


def test_overlapping_memory_in_a_target_hides_no_cause() -> None:
    """The forgotten optimizer is named; nothing is said to have raised."""
    kind = _KeepsDistribution
    record = run(
        loop(make=kind, step=kind.step, save=kind.save, load=kind.load),
        Scenario(length=12, save_at=5),
        ("resume",),
    )
    assert record.attribution is not None
    assert any("optimizer" in owner for owner in record.attribution.groups)
