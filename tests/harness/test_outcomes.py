"""What becomes of a loss: it spreads, is contained, heals, or reaches nothing at all."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from resumeproof import Scenario, loop
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record, Verdict

CHECKS = ("purity", "roundtrip", "resume", "completeness")
ONE, TWO = Scenario(length=24, save_at=13), Scenario(length=24, save_at=4, cycles=2, gap=8)


def _judged(kind: Any, scenario: Scenario) -> Record:
    subject = loop(make=kind, step=kind.step, save=kind.save, load=kind.load)
    return run(subject, scenario, CHECKS)


class _Part:
    def __init__(self, rate: float, note: str) -> None:
        self.rate, self.note = rate, note


class _BornLater:
    """What is made between two saves comes back with a note that nobody reads."""

    born = 7

    def __init__(self, seed: int = 0) -> None:
        self.value, self.steps = torch.zeros(2), 0
        self.part: _Part | None = None

    def step(self) -> None:
        if self.steps == self.born:
            self.part = _Part(0.5, "made in training")
        self.value = self.value * (self.part.rate if self.part else 0.25) + self.steps
        self.steps += 1

    def save(self) -> Any:
        return [self.value.clone(), self.steps, self.part and self.part.rate]

    def load(self, state: Any) -> None:
        self.value, self.steps, rate = state
        self.part = None if rate is None else _Part(rate, "made by a load")


class _Unfreezes:
    """Adds a group to its optimizer; torch's own load puts the keys of a group in another order."""

    born = 7

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.body, self.head, self.steps = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1), 0
        self.stream = torch.Generator().manual_seed(seed)
        self.build(both=False)

    def build(self, *, both: bool) -> None:
        self.optimizer = torch.optim.SGD(self.head.parameters(), lr=0.1)
        self.body.requires_grad_(both)
        if both:
            self.optimizer.add_param_group({"params": list(self.body.parameters())})

    def step(self) -> None:
        if self.steps == self.born:
            self.body.requires_grad_(True)
            self.optimizer.add_param_group({"params": list(self.body.parameters())})
        inputs = torch.randn(4, 2, generator=self.stream)
        self.head(self.body(inputs).tanh()).square().mean().backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.steps += 1

    def save(self) -> Any:
        parts = (self.body, self.head, self.optimizer)
        return [*(part.state_dict() for part in parts), self.steps, self.stream.get_state()]

    def load(self, state: Any) -> None:
        body, head, optimizer, self.steps, stream = state
        self.build(both=len(optimizer["param_groups"]) == 2)
        self.body.load_state_dict(body)
        self.head.load_state_dict(head)
        self.optimizer.load_state_dict(optimizer)
        self.stream.set_state(stream)


class _LastLoss:
    """A number for the log, made anew in every fourth step and read by nobody."""

    def __init__(self, seed: int = 0) -> None:
        self.weight, self.count, self.last = torch.zeros(2), 0, 0.0

    def step(self) -> None:
        self.count += 1
        self.weight = self.weight + 0.01 * self.count
        if self.count % 4 == 0:
            self.last = float(self.weight.sum())

    def save(self) -> Any:
        return self.weight.clone(), self.count

    def load(self, state: Any) -> None:
        self.weight, self.count = state


class _Scratch(_LastLoss):
    """A buffer that does not exist until the run makes it, anew each time it is used."""

    def step(self) -> None:
        self.count += 1
        if self.count % 2 == 0:
            self.scratch = {"data": torch.full((2,), float(self.count))}
            self.weight = self.weight + self.scratch["data"]

    def load(self, state: Any) -> None:
        super().load(state)
        vars(self).pop("scratch", None)


EXACT = [_BornLater, _Unfreezes, _LastLoss, _Scratch]


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("into", ["used", "fresh"])
@pytest.mark.parametrize("scenario", [ONE, TWO, Scenario(length=24, save_at=2, cycles=3, gap=7)])
def test_what_reaches_nothing_is_no_failure(kind: Any, scenario: Scenario, into: str) -> None:
    """Born between two saves, renewed, healed or never read: an exact run is EXACT."""
    scenario = Scenario(**{**vars(scenario), "into": into})
    record = _judged(kind, scenario)
    assert (record.verdict, record.findings) == (Verdict.EXACT, ())


