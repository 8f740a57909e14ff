"""Capture of single objects: all of their state, none of their code, no stream moved."""

import collections
import datetime
import decimal
import functools
import io
import logging
import pathlib
import random
import re
import sys
import types
import uuid
import weakref
from fractions import Fraction
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch
from resumeproof.core.keypath import KeyPath
from resumeproof.state.capture import capture, capture_roots, capture_streams, global_streams
from resumeproof.state.compare import compare


def changed(make, change):
    """KeyPaths that differ after `change` was applied to what `make` made."""
    live = make()
    before = capture(live)
    change(live)
    return [str(item.keypath) for item in compare(before, capture(live)).mismatches]


class Plain:
    """An object that can be hashed and weakly referenced."""


class Slotted:
    """State in slots only, one of them private."""

    __slots__ = ("__secret", "count", "unset")

    def __init__(self):
        self.count = 1
        self.__secret = 2

    def bump(self):
        """Change the private slot."""
        self.__secret += 1


class Child(Slotted):
    """Slots and a `__dict__`."""

    def __init__(self):
        super().__init__()
        self.extra = 3


class Listed(list):
    """A container with an attribute."""


class Hostile:
    """Every hook of the class fails when called."""

    def _fail(self, *args):
        raise AssertionError("capture ran code of the class it reads")

    __eq__ = __hash__ = __repr__ = __str__ = __len__ = __iter__ = __bool__ = _fail
    __getattr__ = __reduce__ = __getstate__ = __dir__ = state_dict = _fail
    value = property(_fail)

    def __init__(self):
        object.__setattr__(self, "kept", 1)


class HostileDict(dict):
    """A mapping whose methods fail when called."""

    __iter__ = __len__ = __getitem__ = items = keys = values = __eq__ = Hostile._fail
    __hash__ = None


class HostileOrdered(collections.OrderedDict):
    """An ordered mapping whose methods fail when called."""

    __iter__ = __len__ = __getitem__ = items = keys = values = Hostile._fail


def counter():
    """A closure with a cell of its own."""
    count = 0

    def step():
        nonlocal count
        count += 1
        return count

    return step


def cyclic():
    """An object that holds itself."""
    thing = SimpleNamespace(n=0)
    thing.self = thing
    return thing


def weak():
    """An object and a weak reference to it."""
    held = Plain()
    held.back = weakref.ref(held)
    return SimpleNamespace(held=held, other=Plain(), ref=weakref.ref(held))


def tensor_keyed():
    """Statistics kept by parameter, as optimizers and their like do."""
    net = torch.nn.Sequential(torch.nn.Linear(1, 1))
    return SimpleNamespace(net=net, ema={parameter: [0.0] for parameter in net.parameters()})


def with_hook():
    """A module with a forward hook that carries state."""
    net = torch.nn.Linear(1, 1)
    net.register_forward_hook(functools.partial(print, sep=""))
    return SimpleNamespace(net=net)


