"""Parts of a run as subjects: the `state_dict` contract and its misuse."""

import example_loops as examples
import pytest
import torch
from resumeproof.core.errors import InvalidSubject
from resumeproof.core.scenario import Scenario
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
