"""Putting back what is half-way: an iterator's position, a queue's content, a table of ids."""

import itertools

import pytest
import torch
from torch.utils import data

from tests.harness.hidden import identities, memory, running
from tests.harness.transplants import Thing, put_back

# could not be reached, for a reason that is in the report
REFUSED = {
    "pairwise": "cannot pickle",
    "dict iterator": "a copy of a dict_keyiterator is a list_iterator",
    "reversed dict": "is a list_iterator",
    "values iterator": "is a list_iterator",
    "items iterator": "is a list_iterator",
    "OrderedDict iterator": "is a list_iterator",
    "set iterator": "is a list_iterator",
    "flat iterator": "cannot pickle",
    "enumerated array": "cannot pickle",
    "generator": "nor moved to another instruction",
    "generator in an error": "nor moved to another instruction",
    "generator that lists its variables": "nor moved to another instruction",
    "generator over a counter": "nor moved to another instruction",
    "code of a generator": "does not take '<code>'",
    "finished generator": "nor moved to another instruction",
    "position of a coroutine": "nor moved to another instruction",
    "one lock": "cannot pickle",
    "lock of a condition": "cannot pickle",
    "thread that is over": "cannot pickle",
    "context": "does not take",
    "code of an array": "not writable",
    "view": "cannot pickle",
    "format of a view": "cannot pickle",
    "view that is read only": "cannot pickle",
    "weak set of stale objects": "a weak reference belongs",
    "weak keys of stale objects": "a weak reference belongs",
    "weak values of stale objects": "does not take",
}
# still seen as different after it was put back: what such objects share cannot be undone
STAYS = {
    "second round of a cycle",
    "tee",
    "second part of a tee",
    "group",
    "memory of an array",
    "place of a view",
    "released view",
    "object of a view",
}
ROWS = {**running.FACTS, **identities.FACTS, **memory.FACTS}


def pair(name):
    """The run that was saved, and the one that lost something."""
    make, change = ROWS[name]
    live = make()
    became = change(live)
    return Thing(x=live if became is None else became), Thing(x=make())


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", sorted(ROWS.keys() - REFUSED.keys() - STAYS))
def test_what_python_lets_one_put_back_is_back(name):
    """Afterwards the target cannot be told from the donor."""
    left, _ = put_back(*pair(name))
    assert not left


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_put_back_says_why(name):
    """The reason is in words, and what was not put back still shows."""
    left, refused = put_back(*pair(name))
    assert left
    assert any(REFUSED[name] in reason for reason in refused.values())


@pytest.mark.parametrize("name", sorted(STAYS))
def test_what_stays_different_shows(name):
    """Nothing claims that it is back."""
    left, _ = put_back(*pair(name))
    assert left


@pytest.mark.parametrize("name", sorted(running.ITERATORS.keys() - REFUSED.keys() - STAYS))
def test_an_iterator_goes_on_where_the_other_stood(name):
    """Both give the same from there on, each from a source of its own."""
    donor, target = pair(name)
    put_back(donor, target)
    given = [repr(list(itertools.islice(thing.x, 4))) for thing in (donor, target)]
    assert given[0] == given[1] or "object at" in given[0]


def test_a_loader_half_way_is_put_back_inside_its_generators():
    """The stack of a generator holds the iterator, and that one can be moved."""

    def loader(seed, batches):
        stream = torch.Generator().manual_seed(seed)
        live = iter(data.DataLoader(range(12), batch_size=2, shuffle=True, generator=stream))
        for _ in range(batches):
            next(live)
        return live

    donor, target = Thing(x=loader(1, 3)), Thing(x=loader(2, 1))
    assert put_back(donor, target) == ((), {})
    assert [part.tolist() for part in donor.x] == [part.tolist() for part in target.x]


def test_a_counter_is_put_back_by_another_one():
    """A count has no position that can be set."""
    donor, target = Thing(ids=itertools.count(5)), Thing(ids=itertools.count())
    assert put_back(donor, target) == ((), {})
    assert next(target.ids) == 5
    assert next(donor.ids) == 5