class _Rate:
    """A rate that falls, a counter that nobody reads, and a stream whose numbers are thrown away.

    `keeps` are the attributes that a load brings back.
    """

    keeps: tuple[str, ...] = ("weight", "rate", "count", "last")

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.weight, self.rate, self.count, self.last = torch.ones(2), 1.0, 0, 0.0

    def step(self, i: int) -> None:
        torch.rand(1)
        self.count += 1
        self.weight = self.weight * self.rate
        self.rate *= 0.9
        if i % 3 == 0:
            self.last = float(self.weight.sum())

    def save(self) -> Any:
        return {name: getattr(self, name) for name in self.keeps}

    def load(self, state: Any) -> None:
        vars(self).update(state)


def _paths(listed: Any) -> list[str]:
    return [str(mismatch.keypath) for mismatch in listed]


def test_contained_loss_is_named_as_such() -> None:
    """A counter, and a stream beside it, that reach nothing are told from causes, and are lost."""
    kind = type("Kind", (_Rate,), {"keeps": ("weight", "rate", "last")})
    record = _judged(kind, ONE)
    assert record.verdict is Verdict.DIFFERS
    assert record.attribution is not None
    assert record.attribution.causes == ()
    assert sorted(_paths(record.attribution.contained)) == ["run.count", "streams.torch"]


def test_stream_whose_numbers_are_thrown_away_is_no_failure() -> None:
    """Where a stream stands means nothing in itself: said to be contained, and EXACT."""
    record = _judged(_Rate, ONE)
    assert (record.verdict, record.findings) == (Verdict.EXACT, ())
    assert any("streams.torch comes back otherwise" in note for note in record.notes)
    assert record.attribution is not None
    assert _paths(record.attribution.contained) == ["streams.torch"]


def test_contained_and_healed_losses_hide_no_spreading_one() -> None:
    """Each of four losses by what became of it."""
    kind = type("Kind", (_Rate,), {"keeps": ("weight", "count")})
    record = _judged(kind, ONE)
    assert record.verdict is Verdict.DIFFERS
    found = record.attribution
    assert found is not None
    assert _paths(found.causes) == ["run.rate"]
    assert _paths(found.contained) == ["streams.torch"]
    assert _paths(found.healed) == ["run.last"]


class _ForgetsMomentum:
    """torch's own load puts the keys of a group in another order, beside a loss that spreads."""

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.weight = torch.nn.Parameter(torch.ones(2))
        self.optimizer = torch.optim.SGD([self.weight], lr=0.1, momentum=0.9)

    def step(self) -> None:
        self.optimizer.zero_grad()
        self.weight.square().sum().backward()
        self.optimizer.step()

    def save(self) -> Any:
        return self.weight.detach().clone(), self.optimizer.state_dict()

    def load(self, state: Any) -> None:
        weight, optimizer = state
        self.weight.data.copy_(weight)
        self.optimizer.load_state_dict({**optimizer, "state": {}})


def test_harmless_order_of_keys_covers_no_loss_below_it() -> None:
    """The momentum spreads to the weight, which hangs below the group whose keys moved."""
    record = _judged(_ForgetsMomentum, ONE)
    assert record.attribution is not None
    assert any("momentum_buffer" in path for path in _paths(record.attribution.causes)) or any(
        "optimizer.state" in path for path in _paths(record.attribution.causes)
    )


def test_loss_that_makes_the_resumed_run_raise_is_a_difference() -> None:
    """What raised is said beside the cause; nobody is told to correct what raised."""

    class Raises(_Rate):
        keeps = ("rate", "count", "last")

        def step(self, i: int) -> None:
            super().step(i)
            if self.weight.isnan().any():
                raise ValueError("a weight is not a number")

    record = _judged(Raises, ONE)
    assert record.verdict is Verdict.DIFFERS
    assert record.attribution is not None
    assert _paths(record.attribution.causes) == ["run.weight"]
    assert "a weight is not a number" in " ".join(record.notes)
