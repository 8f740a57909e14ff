"""Causes at the finest leaf there is, each with its own kind, and put back where they belong."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
import torch
from resumeproof import Scenario, loop
from resumeproof.state.mismatch import MismatchKind
from resumeproof.verdicts import report
from resumeproof.verdicts.advice import advice
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record, Verdict

SCENARIO = Scenario(length=24, save_at=13)


def _judged(kind: Any, scenario: Scenario = SCENARIO) -> Record:
    subject = loop(make=kind, step=kind.step, save=kind.save, load=kind.load)
    return run(subject, scenario, ("roundtrip", "resume"))


class _Trains:
    """A linear network; the optimizer is that of the class."""

    optimizer_of: Any = staticmethod(lambda parameters: torch.optim.SGD(parameters, lr=0.1))
    zero_first = False

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.net, self.steps = torch.nn.Linear(2, 1), 0
        self.prepare()
        self.optimizer = self.optimizer_of(self.net.parameters())
        self.stream = torch.Generator().manual_seed(seed)

    def prepare(self) -> None:
        """Before the optimizer is made."""

    def step(self) -> None:
        self.change()
        if self.zero_first:
            self.optimizer.zero_grad()
        self.net(torch.randn(4, 2, generator=self.stream)).square().mean().backward()
        self.optimizer.step()
        if not self.zero_first:
            self.optimizer.zero_grad()
        self.steps += 1

    def change(self) -> None:
        """What one step changes beside the weights."""

    def save(self) -> Any:
        parts = [self.net.state_dict(), self.optimizer.state_dict()]
        return pickle.dumps([*parts, self.steps, self.stream.get_state()])

    def load(self, state: Any) -> None:
        net, optimizer, self.steps, stream = pickle.loads(state)
        self.before_load()
        self.net.load_state_dict(net)
        self.optimizer.load_state_dict(optimizer)
        self.stream.set_state(stream)
        self.after_load()

    def before_load(self) -> None:
        """As in a process just started."""

    def after_load(self) -> None:
        """What the load spoils."""


class _Unfreezes(_Trains):
    """A flag that rises at step 6 and is down again after a load."""

    def prepare(self) -> None:
        self.net.weight.requires_grad_(False)

    def change(self) -> None:
        if self.steps == 6:
            self.net.weight.requires_grad_(True)

    def before_load(self) -> None:
        self.net.weight.requires_grad_(False)
        self.net.zero_grad()


class _UnfreezesWithGradients(_Unfreezes):
    """The same, the gradients of the last step still there at the save."""

    zero_first = True


class _UnfreezesUnderAdam(_UnfreezesWithGradients):
    optimizer_of = staticmethod(lambda parameters: torch.optim.Adam(parameters, lr=0.1))


@pytest.mark.parametrize("kind", [_Unfreezes, _UnfreezesWithGradients, _UnfreezesUnderAdam])
@pytest.mark.parametrize("into", ["used", "fresh"])
def test_lost_flag_of_a_parameter_is_the_cause(kind: Any, into: str) -> None:
    """Named as a flag, beside gradients that are gone and reach nothing."""
    record = _judged(kind, Scenario(length=24, save_at=13, into=into))
    assert record.attribution is not None
    (cause,) = record.attribution.causes
    assert (str(cause.keypath), cause.kind) == ("run.net.weight", MismatchKind.LAYOUT)
    assert "requires_grad" in cause.expected


class _LosesARate(_Trains):
    """One member of a group is what the constructor says again."""

    optimizer_of = staticmethod(lambda parameters: torch.optim.AdamW(parameters, lr=0.1))

    def change(self) -> None:
        self.optimizer.param_groups[0]["lr"] = 0.1 / (1 + self.steps)

    def after_load(self) -> None:
        self.optimizer.param_groups[0]["weight_decay"] = 0.25


def test_lost_setting_of_a_group_is_named_by_its_key() -> None:
    """Not the whole group, whose keys torch's own load has put in another order."""
    record = _judged(_LosesARate)
    assert record.attribution is not None
    (cause,) = record.attribution.causes
    assert str(cause.keypath) == "run.optimizer.param_groups[0]['weight_decay']"
    assert (cause.expected, cause.got) == ("0.01", "0.25")


class _KeysOfAnotherType(_Trains):
    """The optimizer's state comes back under texts instead of parameters."""

    optimizer_of = staticmethod(lambda parameters: torch.optim.Adam(parameters, lr=0.1))

    def load(self, state: Any) -> None:
        net, optimizer, *rest = pickle.loads(state)
        optimizer["state"] = {str(key): value for key, value in optimizer["state"].items()}
        super().load(pickle.dumps([net, optimizer, *rest]))


def test_state_under_keys_of_another_type_is_put_back() -> None:
    """What is missing is named by parameter, and explains the difference."""
    record = _judged(_KeysOfAnotherType)
    assert record.attribution is not None
    assert record.attribution.complete
    paths = {str(cause.keypath) for cause in record.attribution.causes}
    assert paths == {"run.optimizer.state['weight']", "run.optimizer.state['bias']"}


class _Scaler:
    def __init__(self, parameters: Any) -> None:
        self.tracked = list(parameters)

    def scale(self) -> None:
        for parameter in self.tracked:
            if parameter.grad is not None:
                parameter.grad.mul_(0.5)


