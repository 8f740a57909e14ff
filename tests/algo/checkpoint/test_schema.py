"""The closed schema: what goes in comes out, in value, type, bits and identity, or is refused."""

from __future__ import annotations

import json
import random
import struct
from collections import OrderedDict, deque
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from resumeproof.algo.checkpoint import MismatchedCheckpoint, bits_of, decode, encode

NAN_PAYLOAD = struct.unpack(">d", bytes.fromhex("fff8000000000123"))[0]
STRUCTURE = np.dtype([("a", "<f4"), ("b", "<i8", (2,)), ("c", [("d", "<U3")])], align=True)


def bits(value: Any) -> Any:
    """Return plain data that is equal for two values only if type and bits are."""
    kind = type(value)
    if kind is complex:
        return kind, bits(value.real), bits(value.imag)
    if kind in (np.str_, np.bytes_):
        return kind, value[:]
    if isinstance(value, float | np.generic):
        return kind, np.asarray(value).dtype.char, np.asarray(value).tobytes(), repr(value)
    if kind is np.ndarray:
        layout = (value.dtype, value.dtype.char, value.shape, value.strides)
        return kind, *layout, value.flags.writeable, value.tobytes()
    if kind is torch.Tensor:
        layout = (value.dtype, value.shape, value.stride(), value.requires_grad, value.device)
        return kind, *layout, value.detach().contiguous().reshape(-1).view(torch.uint8).tolist()
    if kind in (list, tuple, deque):
        return kind, getattr(value, "maxlen", None), [bits(item) for item in value]
    if isinstance(value, dict):
        return kind, [(bits(key), bits(item)) for key, item in value.items()]
    if isinstance(value, set | frozenset):
        return kind, sorted(repr(bits(item)) for item in value)
    return kind, generator_bits(value)


def generator_bits(value: Any) -> Any:
    """Return the state of a generator or a space as plain data, or the value itself."""
    if isinstance(value, spaces.Space):
        return bits(vars(value))
    if isinstance(value, np.random.Generator):
        return bits(value.bit_generator)
    if isinstance(value, np.random.BitGenerator):
        return bits(dict(value.state)), bits(value.seed_seq)
    if isinstance(value, np.random.SeedSequence):
        return bits(dict(value.state))
    if isinstance(value, np.random.RandomState):
        return bits(dict(value.get_state(legacy=False)))
    if isinstance(value, random.Random):
        return bits(value.getstate())
    if isinstance(value, torch.Generator):
        return str(value.device), value.get_state().tolist()
    return value


def round_trip(value: Any, **options: Any) -> Any:
    """Return `value` after encoding, JSON text, and decoding."""
    content, blocks = encode(value, **options)
    return decode(json.loads(json.dumps(content, allow_nan=False)), blocks, **options)


def drawn(generator: Any, method: str, count: int = 3) -> Any:
    """Return the generator after some draws, so that no state is the initial one."""
    for _ in range(count):
        getattr(generator, method)()
    return generator


def half_used(generator: np.random.Generator) -> np.random.Generator:
    """Return the generator with the other half of a 64-bit draw waiting."""
    generator.integers(2**31, dtype=np.uint32)
    return generator


def after_gauss(generator: random.Random) -> random.Random:
    """Return the generator with the second of two normal draws waiting."""
    generator.gauss(0, 1)
    return generator


def seeded(space: Any) -> Any:
    """Return the space with a generator of its own that has moved."""
    space.seed(7)
    space.sample()
    return space


def frozen(array: Any) -> Any:
    """Return the array, read-only."""
    array.flags.writeable = False
    return array


