"""Putting state back into live objects: in place, for every kind of difference."""

import collections
import random

import numpy as np
import pytest
import torch
from resumeproof.state.compare import compare
from resumeproof.transplant.patch import Transplant, Unreachable
from resumeproof.transplant.sites import graph_of, sites


class Thing:
    """Attributes, as given."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


def transplanted(donor, target):
    """Puts all differences back, and says what still differs."""
    for _ in range(3):  # what was put back may uncover more
        graphs = [graph_of({"it": thing}) for thing in (donor, target)]
        diff = compare(graphs[0].snapshot, graphs[1].snapshot)
        transplant = Transplant(*graphs)
        for site in sites(diff.mismatches, *graphs):
            transplant.put(site)
    return compare(graphs[0].snapshot, graph_of({"it": target}).snapshot).mismatches


def moved(generator, draws=3):
    """A generator some draws further."""
    for _ in range(draws):
        generator.random()
    return generator


def graded(value):
    """A parameter with a gradient."""
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.full((2,), value)
    return parameter


# what it is -> how to make it, in two states
CASES = {
    "int": lambda s: [1, 2][s],
    "type": lambda s: [None, np.ones(3)][s],
    "tensor": lambda s: torch.full((2, 3), float(s)),
    "tensor of another shape": lambda s: torch.zeros(2 + s),
    "array": lambda s: np.full((2, 3), s),
    "array of another dtype": lambda s: np.zeros(2, [np.float32, np.int64][s]),
    "tuple in a list": lambda s: [(1, s)],
    "longer list": lambda s: [1] * (2 + s),
    "shorter list": lambda s: [1] * (3 - s),
    "deque": lambda s: collections.deque([{"r": s}] * (1 + s), maxlen=4),
    "dict with another key": lambda s: {"a": 1, f"b{s}": 2},
    "dict in another order": lambda s: [{"a": 1, "b": 2}, {"b": 2, "a": 1}][s],
    "set": lambda s: {1, 2 + s},
    "python stream": lambda s: moved(random.Random(s)),
    "numpy stream": lambda s: moved(np.random.RandomState(7), 1 + s),
    "numpy generator": lambda s: moved(np.random.Generator(np.random.PCG64(7)), 1 + s),
    "torch stream": lambda s: torch.Generator().manual_seed(s),
    "attribute": lambda s: Thing(**{"a": 1, f"b{s}": 2}),
    "gradient": lambda s: graded(float(s)),
    "no gradient": lambda s: [graded(1.0), torch.nn.Parameter(torch.ones(2))][s],
    "a gradient": lambda s: [torch.nn.Parameter(torch.ones(2)), graded(1.0)][s],
    "module": lambda s: torch.nn.Linear(2, 2),
    "closure": lambda s: lambda: s,
}


@pytest.mark.parametrize("name", CASES)
def test_every_difference_is_put_back(name):
    """Afterwards the target cannot be told from the donor."""
    donor, target = (Thing(x=CASES[name](state), y=0) for state in (0, 1))
    assert not transplanted(donor, target)


@pytest.mark.parametrize("name", ["tensor", "array", "longer list", "set", "torch stream"])
def test_objects_are_kept_where_they_can_take_the_state(name):
    """What others alias is written to, not replaced."""
    donor, target = (Thing(x=CASES[name](state)) for state in (0, 1))
    kept = target.x
    transplanted(donor, target)
    assert target.x is kept


def test_a_cut_alias_is_joined_in_the_target():
    """The attribute then names the target's own object, not the donor's."""
    shared = np.ones(2)
    donor, target = Thing(a=shared, b=shared), Thing(a=np.ones(2), b=np.ones(2))
    assert not transplanted(donor, target)
    assert target.b is target.a is not shared


def test_what_is_missing_refers_to_the_target():
    """A copied object holds the target's counterparts of what the donor's held."""
    donor, target = Thing(net=torch.nn.Linear(1, 1)), Thing(net=torch.nn.Linear(1, 1))
    donor.user = Thing(of=donor.net)
    assert not transplanted(donor, target)
    assert target.user.of is target.net


def test_optimizer_state_is_reached_by_the_name_of_its_parameter():
    """Moments go to the target's parameter, also where it has none yet."""

    def made(steps):
        net = torch.nn.Linear(2, 1)
        thing = Thing(net=net, opt=torch.optim.Adam(net.parameters()))
        for _ in range(steps):
            net(torch.ones(2)).backward()
            thing.opt.step()
        return thing

    for steps in (0, 3):
        donor, target = made(2), made(steps)
        assert not transplanted(donor, target)
        assert set(target.opt.state) == set(target.net.parameters())


def test_the_donor_keeps_its_state():
    """Training the target afterwards moves nothing of the donor."""
    donor, target = Thing(x=[1, [2]]), Thing(x=[1])
    transplanted(donor, target)
    target.x[1].append(3)
    assert donor.x == [1, [2]]


def test_what_cannot_be_reached_says_why():
    """The seed sequence of a bit generator has no setter."""
    donor, target = (Thing(x=np.random.PCG64(seed)) for seed in (0, 1))
    with pytest.raises(Unreachable, match="seed_seq"):
        transplanted(donor, target)