class _TracksCopies:
    """A scaler that was stored with the parameters it tracks."""

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.net = torch.nn.Linear(2, 1)
        self.scaler: Any = _Scaler(self.net.parameters())

    def step(self) -> None:
        self.net.zero_grad()
        self.net(torch.ones(1, 2)).sum().backward()
        if self.scaler is not None:
            self.scaler.scale()
        with torch.no_grad():
            for parameter in self.net.parameters():
                parameter.sub_(0.1 * parameter.grad)

    def save(self) -> Any:
        return pickle.dumps((self.net.state_dict(), self.scaler))

    def load(self, state: Any) -> None:
        net, self.scaler = pickle.loads(state)
        self.net.load_state_dict(net)
        self.net.zero_grad()


def test_cut_alias_is_named_as_such_and_relinked() -> None:
    """ALIASING, not a count of members; and the advice is to relink, not to save."""
    record = _judged(_TracksCopies)
    assert record.attribution is not None
    causes = record.attribution.causes
    assert {cause.kind for cause in causes} == {MismatchKind.ALIASING}
    assert [str(cause.keypath) for cause in causes] == [
        "run.scaler.tracked[0]",
        "run.scaler.tracked[1]",
    ]
    assert advice(causes, {})[0].startswith("relink run.scaler.tracked[0]")


class _ComesBackAsNone(_TracksCopies):
    def load(self, state: Any) -> None:
        super().load(state)
        self.scaler = None


def test_owner_that_is_gone_is_put_back_with_its_links() -> None:
    """The object is named, and tracks the run's own parameters when it is put back."""
    record = _judged(_ComesBackAsNone)
    assert record.verdict is Verdict.DIFFERS
    assert record.attribution is not None
    (cause,) = record.attribution.causes
    assert (str(cause.keypath), cause.kind) == ("run.scaler", MismatchKind.TYPE)


class _Widens:
    """A parameter that becomes double at step 6, and feeds another number."""

    def __init__(self, seed: int = 0) -> None:
        self.weight, self.steps = torch.nn.Parameter(torch.linspace(0, 1, 6).reshape(2, 3)), 0
        self.total = 0.0

    def step(self) -> None:
        if self.steps == 6:
            self.weight.data = self.weight.data.double()
            self.weight.grad = None
        self.weight.grad = None
        (self.weight.sin().sum() * 0.7).backward()
        with torch.no_grad():
            self.weight -= 0.1 * self.weight.grad / 3
        self.total += float(self.weight.detach().sum())
        self.steps += 1

    def save(self) -> Any:
        return self.weight.detach().float(), self.steps, self.total

    def load(self, state: Any) -> None:
        weight, self.steps, self.total = state
        self.weight = torch.nn.Parameter(weight)


def test_lost_dtype_is_put_back_in_the_parameter_itself() -> None:
    """With a gradient of another type below it."""
    record = _judged(_Widens)
    assert record.attribution is not None
    (cause,) = record.attribution.causes
    assert (str(cause.keypath), cause.kind) == ("run.weight", MismatchKind.DTYPE)


class Keys:
    """Counts by number, and comes back through JSON, whose keys are text."""

    def __init__(self):
        self.table, self.steps = {1: 0.0, 2: 0.0}, 0

    def step(self):
        """One of the two."""
        self.steps += 1
        key = 1 + self.steps % 2
        self.table[key] = 0.5 * self.table.get(key, 0.0) + self.steps

    def save(self):
        """As JSON."""
        return json.dumps(vars(self))

    def load(self, text):
        """From JSON."""
        vars(self).update(json.loads(text))


def test_keys_of_another_type_are_advised_as_such():
    """It is nothing that is not saved."""
    subject = loop(make=Keys, step=Keys.step, save=Keys.save, load=Keys.load)
    text = report.failure(run(subject, Scenario(length=12, save_at=7)))
    assert (
        "next: give the keys of run.table back their type: they are saved as int and loaded as "
        "str, as JSON has them\n" in text + "\n"
    )
    assert "save and restore" not in text


class Hidden:
    """Keeps the last output, in the middle of its graph, and a number that observe= hides."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.net = torch.nn.Linear(2, 1)
        self.outcome = self.net(torch.ones(2)).tanh()
        self.rate = 1.0

    def step(self):
        """Moves the weights by the hidden number."""
        self.rate *= 0.9
        self.outcome = self.net(torch.ones(2)).tanh()
        with torch.no_grad():
            self.net.weight.add_(self.rate)

    def save(self):
        """The weights."""
        return self.net.state_dict()

    def load(self, state):
        """The weights; what comes out of them is another operation's."""
        self.net.load_state_dict(state)
        self.outcome = self.net(torch.ones(2)).tanh() * 1


def test_the_operation_that_made_a_tensor_is_nothing_to_be_reached():
    """Where the rest is not explained, it is not listed as what could not be put back."""
    subject = loop(
        make=Hidden,
        step=Hidden.step,
        save=Hidden.save,
        load=Hidden.load,
        observe=lambda run: {"net": run.net, "outcome": [run.outcome]},
    )
    record = run(subject, Scenario(length=8, save_at=5), ["resume"])
    assert not record.attribution.complete
    assert record.attribution.unreachable == ()
    assert "<made by>" in str([m.keypath for m in record.attribution.candidates])
    assert "look for state that cannot be reached from the run" in report.failure(record)