VALUES: dict[str, Any] = {
    "none": None,
    "true": True,
    "int": -7,
    "int 63 bits": 2**63 - 1,
    "int 64 bits": 2**63,
    "int huge negative": -(10**5000),
    "float": 0.1,
    "float smallest": 5e-324,
    "float largest": 1.7976931348623157e308,
    "float minus zero": -0.0,
    "float infinity": float("-inf"),
    "float nan": float("nan"),
    "float nan payload": NAN_PAYLOAD,
    "complex": complex(-0.0, float("nan")),
    "str": 'é\n"\\\0\U0001f600',
    "str lone surrogate": "a\ud83d",
    "str two surrogates": "\ud83d\ude00",
    "bytes": bytes(range(256)),
    "bytearray": bytearray(b"ab"),
    "tuple": (1, (), (2.0,)),
    "list": [1, [], [None]],
    "dict": {"b": 1, "a": 2},
    "dict of odd keys": {1: "a", (2, "x"): "b", None: "c", 1.5: "d", b"e": "e", False: "f"},
    "dict dollar key": {"$tuple": [1]},
    "dict surrogate key": {"\ud83d": 1},
    "dict nan keys": {float("nan"): [1], NAN_PAYLOAD: [2]},
    "ordered dict": OrderedDict([("b", 1), ("a", 2)]),
    "set": {1, "a", (2, 3), None},
    "frozenset": frozenset({1.5, b"x"}),
    "deque": deque([1, [2]], maxlen=5),
    "deque endless": deque([1]),
    "np.bool": np.bool_(True),
    "np.int8": np.int8(-3),
    "np.uint64": np.uint64(2**64 - 1),
    "np.longlong": np.longlong(3),
    "np.float16": np.float16(0.1),
    "np.float32 nan payload": np.frombuffer(bytes.fromhex("2301c0ff"), "<f4")[0],
    "np.float64": np.float64(-0.0),
    "np.longdouble": np.longdouble(1) / 3,
    "np.complex64": np.complex64(1 - 2j),
    "np.str": np.str_("a\0"),
    "np.bytes": np.bytes_(b"a\0"),
    "np.datetime64": np.datetime64("2020-01-01T00:00", "5m"),
    "np.timedelta64 nat": np.timedelta64("NaT"),
    "dtype": np.dtype(">f4"),
    "dtype structured": STRUCTURE,
    "array": np.arange(6, dtype=np.int16).reshape(2, 3),
    "array of no dimension": np.array(NAN_PAYLOAD),
    "array empty": np.zeros((0, 3), np.float32),
    "array empty later": np.zeros((3, 0, 2)),
    "array fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "array permuted": np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2),
    "array reversed": np.arange(5)[::-1],
    "array with gaps": np.arange(12)[1::3],
    "array broadcast": np.broadcast_to(np.arange(3), (4, 3)),
    "array read-only": frozen(np.arange(3)),
    "array big endian": np.arange(3, dtype=">i4"),
    "array longlong": np.arange(3, dtype=np.longlong),
    "array text": np.array(["ab", "c"]),
    "array text empty": np.zeros(3, "U0"),
    "array bytes": np.array([b"ab", b"c"]),
    "array dates": np.array(["2020", "NaT"], "M8[D]"),
    "array structured": np.ones(2, STRUCTURE),
    "array longdouble": np.ones(2, np.longdouble),
    "array complex": np.array([1 + 2j]),
    "tensor": torch.arange(6.0).reshape(2, 3),
    "tensor of no dimension": torch.tensor(NAN_PAYLOAD, dtype=torch.float64),
    "tensor empty": torch.zeros(0, 3),
    "tensor empty transposed": torch.zeros(0, 3).T,
    "tensor transposed": torch.arange(6).reshape(2, 3).T,
    "tensor channels last": torch.rand(2, 3, 2, 2).to(memory_format=torch.channels_last),
    "tensor with gaps": torch.arange(10, dtype=torch.int16)[1::4],
    "tensor expanded": torch.ones(1, 2).expand(3, 2),
    "tensor requires grad": torch.ones(2, requires_grad=True),
    **{
        f"tensor {dtype}": torch.arange(1, 4).to(dtype)
        for dtype in (
            torch.bool, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.float16,
            torch.bfloat16, torch.complex64, torch.complex128,
            torch.float8_e4m3fn, torch.float8_e5m2fnuz,
        )
    },
    "torch dtype": torch.bfloat16,
    "device": torch.device("cuda:1"),
    **{
        f"generator {kind}": drawn(np.random.Generator(getattr(np.random, kind)(5)), "random")
        for kind in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
    },
    "generator of many words": np.random.default_rng([1, 2**70]),
    "generator half word": half_used(np.random.default_rng(3)),
    "seed sequence": np.random.SeedSequence(3).spawn(2)[1],
    "random state": drawn(np.random.RandomState(3), "standard_normal"),
    "random state of a generator": np.random.RandomState(np.random.PCG64(3)),
    "random": drawn(random.Random(3), "random"),
    "random with gauss": after_gauss(random.Random("a")),
    "torch generator": torch.Generator().manual_seed(2**62),
    "box": spaces.Box(-1, np.array([1, np.inf], np.float64), dtype=np.float64),
    "box of integers": seeded(spaces.Box(0, 255, (2, 2), np.uint8)),
    "discrete": seeded(spaces.Discrete(3, start=-1)),
    "multi discrete": seeded(spaces.MultiDiscrete([[2, 3], [4, 5]])),
    "multi binary": seeded(spaces.MultiBinary([2, 3])),
    "dict space": seeded(spaces.Dict(b=spaces.Discrete(2), a=spaces.Box(0, 1))),
    "tuple space": seeded(spaces.Tuple([spaces.Discrete(2), spaces.MultiBinary(2)])),
    "text space": seeded(spaces.Text(4, charset="xyz")),
}  # fmt: skip


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_value_round_trips_in_type_and_bits(value: Any) -> None:
    """Every legal value decodes to one of the same type and bits, and encoding changed nothing."""
    before = bits(value)
    assert bits(round_trip(value)) == before
    assert bits(value) == before


