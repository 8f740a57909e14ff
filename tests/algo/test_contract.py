"""The contract that every stateful component keeps; a new component is one row of `components`.

- what is restored goes on bit for bit, through a file, a copy and a pickle;
- a state with any entry missing, surplus, reshaped or of another type is refused, and nothing
  has changed then; whoever gives or takes a state shares nothing with the component;
- every argument is checked, and the message holds its name, its value and its type.
"""

from __future__ import annotations

import copy
import io
import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from resumeproof.state.capture import capture
from resumeproof.state.compare import compare

from tests.algo.components import COMPONENTS

# what torch itself changes in any optimizer that is restored: exact places, nothing below them
OF_TORCH = {
    "defaults['differentiable']": "added",
    "_warned_capturable_if_run_uncaptured": "forgotten",
    "_optimizer._warned_capturable_if_run_uncaptured": "forgotten",
    "param_groups[0]": "the key params is put last",
}
EVERY = pytest.mark.parametrize("name", COMPONENTS)


def make_moved(name: str, steps: range = range(7)) -> Any:
    """A component that has taken the steps of these seeds."""
    part = COMPONENTS[name].make()
    for seed in steps:
        COMPONENTS[name].step(part, seed)
    return part


def different(left: Any, right: Any) -> list[str]:
    """Where two live objects differ, by the instrument."""
    places = [str(m.keypath) for m in compare(capture(left), capture(right)).mismatches]
    return [place for place in places if place not in OF_TORCH]


def through_file(name: str, part: Any) -> Any:
    """Its state, read back without trusting a pickle, in another instance that has moved too."""
    file = io.BytesIO()
    torch.save(part.state_dict(), file)
    file.seek(0)
    other = COMPONENTS[name].make(**COMPONENTS[name].other)
    COMPONENTS[name].step(other, 31)
    other.load_state_dict(torch.load(file, weights_only=True))
    return other


def through_deepcopy(_: str, part: Any) -> Any:
    """Copied with whatever it refers to."""
    return copy.deepcopy(part)


def through_pickle(_: str, part: Any) -> Any:
    """Pickled with whatever it refers to."""
    return pickle.loads(pickle.dumps(part))


@EVERY
@pytest.mark.parametrize("through", [through_file, through_deepcopy, through_pickle])
def test_restored_component_goes_on_bit_for_bit(
    name: str, through: Callable[[str, Any], Any]
) -> None:
    """In every leaf, at once and after the same further steps, also a second time."""
    part = make_moved(name)
    for cycle in range(2):
        other = through(name, part)
        assert different(part, other) == []
        before = capture(part)
        for seed in range(40 + cycle, 44 + cycle):
            COMPONENTS[name].step(other, seed)
        assert compare(before, capture(part)).mismatches == ()
        assert different(part, other) != []
        for seed in range(40 + cycle, 44 + cycle):
            COMPONENTS[name].step(part, seed)
        assert different(part, other) == []


@EVERY
def test_state_that_is_given_is_shared_with_nobody(name: str) -> None:
    """Neither does the component move it, nor does it move the component."""
    donor, part = make_moved(name), COMPONENTS[name].make()
    given = copy.deepcopy(donor.state_dict())
    part.load_state_dict(given)
    kept = capture(given)
    COMPONENTS[name].step(part, 50)
    assert compare(kept, capture(given)).mismatches == ()
    before = capture(part)
    for tensor in tensors_in(given):
        tensor.fill_(1)
    assert compare(before, capture(part)).mismatches == ()


@pytest.mark.parametrize("name", [name for name, row in COMPONENTS.items() if not row.lends])
def test_state_that_is_taken_is_shared_with_nobody(name: str) -> None:
    """What was taken stays as it was while the component goes on."""
    part = make_moved(name)
    taken, kept = part.state_dict(), capture(part.state_dict())
    COMPONENTS[name].step(part, 50)
    assert compare(kept, capture(taken)).mismatches == ()
    assert compare(kept, capture(part.state_dict())).mismatches != ()


def tensors_in(state: Any) -> Iterator[torch.Tensor]:
    """Every tensor of a state."""
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, dict | list):
        for value in state.values() if isinstance(state, dict) else state:
            yield from tensors_in(value)


def damages(state: Any, path: str = "") -> Iterator[tuple[str, Callable[[], Any]]]:
    """Everything that can be wrong with one entry of a state, and what puts it there."""
    if isinstance(state, dict):
        yield f"{path} surplus", lambda: state.update(surplus=1)
        for key in list(state):
            yield f"{path}/{key} missing", lambda key=key: state.pop(key)
            wrong = torch.zeros(17) if isinstance(state[key], torch.Tensor) else object()
            yield f"{path}/{key} wrong", lambda key=key, wrong=wrong: state.update({key: wrong})
            yield from damages(state[key], f"{path}/{key}")
    elif isinstance(state, list) and all(isinstance(item, dict) for item in state):
        yield f"{path} emptied", state.clear
        yield f"{path} doubled", lambda: state.extend(copy.deepcopy(state))
        for place, item in enumerate(state):
            yield from damages(item, f"{path}/{place}")


DAMAGES = [
    (name, damage)
    for name in COMPONENTS
    for damage, _ in damages(make_moved(name).state_dict())
    if damage not in {f"{path} missing" for path in COMPONENTS[name].optional}
]


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_damaged_state_is_refused_and_nothing_restored(name: str, damage: str) -> None:
    """One error that says what was expected, and the component is as it was."""
    part, donor = make_moved(name), make_moved(name, range(20, 25))
    state, before = copy.deepcopy(donor.state_dict()), capture(part)
    dict(damages(state))[damage]()
    with pytest.raises(ValueError, match="expected"):
        part.load_state_dict(state)
    assert compare(before, capture(part)).mismatches == ()


@pytest.mark.parametrize("name", COMPONENTS)
@pytest.mark.parametrize("other", COMPONENTS)
def test_state_of_another_component_is_refused(name: str, other: str) -> None:
    """Also of one that looks much like it; its own it takes."""
    part, state = COMPONENTS[name].make(), make_moved(other).state_dict()
    if name == other:
        part.load_state_dict(state)
        return
    with pytest.raises(ValueError, match=r"missing=.* unknown="):
        part.load_state_dict(state)


ILLEGAL = [
    (name, argument, value)
    for name, row in COMPONENTS.items()
    for argument, values in row.illegal.items()
    for value in values
]


@pytest.mark.parametrize(("name", "argument", "value"), ILLEGAL)
def test_argument_out_of_its_range_is_refused(name: str, argument: str, value: Any) -> None:
    """The message has what is expected, the value that it got, and its type."""
    message = rf"expected {argument} to be .+, got {argument}={re.escape(repr(value))} \("
    message += rf"{type(value).__name__}\)"
    with pytest.raises(ValueError, match=message):
        COMPONENTS[name].make(**{argument: value})


@EVERY
def test_unknown_argument_is_refused_and_no_stream_moves(name: str) -> None:
    """By its name."""
    before = torch.get_rng_state()
    with pytest.raises(TypeError, match="momentum"):
        COMPONENTS[name].make(momentum=0.9)
    assert torch.equal(before, torch.get_rng_state())