FOUND = {
    "slot": (Slotted, lambda it: setattr(it, "count", 5), ["count"]),
    "private slot": (Slotted, Slotted.bump, ["_Slotted__secret"]),
    "slot filled": (Slotted, lambda it: setattr(it, "unset", 5), ["unset"]),
    "slots and dict": (Child, lambda it: setattr(it, "extra", 5), ["extra"]),
    "inherited slot": (Child, lambda it: setattr(it, "count", 5), ["count"]),
    "attribute of a container": (Listed, lambda it: setattr(it, "x", 5), ["x"]),
    "item of a container": (Listed, lambda it: it.append(5), ["[0]"]),
    "closure": (counter, lambda it: it(), ["<closure count>.cell_contents"]),
    "attribute of a function": (counter, lambda it: setattr(it, "x", 1), ["x"]),
    "partial": (
        lambda: functools.partial(print, [1]),
        lambda it: it.args[0].append(2),
        ["args[0][1]"],
    ),
    "bound method": (
        lambda: SimpleNamespace(call=random.Random(0).random),
        lambda it: it.call(),
        ["call.__self__"],
    ),
    "method of an object": (
        lambda: {"step": Child().bump},
        lambda it: it["step"](),
        ["['step'].__self__._Slotted__secret"],
    ),
    "cycle": (cyclic, lambda it: setattr(it, "n", 1), ["n"]),
    "cycle cut": (cyclic, lambda it: setattr(it, "self", None), ["self"]),
    "weak reference moved": (
        weak,
        lambda it: setattr(it, "ref", weakref.ref(it.other)),
        ["ref.<target>", "ref.<target>.back"],
    ),
    "keyed by parameter": (
        tensor_keyed,
        lambda it: it.ema[it.net[0].bias].append(1),
        ["ema['0.bias'][1]"],
    ),
    "keyed by object": (
        lambda: {SimpleNamespace: 1, Child().bump: [2]},
        lambda it: list(it.values())[1].append(1),
        ["[<key 1>][1]"],
    ),
    "hook": (
        with_hook,
        lambda it: it.net._forward_hooks.popitem()[1].keywords.update(sep="x"),
        ["net._forward_hooks[0]"],
    ),
    "attribute of a tensor": (
        lambda: torch.ones(1),
        lambda it: setattr(it, "decay", 1),
        ["decay"],
    ),
    "python stream": (lambda: random.Random(1), lambda it: it.random(), ["<root>"]),
    "attribute of a stream": (
        lambda: random.Random(1),
        lambda it: setattr(it, "epoch", 1),
        ["epoch"],
    ),
    "numpy generator": (
        lambda: np.random.default_rng(1),
        lambda it: it.random(),
        ["bit_generator"],
    ),
    "spawned children": (
        lambda: np.random.default_rng(1),
        lambda it: it.spawn(1),
        ["bit_generator.seed_seq"],
    ),
    "legacy stream": (
        lambda: np.random.RandomState(1),
        lambda it: it.random_sample(),
        ["bit_generator"],
    ),
    "torch generator": (
        lambda: torch.Generator().manual_seed(1),
        lambda it: torch.rand(1, generator=it),
        ["<root>"],
    ),
    "space": (
        lambda: gymnasium.spaces.Dict(a=gymnasium.spaces.Box(0, 1), b=gymnasium.spaces.Discrete(3)),
        lambda it: it.seed({"a": 1, "b": 2}),
        ["spaces['a']._np_random", "spaces['b']._np_random"],
    ),
    "exception": (lambda: ValueError([1]), lambda it: it.args[0].append(2), ["args[0][1]"]),
    "iterator": (lambda: iter([1, 2]), next, ["<root>"]),
    "text buffer": (io.StringIO, lambda it: it.write("a"), ["<root>"]),
    "byte buffer": (lambda: io.BytesIO(b"ab"), lambda it: it.read(1), ["<root>"]),
    "proxy": (
        lambda: SimpleNamespace(view=types.MappingProxyType({"a": [1]})),
        lambda it: it.view["a"].append(2),
        ["view.mapping['a'][1]"],
    ),
}


@pytest.mark.parametrize(("make", "change", "found"), FOUND.values(), ids=FOUND)
def test_a_change_is_found_where_it_happened(make, change, found):
    """Whatever holds state is walked, and a change of it is named by its KeyPath."""
    assert changed(make, change) == found


@pytest.mark.parametrize("make", [row[0] for row in FOUND.values()], ids=FOUND)
def test_two_captures_of_one_object_are_equal(make):
    """A capture changes nothing that a capture sees."""
    live = make()
    assert capture(live).same_bytes(capture(live))