def test_table_covers_every_row() -> None:
    """The table above has at least 40 values, so a shortened table cannot pass unseen."""
    assert len(VALUES) >= 40


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(st.characters(codec=None))
    | st.binary()
)
KEYS = SCALARS | st.tuples(SCALARS, SCALARS)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4).map(OrderedDict)
        | st.sets(KEYS, max_size=4)
        | st.builds(deque, st.lists(inner, max_size=4), st.sampled_from([None, 4, 9]))
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=100)
@given(tree=TREES)
def test_plain_tree_round_trips(tree: Any) -> None:
    """Any nesting of plain data decodes to the same types and bits, and to the same JSON again."""
    content, blocks = encode(tree)
    again = round_trip(tree)
    assert bits(again) == bits(tree)
    assert (json.dumps(encode(again)[0]), blocks) == (json.dumps(content), {})


@pytest.mark.parametrize(
    "kind",
    [
        list, dict, deque, set, OrderedDict, lambda: bytearray(b"x"), lambda: np.ones(2),
        lambda: torch.ones(2), lambda: np.ones(0), lambda: random.Random(1), torch.Generator,
        lambda: np.random.default_rng(1), lambda: np.random.RandomState(1),
        lambda: np.random.PCG64(1), lambda: spaces.Discrete(2),
    ],
)  # fmt: skip
def test_object_met_twice_stays_one(kind: Any) -> None:
    """A value that can change in place is one object again in both places, and not a third."""
    one, other = kind(), kind()
    tree = round_trip({"a": one, 3: (one,), "c": other})
    assert tree["a"] is tree[3][0]
    assert tree["c"] is not tree["a"]


def test_generators_share_their_bit_generator() -> None:
    """Two generators on one bit generator draw from one stream after loading."""
    source = np.random.MT19937(3)
    tree = round_trip([np.random.Generator(source), np.random.RandomState(source)])
    assert tree[0].bit_generator is tree[1]._bit_generator


@pytest.mark.parametrize("kind", [list, deque])
def test_cycle_through_sequence_survives(kind: Any) -> None:
    """A container that holds itself holds itself after loading."""
    value = kind()
    value.append((value, 1))
    again = round_trip(value)
    assert again[0][0] is again


def test_cycle_through_dicts_survives() -> None:
    """A dict that is reached from its own child is one dict after loading."""
    parent: dict[Any, Any] = {"child": {}, 1: OrderedDict()}
    parent["child"]["parent"] = parent[1]["up"] = parent
    again = round_trip(parent)
    assert again["child"]["parent"] is again
    assert again[1]["up"] is again
    plain: dict[str, Any] = {}
    plain["me"] = plain
    again = round_trip(plain)
    assert again["me"] is again


