"""Parts of a run as subjects: the `state_dict` contract and its misuse."""

import example_loops as examples
import pytest
import torch
from resumeproof.core.errors import InvalidSubject
from resumeproof.core.scenario import Scenario
from resumeproof.state.mismatch import MismatchKind
from resumeproof.subjects.component import component
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict

SCENARIO = Scenario(length=12, save_at=6, cycles=2, gap=2)


def test_part_that_saves_everything_is_exact():
    """A scaler with scale and counter in its `state_dict` resumes exactly."""
    record = run(examples.scaler, SCENARIO)
    assert record.verdict is Verdict.EXACT
    assert not record.vacuous


def test_forgotten_counter_is_found():
    """A counter that is not in the `state_dict` differs after the load."""
    record = run(examples.forgetful_scaler, SCENARIO)
    assert record.verdict is Verdict.DIFFERS
    assert str(record.findings[0].diff.mismatches[0].keypath) == "component.growth"


def test_step_may_draw_from_the_global_streams():
    """The global streams belong to the program around a part, which keeps them."""

    def step(part):
        torch.nn.init.normal_(part.weight)

    record = run(component(lambda: torch.nn.Linear(2, 2), step=step), SCENARIO)
    assert record.verdict is Verdict.EXACT


def test_module_is_loaded_in_place_although_it_returns_keys():
    """`load_state_dict` of a module returns lists of keys, which are not taken for the module."""
    subject = component(
        lambda: torch.nn.Linear(2, 1),
        step=lambda m: m.weight.data.add_(1),
        save=torch.nn.Module.state_dict,
        load=lambda m, state: m.load_state_dict(state),
    )
    live = subject.build(SCENARIO)
    assert type(live.target) is torch.nn.Linear


def test_part_is_called_by_its_class():
    """The name is that of what the factory makes, unless one is given."""
    assert examples.scaler.name == "component:Scaler"
    assert examples.forgetful_scaler.name == "component:Forgetful"


class Bare:
    """Nothing to save with."""


@pytest.mark.parametrize(
    ("factory", "options", "message"),
    [
        (lambda: None, {}, r"expected a run, got None from make="),
        (Bare, {}, r"got Bare without state_dict\(\): write save=lambda part"),
        (Bare, {"save": vars}, r"together, got only save=: write load= too, or neither"),
        (Bare, {"load": setattr}, r"together, got only load=: write save= too, or neither"),
        (3, {}, r"expected factory= to be callable, got 3 \(int\)"),
    ],
)
def test_wrong_argument_is_refused_at_once(factory, options, message):
    """The message shows what was given, what was expected and what to write."""
    with pytest.raises(InvalidSubject, match=message):
        component(factory, step=lambda part: None, **options)


def _descend(optimizer, index):
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.full_like(parameter, 0.1 * (index % 3))
    optimizer.step()


def _descend_and_decay(scheduler, index):
    _descend(scheduler.optimizer, index)
    scheduler.step()


def _sgd():
    return torch.optim.SGD(torch.nn.Linear(2, 2).parameters(), lr=0.1, momentum=0.9)


def _exponential():
    return torch.optim.lr_scheduler.ExponentialLR(_sgd(), 0.9)


class Wrapper:
    """Stands for an optimizer and hands on to it, as wrappers do that are none of torch's."""

    def __init__(self):
        self.base, self.training = _sgd(), True

    @property
    def param_groups(self):
        """Those of the optimizer."""
        return self.base.param_groups

    def step(self):
        """Of the optimizer."""
        self.base.step()

    def zero_grad(self):
        """Of the optimizer."""
        self.base.zero_grad()

    def state_dict(self):
        """Of the optimizer."""
        return self.base.state_dict()

    def load_state_dict(self, state):
        """Into the optimizer."""
        self.base.load_state_dict(state)


class ForgetfulWrapper(Wrapper):
    """Loses what its optimizer keeps for each parameter."""

    def load_state_dict(self, state):
        """Without the momentum."""
        self.base.load_state_dict({**state, "state": {}})


@pytest.mark.parametrize(
    ("factory", "step"),
    [(_sgd, _descend), (_exponential, _descend_and_decay), (Wrapper, _descend)],
    ids=["parameters", "an optimizer", "parameters of what it wraps"],
)
def test_what_a_part_of_torch_borrows_is_kept_for_it(factory, step):
    """No state of its own is blamed for the values of what the program around lends it."""
    record = run(component(factory, step=step), SCENARIO, ["roundtrip", "idempotence", "resume"])
    assert record.verdict is Verdict.EXACT
    assert not record.vacuous


class Forgets(torch.optim.SGD):
    """Loads its settings without what it keeps for each parameter."""

    def load_state_dict(self, state_dict):
        """As if it had never stepped."""
        super().load_state_dict({**state_dict, "state": {}})


@pytest.mark.parametrize(
    "factory",
    [lambda: Forgets(torch.nn.Linear(2, 2).parameters(), lr=0.1, momentum=0.9), ForgetfulWrapper],
    ids=["an optimizer", "what wraps one"],
)
def test_momentum_of_its_own_is_not_kept_for_an_optimizer(factory):
    """What is lent is put back, what was lost is found."""
    subject = component(factory, step=_descend)
    record = run(subject, SCENARIO, ["roundtrip"])
    assert record.verdict is Verdict.DIFFERS
    kept = [m for m in record.findings[0].diff.mismatches if ".state[" in str(m.keypath)]
    assert {mismatch.kind for mismatch in kept} == {MismatchKind.MISSING}
