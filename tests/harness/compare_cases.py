"""Pairs of states and what differs between them: for the tests and for `benchmarks.correctness`."""

import enum
import struct
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from types import SimpleNamespace

import numpy as np
import torch

TYPE, VALUE, DTYPE, SHAPE = "TYPE", "VALUE", "DTYPE", "SHAPE"
LAYOUT, ALIASING, MISSING, UNEXPECTED = "LAYOUT", "ALIASING", "MISSING", "UNEXPECTED"

Pair = namedtuple("Pair", ["left", "right"])
Other = namedtuple("Other", ["left", "right"])


class Colour(enum.Enum):
    """Two members, of which one is captured."""

    RED = 1
    BLUE = 2


def nan(payload, sign=0):
    """A float64 NaN with the given payload and sign."""
    return struct.unpack("<d", struct.pack("<Q", sign << 63 | 0x7FF8 << 48 | payload))[0]


def bits(*words):
    """A float32 tensor of the given bit patterns."""
    return torch.tensor(words, dtype=torch.int32).view(torch.float32)


def shared(make):
    """Two names of one object."""
    thing = make()
    return [thing, thing]


def conjugate(lazy):
    """The same complex numbers, conjugated when read or already."""
    numbers = torch.tensor([1 + 2j, 3 - 1j]).conj()
    return numbers if lazy else numbers.resolve_conj()


def with_grad(gradient):
    """A parameter, with or without a gradient."""
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.zeros(2) if gradient else None
    return parameter


def counted_down(steps):
    """A generator some steps into its stream."""
    generator = np.random.default_rng(0)
    generator.random(steps)
    return generator


def normal_cached(draws):
    """A legacy generator with or without a spare normal number."""
    state = np.random.RandomState(0)
    state.standard_normal(draws)
    return state


def view_of(start):
    """An array and a view of it."""
    whole = np.zeros(8)
    return {"whole": whole, "part": whole[start : start + 2]}


def module(order):
    """A module whose parameters are registered in the given order."""
    made = torch.nn.Module()
    for name in order:
        made.register_parameter(name, torch.nn.Parameter(torch.zeros(1)))
    return made


def ordered(*moved):
    """An OrderedDict in which some keys were moved to the end."""
    made = OrderedDict(a=1, b=2, c=3)
    for key in moved:
        made.move_to_end(key)
    return made


def tied(tie):
    """Two layers with one weight, or with equal ones."""
    net = torch.nn.Sequential(torch.nn.Linear(2, 2, False), torch.nn.Linear(2, 2, False))
    net[0].weight.data.fill_(1.0)
    net[1].weight.data.fill_(1.0)
    if tie:
        net[1].weight = net[0].weight
    return net


def strided(gap):
    """A view of every second element, with something else between."""
    return np.array([1.0, gap, 2.0, gap])[::2]


def padded(fill):
    """A structured array whose padding holds `fill`."""
    dtype = np.dtype([("a", "u1"), ("b", "<f8")], align=True)
    raw = np.full(dtype.itemsize, fill, np.uint8)
    array = raw.view(dtype)
    array["a"], array["b"] = 1, 2.0
    return array


def optimizer(scale):
    """Adam after one step, with its second moments scaled."""
    net = torch.nn.Linear(2, 1)
    torch.nn.init.ones_(net.weight)
    torch.nn.init.ones_(net.bias)
    adam = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 2)).sum().backward()
    adam.step()
    adam.state[net.bias]["exp_avg_sq"] *= scale
    return SimpleNamespace(net=net, adam=adam)


