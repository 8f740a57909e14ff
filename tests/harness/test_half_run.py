"""Reading what is half-way moves nothing, keeps nothing alive and says how far it is."""

import itertools
import weakref
from types import SimpleNamespace

import pytest
from resumeproof.core.keypath import KeyPath
from resumeproof.state.capture import capture

from tests.harness.hidden.running import ITERATORS, Plain


@pytest.mark.parametrize("make", ITERATORS.values(), ids=ITERATORS)
def test_reading_an_iterator_moves_nothing(make):
    """What it gives after three captures is what it gives without one."""
    read, left = make(), make()
    for _ in range(3):
        capture(read)
    given = [list(itertools.islice(it, 4)) for it in (read, left)]
    assert [len(part) for part in given] != [0, 0]
    assert repr(given[0]) == repr(given[1]) or "object at" in repr(given)


def test_reading_a_generator_keeps_no_variable_alive():
    """What a variable held is gone once the generator has let it go."""

    def code():
        held = Plain()
        yield weakref.ref(held)
        held = None
        yield

    live = code()
    reference = next(live)
    snapshot = capture(live, name="code")
    assert snapshot[KeyPath("code", "held")].kind == "object"
    next(live)
    assert reference() is None


def test_reading_a_generator_leaves_a_dict_of_its_variables_as_it_was():
    """What `locals()` gave before is not brought up to date by a capture."""

    def code(number):
        held = locals()
        number += 1
        yield held

    live = code(1)
    held = next(live)
    capture(live)
    assert held["number"] == 1
    assert "held" not in held


def test_a_generator_names_its_variables_and_what_it_waits_for():
    """A loop's iterator has no name, and is found on the stack."""

    def code(source):
        for part in source:
            yield [part]

    live = SimpleNamespace(batches=code([1, 2, 3]))
    next(live.batches)
    snapshot = capture(live, name="run")
    assert snapshot[KeyPath("run", "batches", "part")].value == 1
    held = snapshot[KeyPath("run", "batches", "<held 0>")]
    assert (held.type_name, held.facts) == ("builtins.list_iterator", (1,))