def test_array_views_share_memory() -> None:
    """Writing through a view reaches its base after loading, whichever came first."""
    base = np.arange(12.0).reshape(3, 4)
    tree = round_trip({"view": base[1, ::-2], "base": base, "apart": np.arange(12.0)})
    tree["view"][:] = -1
    np.testing.assert_array_equal(tree["base"][1], [4, -1, 6, -1])
    assert not np.shares_memory(tree["apart"], tree["base"])


def test_overlapping_views_without_base_share_memory() -> None:
    """Two views that overlap share the overlap, and bytes that neither reaches are not stored."""
    base = np.full(100, 7, np.int16)
    content, blocks = encode([base[10:20:2], base[14:30:4]])
    assert [block.data.size for block in blocks.values()] == [34]
    one, other = decode(content, blocks)
    assert np.shares_memory(one, other)
    assert sorted(set(blocks["0"].data.view(np.int16).tolist())) == [0, 7]


def test_neighbours_do_not_share_memory() -> None:
    """Arrays that merely stand next to each other are stored apart, wherever they happen to be."""
    base = np.arange(8)
    apart = encode([base[:4].copy(), base[4:].copy()])
    assert encode([base[:4], base[4:]])[0] == apart[0]


def test_temporary_arrays_do_not_mix() -> None:
    """States that are copied out while encoding stay apart, however memory is reused."""
    generators = [random.Random(number) for number in range(9)]
    assert bits(round_trip(generators)) == bits(generators)


def test_gaps_are_not_state() -> None:
    """What stands between the elements of a view does not reach the file."""
    one, other = np.zeros(10), np.ones(10)
    other[::3] = 0
    assert encode(one[::3])[1]["0"].data.tobytes() == encode(other[::3])[1]["0"].data.tobytes()


def test_tensors_share_memory_with_each_other_and_numpy() -> None:
    """Tensor views, tied tensors and `numpy()` views stay on one storage."""
    base = torch.zeros(4, 3)
    tree = round_trip({"row": base[1], "base": base, "tied": base.view(12), "array": base.numpy()})
    tree["row"][:] = 5
    assert tree["tied"][3:6].tolist() == tree["array"][1].tolist() == [5, 5, 5]
    pointers = {tree[key].untyped_storage().data_ptr() for key in ("row", "base", "tied")}
    assert len(pointers) == 1


def test_fresh_memory_is_not_that_of_the_tree() -> None:
    """The blocks are the live memory; a decoded copy of them is not needed to save."""
    array = np.arange(64)
    assert np.shares_memory(encode(array)[1]["0"].data, array)


def test_spawned_children_continue() -> None:
    """A restored generator spawns the child that the original would have spawned next."""
    original = np.random.default_rng(3)
    original.spawn(2)
    restored = round_trip(original)
    assert restored.spawn(1)[0].random() == original.spawn(1)[0].random()


def test_restored_space_samples_on() -> None:
    """A restored space draws the sample that the original would have drawn."""
    space = VALUES["dict space"]
    assert bits(round_trip(space).sample()) == bits(round_trip(space).sample())
    assert round_trip(spaces.Box(0, 1))._np_random is None


def test_registered_code_is_stored_by_name() -> None:
    """A class or function that the caller names decodes to what the caller names so then."""
    names = {"ReLU": torch.nn.ReLU, "halve": lambda value: value / 2}
    tree = {"net": [torch.nn.ReLU], "schedule": names["halve"]}
    content, _ = encode(tree, names=names)
    assert content == {"net": [{"$name": "ReLU"}], "schedule": {"$name": "halve"}}
    assert decode(content, {}, names=names) == tree
    with pytest.raises(MismatchedCheckpoint, match=r"state\['net'\]\[0\].*'ReLU'.*pass it"):
        decode(content, {}, names={"Tanh": torch.nn.Tanh})


@pytest.mark.parametrize(
    "value",
    [np.random.default_rng(3), torch.Generator().manual_seed(3), spaces.Discrete(4, seed=3)],
    ids=lambda value: type(value).__name__,
)
def test_decoding_leaves_the_json_as_it_was(value: Any) -> None:
    """One tree in memory can be decoded twice, into two equal values of their own."""
    json, blocks = encode(value)
    first, second = decode(json, blocks), decode(json, blocks)
    assert first is not second
    assert bits_of(first) == bits_of(second) == bits_of(value)