VALUES = [
    decimal.Decimal("1.10"),
    Fraction(1, 3),
    datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.UTC),
    datetime.date(2020, 1, 2),
    datetime.time(1, 2, fold=1),
    datetime.timedelta(seconds=1),
    pathlib.Path("a/b"),
    uuid.UUID(int=5),
    re.compile("a+", re.IGNORECASE),
    range(3),
    slice(1, None, 2),
    ...,
    np.float32(1.5),
    np.datetime64("2020-01-01"),
    np.array([(1, 2.0)], "i4,f8")[0],
    torch.float32,
    torch.device("cpu"),
    torch.Size([1, 2]),
    list[int],
    int | None,
    int,
    collections.abc,
    len,
    [].append,
    str.join,
    np.add,
    re.RegexFlag.A | re.RegexFlag.I,
    logging.getLogger("harness"),
    torch.nn.functional.relu,
    torch.nn.LazyLinear(2),
    gymnasium.spec("CartPole-v1"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_common_values_are_read(value):
    """What programs commonly hold is read without a reader of one's own, alike each time."""
    assert capture(value) == capture(value)


@pytest.mark.parametrize("kind", [Hostile, HostileDict, HostileOrdered])
def test_no_code_of_the_captured_class_runs(kind):
    """Neither properties, comparisons, lengths, representations nor `state_dict` are called."""
    live = kind()
    held = SimpleNamespace(it=live, items=[live], named={"a": live})
    assert capture(held).same_bytes(capture(held))


class Drawing:
    """A part whose `state_dict` draws from every global stream."""

    def state_dict(self):
        """Move every stream."""
        return [random.random(), np.random.random_sample(), torch.rand(1)]

    __getstate__ = state_dict


class Watched(torch.Tensor):
    """A tensor that fails on every operation."""

    __torch_function__ = classmethod(Hostile._fail)


def test_no_code_of_a_tensor_subclass_runs():
    """Attributes and bytes are read below the operations a subclass overrides."""
    leaf = capture(torch.ones(2).as_subclass(Watched))[KeyPath()]
    assert leaf.type_name.endswith("Watched")
    assert leaf.payload == np.ones(2, np.float32).tobytes()


def test_capture_moves_no_stream():
    """Every global stream is where it was, though the subject's own methods draw."""
    before = capture_streams()
    live = SimpleNamespace(
        part=Drawing(), streams=global_streams(), space=gymnasium.spaces.Box(0, 1)
    )
    capture(live)
    assert capture_streams() == before
    assert live.space._np_random is None


def test_streams_can_be_captured_with_the_root():
    """One snapshot shows which objects use a global stream, as an alias of it."""
    live = SimpleNamespace(rng=torch.default_generator)
    snapshot = capture(live, name="model", streams=True)
    group = (KeyPath("streams", "torch"), KeyPath("model", "rng"))
    assert any(set(group) == set(found) for found in snapshot.aliases)


def test_roots_share_one_namespace_of_aliases():
    """What two roots share is an alias between them."""
    part = [1]
    snapshot = capture_roots({"a": [part], "b": [part]})
    assert snapshot.aliases == ((KeyPath("a", 0), KeyPath("b", 0)),)


def test_streams_a_run_writes_to_are_no_state(tmp_path):
    """The file of a logger, its position and the console do not make two runs differ."""
    with (tmp_path / "a.log").open("w") as one, (tmp_path / "b.log").open("w") as two:
        one.write("x")
        assert capture(one) == capture(two) == capture(sys.stdout)


def test_stale_optimizer_keys_are_not_taken_for_parameters():
    """State keyed by a tensor that is no longer a parameter does not pass as that parameter's."""

    def relink(live):
        live.net[0].bias = torch.nn.Parameter(live.net[0].bias.detach().clone())

    found = changed(tensor_keyed, relink)
    assert "ema['0.bias']" in found


def test_ordered_mapping_is_read_in_its_own_order():
    """`move_to_end` changes an order that the underlying dict does not know."""
    made = collections.OrderedDict(a=1, b=2)
    made.move_to_end("a")
    assert [str(path) for path in capture(made)] == ["<root>", "['b']", "['a']"]


def test_deep_graphs_are_walked():
    """The depth of a graph is not limited by the stack."""
    chain = None
    for _ in range(20_000):
        chain = [chain]
    assert len(capture(chain).rows) == 20_002
