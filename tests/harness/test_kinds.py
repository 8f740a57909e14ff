"""Kinds of state: declared once, beside their reader, and asked for what is true of them."""

import ast
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from resumeproof.core.errors import InvalidReader
from resumeproof.core.keypath import KeyPath
from resumeproof.state.capture import capture
from resumeproof.state.kind import KINDS, VALUE, Kind, Members
from resumeproof.state.readers import _REGISTRY, reader_for, reading, register_leaf
from resumeproof.transplant.sites import graph_of

from tests.harness.hidden import arrays, code, modules, rl, tensors, values

ROOT = Path(__file__).resolve().parents[2]
TELLS_ROWS_APART = ("capture", "identities", "diff", "snapshot")
BUILDERS = [
    pytest.param(make, id=f"{table.__name__}: {key}")
    for table in (arrays, code, modules, rl, tensors, values)
    for key, (make, _) in table.FACTS.items()
]


class Thing:
    """A class of a user."""


@pytest.fixture
def registry():
    """Undoes what a test registers."""
    readers, kinds = dict(_REGISTRY), dict(KINDS)
    yield
    for table, before in ((_REGISTRY, readers), (KINDS, kinds)):
        table.clear()
        table.update(before)
    reader_for.cache_clear()


def declared():
    """The names that the modules of readers declare, as far as they had to be loaded."""
    for name, module in tuple(sys.modules.items()):
        if name.startswith("resumeproof.state.readers."):
            yield from (kind.name for kind in getattr(module, "OWN_KINDS", ()))
    yield from ("value", "roots", "excluded", "id")


@pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
@pytest.mark.parametrize("make", BUILDERS)
def test_every_kind_that_is_read_is_declared(make):
    """No reader of the harness returns a word of which nothing is said."""
    snapshot = capture([make()])
    found = {snapshot.kind(place).base for place in snapshot.places}
    assert found <= set(declared())


def test_no_kind_is_declared_twice():
    """Each is declared beside one reader."""
    names = list(declared())
    assert len(names) == len(set(names))


def test_rows_are_told_apart_by_the_walk_and_the_comparison_only():
    """Whoever else asks what a row is asks the snapshot."""
    for path in (ROOT / "harness").rglob("*.py"):
        names = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        inside = path.parent.name == "state" and path.stem in TELLS_ROWS_APART
        assert inside or not names & {"ATOM", "ALIAS", "NODE"}, path


def test_snapshot_says_what_a_row_is():
    """Kind, value and target of plain values, objects and aliases, by place."""
    shared = [1.5]
    snapshot = capture({"a": shared, "b": shared, "c": np.ones(2)}, name="it")
    first, again = (snapshot.edge(KeyPath("it", (key,))) for key in "ab")
    assert snapshot.is_alias(again)
    assert not snapshot.is_alias(first)
    assert snapshot.target(again) == first == snapshot.resolve(KeyPath("it", ("b",)))
    assert snapshot.kind(again) is snapshot.kind(first) is KINDS["list"]
    number = snapshot.resolve(KeyPath("it", ("b",), 0))
    assert snapshot.is_plain(number)
    assert snapshot.kind(number) is VALUE
    assert (snapshot.value(number), snapshot.type_name(number)) == (1.5, "float")
    assert (snapshot.owner(number), snapshot.segment(number)) == (first, 0)
    array = snapshot.resolve(KeyPath("it", ("c",)))
    assert (snapshot.value(array), snapshot.facts(array)[:2]) == (None, ("<f8", (2,)))
    assert snapshot.resolve(KeyPath("it", ("d",))) is None
    assert capture([[2]]).resolve(KeyPath(0, 0)) == 3
    assert snapshot.resolve(KeyPath("it", ("d",), "e")) is None


def test_a_value_with_attributes_is_an_object():
    """What can change has an identity; all else is as without attributes."""

    class Named(str):
        pass

    value = Named("a")
    value.since = 1
    kind = capture(value, name="x").kind(1)
    assert (kind.name, kind.base, kind.identity) == ("scalar with attributes", "scalar", True)
    assert not KINDS["scalar"].identity


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (torch.ones(2), ("tensor", True, True, True)),
        (np.ones(2), ("array", True, True, True)),
        (random.Random(1), ("rng", False, True, True)),
        ({"a": 1}, ("dict", False, False, False)),
        ((1, [2]), ("tuple", False, False, False)),
    ],
)
def test_kinds_say_what_state_they_hold(item, expected):
    """Whether numbers, whether bulk data, and whether written in place."""
    kind = capture(item).kind(1)
    assert (kind.name, kind.numeric, kind.bulk, kind.write is not None) == expected


@pytest.mark.usefixtures("registry")
def test_a_kind_is_registered_with_its_reader():
    """What is said of it holds wherever it is met; one that nothing is said of is an object."""
    register_leaf(Thing, lambda it: reading("thing"))
    assert capture(Thing()).kind(1) == Kind(name="thing")
    kind = Kind(name="thing", identity=False, members=Members.INDEXED)
    register_leaf(Thing, lambda it: reading("thing"), kind=kind)
    assert capture(Thing()).kind(1) is kind


def test_a_kind_of_the_harness_is_not_replaced():
    """Its name is refused, as is what is no kind."""
    with pytest.raises(InvalidReader, match=r"name of its own, got kind.name='tensor', which is a"):
        register_leaf(Thing, lambda it: reading("tensor"), kind=Kind(name="tensor"))
    with pytest.raises(InvalidReader, match=r"expected a Kind as kind, got 'thing' \(str\); write"):
        register_leaf(Thing, lambda it: reading("thing"), kind="thing")


def test_a_stream_without_a_position_is_no_obstacle():
    """Numbers of the operating system have none: nothing is set aside for them."""
    graph = graph_of({"it": [random.SystemRandom(), random.Random(1)]})
    assert [graph.snapshot.facts(place)[0] for place in graph.contents] == ["python"]