# id: (expected, got, [(kind, KeyPath below the root)]), no mismatch if the list is empty
CASES = {
    "equal nan": (nan(1), nan(1), []),
    "nan payload": (nan(1), nan(2), [(VALUE, "")]),
    "nan sign": (nan(1), nan(1, sign=1), [(VALUE, "")]),
    "negative zero": (0.0, -0.0, [(VALUE, "")]),
    "one and True": (1, True, [(TYPE, "")]),
    "one and 1.0": (1, 1.0, [(TYPE, "")]),
    "huge integers": (2**100, 2**100 + 1, [(VALUE, "")]),
    "str and bytes": ("a", b"a", [(TYPE, "")]),
    "None and False": (None, False, [(TYPE, "")]),
    "complex zero sign": (complex(0, 0.0), complex(0, -0.0), [(VALUE, "")]),
    "numpy scalar and float": (np.float64(1), 1.0, [(TYPE, "")]),
    "numpy scalar width": (np.float64(1), np.float32(1), [(TYPE, "")]),
    "numpy scalar and 0-d": (np.float64(1), np.array(1.0), [(TYPE, "")]),
    "0-d and 1-d": (np.array(1.0), np.array([1.0]), [(SHAPE, "")]),
    "enum member": (Colour.RED, Colour.BLUE, [(VALUE, "")]),
    "enum and its value": (Colour.RED, 1, [(TYPE, "")]),
    "tuple and list": ((1, 2), [1, 2], [(TYPE, "")]),
    "named tuples": (Pair(1, 2), Other(1, 2), [(TYPE, "")]),
    "named tuple and tuple": (Pair(1, 2), (1, 2), [(TYPE, "")]),
    "set and frozenset": ({1}, frozenset({1}), [(TYPE, "")]),
    "set in another order": ({8, 0, 16}, {16, 8, 0}, []),
    "set element type": ({1}, {True}, [(MISSING, "[1]"), (UNEXPECTED, "[True]")]),
    "deque maxlen": (deque([1], 2), deque([1], 3), [(VALUE, "")]),
    "deque and list": (deque([1]), [1], [(TYPE, "")]),
    "list shorter": ([1, 2], [1], [(MISSING, "[1]")]),
    "list longer": ([1], [1, 2], [(UNEXPECTED, "[1]")]),
    "dict order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}, [(VALUE, "")]),
    "dict key type": ({1: 0}, {True: 0}, [(MISSING, "[1]"), (UNEXPECTED, "[True]")]),
    "dict key text": ({1: 0}, {"1": 0}, [(MISSING, "[1]"), (UNEXPECTED, "['1']")]),
    "dict key nan": ({nan(0): 0}, {nan(0): 0}, []),
    "dict and OrderedDict": ({"a": 1}, OrderedDict(a=1), [(TYPE, "")]),
    "OrderedDict order": (ordered(), ordered("a"), [(VALUE, "")]),
    "Counter and dict": (Counter("a"), {"a": 1}, [(TYPE, "")]),
    "default factory": (defaultdict(int), defaultdict(float), [(VALUE, "default_factory")]),
    "missing key": ({"a": 1}, {}, [(MISSING, "['a']")]),
    "bytearray": (bytearray(b"ab"), bytearray(b"ac"), [(VALUE, "")]),
    "float64 and float32": (np.ones(2), np.ones(2, np.float32), [(DTYPE, "")]),
    "byte order": (np.array([1], "<i4"), np.array([1], ">i4"), [(DTYPE, "")]),
    "array nan payload": (np.array([nan(1)]), np.array([nan(3)]), [(VALUE, "")]),
    "array negative zero": (np.array([0.0]), np.array([-0.0]), [(VALUE, "")]),
    "broadcastable": (np.ones((2, 1)), np.ones((1, 2)), [(SHAPE, "")]),
    "one for all": (np.ones(1), np.ones(3), [(SHAPE, "")]),
    "empty shapes": (np.empty((0, 2)), np.empty((2, 0)), [(SHAPE, "")]),
    "strides": (np.ones((2, 2)), np.ones((2, 2), order="F"), [(LAYOUT, "")]),
    "gaps of a view": (strided(7.0), strided(9.0), []),
    "padding": (padded(1), padded(2), []),
    "structured names": (
        np.zeros(1, [("a", "<f4")]),
        np.zeros(1, [("b", "<f4")]),
        [(DTYPE, "")],
    ),
    "structured value": (
        np.array([(1, 2.0)], "i4,f8"),
        np.array([(1, 3.0)], "i4,f8"),
        [(VALUE, "")],
    ),
    "read-only": (np.ones(1), np.broadcast_to(np.ones(1), 1), [(LAYOUT, "")]),
    "object array": (
        np.array([1, "a"], object),
        np.array([True, "a"], object),
        [(TYPE, "[0]")],
    ),
    "string arrays": (np.array(["a"]), np.array(["b"]), [(VALUE, "")]),
    "long double": (np.ones(2, np.longdouble), np.ones(2, np.longdouble), []),
    "masked": (
        np.ma.array([1, 2], mask=[True, False]),
        np.ma.array([1, 2], mask=[False, True]),
        [(VALUE, "_mask")],
    ),
    "dtype objects": (np.dtype("f4"), np.dtype("f8"), [(TYPE, "")]),
    "tensor and array": (torch.ones(1), np.ones(1, np.float32), [(TYPE, "")]),
    "tensor equal nan": (bits(0x7FC00001), bits(0x7FC00001), []),
    "tensor nan payload": (bits(0x7FC00001), bits(0x7FC00002), [(VALUE, "")]),
    "tensor negative zero": (torch.tensor([0.0]), torch.tensor([-0.0]), [(VALUE, "")]),
    "bfloat16 and float16": (
        torch.ones(1, dtype=torch.bfloat16),
        torch.ones(1, dtype=torch.float16),
        [(DTYPE, "")],
    ),
    "bfloat16 value": (
        torch.tensor([1.0], dtype=torch.bfloat16),
        torch.tensor([1.0078125], dtype=torch.bfloat16),
        [(VALUE, "")],
    ),
    "tensor broadcastable": (torch.ones(1, 3), torch.ones(3, 1), [(SHAPE, "")]),
    "tensor strides": (torch.ones(2, 2), torch.ones(2, 2).t().contiguous().t(), [(LAYOUT, "")]),
    "start in memory of its own": (torch.ones(2), torch.ones(3)[1:], []),
    "requires_grad": (torch.ones(1), torch.ones(1, requires_grad=True), [(LAYOUT, "")]),
    "Parameter and Tensor": (
        torch.nn.Parameter(torch.ones(1)),
        torch.ones(1, requires_grad=True),
        [(TYPE, "")],
    ),
    "gradient": (with_grad(True), with_grad(False), [(MISSING, "grad")]),
    "lazily conjugated": (conjugate(True), conjugate(False), [(LAYOUT, "")]),
    "both lazily conjugated": (conjugate(True), conjugate(True), []),
    "sparse": (torch.eye(2).to_sparse(), torch.eye(2).to_sparse(), []),
    "sparse value": (
        torch.eye(2).to_sparse(),
        (torch.eye(2) * 2).to_sparse(),
        [(VALUE, "_values")],
    ),
    "alias cut": (shared(list), [[], []], [(ALIASING, "[1]")]),
    "alias merged": ([[], []], shared(list), [(ALIASING, "[1]")]),
    "shared constant": (shared(lambda: (1, 2)), [(1, 2), (1, 2)], []),
    "tied weights cut": (tied(True), tied(False), [(ALIASING, "1.weight")]),
    "tied weights merged": (tied(False), tied(True), [(ALIASING, "1.weight")]),
    "view moved": (view_of(0), view_of(2), [(ALIASING, "['part']")]),
    "view cut": (
        view_of(0),
        {"whole": np.zeros(8), "part": np.zeros(2)},
        [(ALIASING, "['part']")],
    ),
    "views merged": (
        {"whole": np.zeros(8), "part": np.zeros(2)},
        view_of(0),
        [(ALIASING, "['part']")],
    ),
    "parameter order": (module("ab"), module("ba"), [(VALUE, "")]),
    "generator moved": (counted_down(1), counted_down(2), [(VALUE, "bit_generator")]),
    "spare normal": (normal_cached(0), normal_cached(2), [(VALUE, "bit_generator")]),
    "attribute order": (SimpleNamespace(a=[], b={}), SimpleNamespace(b={}, a=[]), []),
    "adam": (
        optimizer(1.0),
        optimizer(1.001),
        [(VALUE, "adam.state['bias'].exp_avg_sq")],
    ),
}
