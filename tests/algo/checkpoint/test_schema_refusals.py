"""The closed schema refuses: values that it does not hold, and JSON that no encoder writes."""

from __future__ import annotations

import enum
import json
import random
from collections import Counter, defaultdict
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from gymnasium import spaces
from resumeproof.algo.checkpoint import (
    Block,
    DamagedCheckpoint,
    MismatchedCheckpoint,
    UnsupportedValue,
    decode,
    encode,
)


class Color(enum.IntEnum):
    """A subclass of int, which is not an int."""

    RED = 1


class Pair(NamedTuple):
    """A subclass of tuple, which is not a tuple."""

    left: int


def deep(levels: int) -> Any:
    """Return lists inside lists."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def with_attribute() -> Any:
    """Return a space that a user extended."""
    space = spaces.Discrete(2)
    space.note = "mine"  # type: ignore[attr-defined]
    return space


def with_gradient() -> torch.Tensor:
    """Return a leaf whose gradient would be lost."""
    value = torch.ones(2, requires_grad=True)
    value.sum().backward()  # type: ignore[no-untyped-call]
    return value


UNSUPPORTED = {
    "object": (lambda: object(), r"state\['env'\]\[0\]\['simulator'\] is a builtins.object.*plain"),
    "enum": (lambda: Color.RED, r"Color, expected one of these exact types"),
    "namedtuple": (lambda: Pair(1), r"Pair, expected"),
    "function": (lambda: deep, r"deep, code without a registered name"),
    "class": (lambda: torch.nn.ReLU, r"ReLU, code without a registered name"),
    "counter": (lambda: Counter("ab"), r"collections.Counter"),
    "defaultdict": (lambda: defaultdict(list), r"collections.defaultdict"),
    "object array": (lambda: np.array([None]), r"dtype\('O'\), expected numpy's own"),
    "dtype metadata": (lambda: np.zeros(1, np.dtype("f4", metadata={"a": 1})), r"metadata"),
    "masked array": (lambda: np.ma.array([1]), r"MaskedArray"),
    "parameter": (lambda: torch.nn.Parameter(torch.ones(1)), r"Parameter, expected"),
    "graph": (lambda: torch.ones(1, requires_grad=True) * 2, r"autograd graph; call detach"),
    "gradient": (with_gradient, r"with a gradient; save the gradient apart"),
    "conjugate": (lambda: torch.ones(1, dtype=torch.complex64).conj(), r"resolve_conj"),
    "sparse": (lambda: torch.ones(2).to_sparse(), r"torch.sparse_coo.*expected a dense one"),
    "meta": (lambda: torch.ones(2, device="meta"), r"on meta"),
    "space attribute": (with_attribute, r"Discrete with the attributes \['note'\] added"),
    "system random": (lambda: random.SystemRandom(), r"SystemRandom"),
    "depth": (lambda: deep(100), r"levels deep, expected at most 100"),
    "tensor in set": (lambda: {torch.ones(1)}, r"inside a set, expected a value that cannot"),
}
if hasattr(np.dtypes, "StringDType"):  # numpy 2
    UNSUPPORTED["string dtype"] = (
        lambda: np.array(["a"], np.dtypes.StringDType()),
        r"StringDType",
    )


@pytest.mark.parametrize(("make", "text"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_unsupported_value_is_named(make: Any, text: str) -> None:
    """A value outside the schema is an error with its path, its type and what to do."""
    with pytest.raises(UnsupportedValue, match=text) as caught:
        encode({"env": [{"simulator": make()}]})
    assert "state['env'][0]['simulator']" in str(caught.value)


ARRAY = {"block": "0", "dtype": "<f4", "shape": [2]}
TENSOR = {"block": "0", "dtype": "float32", "shape": [2]}
BLOCK = Block(dtype="F32", shape=(2,), data=np.zeros(8, np.uint8))
MERSENNE = encode(np.random.Generator(np.random.MT19937(1)))
PERMUTED = encode(np.random.PCG64(1))
PHILOX = encode(np.random.Philox(1))


def forged(example: Any, **changes: Any) -> Any:
    """Return the JSON of a generator with some numbers of its state replaced."""

    def visit(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: changes.get(key, visit(item)) for key, item in node.items()}
        return node

    return visit(example[0])


DAMAGED: dict[str, tuple[Any, dict[str, Block], str]] = {
    "unknown tag": ({"$pickle": "gASV"}, {}, r"one known tag of"),
    "tag and key": ({"$tuple": [], "x": 1}, {}, r"\['\$tuple', 'x'\], expected one known tag"),
    "two tags": ({"$tuple": [], "$list": []}, {}, r"one known tag"),
    "dangling reference": ([{"$ref": "state['a']"}], {}, r"state\[0\] refers to .*earlier object"),
    "reference ahead": ([{"$ref": "state[1]"}, []], {}, r"earlier object"),
    "reference of a wrong type": ([{"$ref": 0}], {}, r"refers to 0"),
    "tuple of a wrong type": ({"$tuple": "ab"}, {}, r"expected a list"),
    "small tagged int": ({"$int": "0x5"}, {}, r"more than 63 bits"),
    "spaced int": ({"$int": "0x_ff"}, {}, r"a hexadecimal number"),
    "finite tagged float": ({"$float": "3ff0000000000000"}, {}, r"infinity or NaN"),
    "infinite plain float": (float("inf"), {}, r"a finite float"),
    "short float": ({"$float": "7ff0"}, {}, r"struct.error|error"),
    "plain tagged text": ({"$str": "61"}, {}, r"lone surrogates"),
    "spaced bytes": ({"$bytes": "61 62"}, {}, r"no spaces"),
    "odd bytes": ({"$bytes": "616"}, {}, r"ValueError"),
    "bytes of a wrong type": ({"$bytes": 5}, {}, r"hexadecimal digits"),
    "complex of integers": ({"$complex": [1, 2]}, {}, r"two floats"),
    "repeated key": ({"$dict": [[1, 2], [1, 3]]}, {}, r"keys that differ"),
    "plain tagged dict": ({"$dict": [["a", 2]]}, {}, r"a plain object"),
    "long pair": ({"$dict": [[1, 2, 3]]}, {}, r"ValueError"),
    "list as key": ({"$dict": [[[], 3]]}, {}, r"unhashable"),
    "repeated item": ({"$set": [1, 1]}, {}, r"items that differ"),
    "overfull deque": ({"$deque": {"maxlen": 1, "items": [1, 2]}}, {}, r"at most maxlen"),
    "deque with more": ({"$deque": {"maxlen": 1, "items": [], "x": 1}}, {}, r"and items"),
    "deep": ([json.loads("[" * 120 + "]" * 120)], {}, r"nested deeper than 100"),
    "object dtype": ({"$array": {**ARRAY, "dtype": "|O"}}, {"0": BLOCK}, r"without objects"),
    "dtype program": ({"$dtype": "f4,(2,)O"}, {}, r"a dtype without objects"),
    "hidden object dtype": (
        {"$dtype": {"names": ["a"], "formats": ["|O"], "offsets": [0], "itemsize": 8,
                    "aligned": False}},
        {},
        r"a dtype without objects",
    ),
    "scalar too long": ({"$scalar": ["<f4", "0000000000"]}, {}, r"one item"),
    "scalar text": ({"$scalar": ["<U1", "00000000"]}, {}, r"the dtype of a scalar"),
    "no block": ({"$array": ARRAY}, {}, r"expected block '0' among the arrays, got none"),
    "unused block": ([], {"0": BLOCK}, r"every array to be used, got block '0'"),
    "unused end": ({"$array": {**ARRAY, "shape": [1]}}, {"0": BLOCK}, r"\(0, 4\) is used"),
    "window too long": ({"$array": {**ARRAY, "shape": [3]}}, {"0": BLOCK}, r"got bytes 0 to 12"),
    "window too early": ({"$array": {**ARRAY, "strides": [-4]}}, {"0": BLOCK}, r"bytes -4 to 4"),
    "negative length": ({"$array": {**ARRAY, "shape": [-2]}}, {"0": BLOCK}, r"no negative length"),
    "fractional length": ({"$array": {**ARRAY, "shape": [2.0]}}, {"0": BLOCK}, r"whole numbers"),
    "boolean length": ({"$array": {**ARRAY, "shape": [True]}}, {"0": BLOCK}, r"whole numbers"),
    "huge length": ({"$array": {**ARRAY, "shape": [2**62]}}, {"0": BLOCK}, r"window inside block"),
    "huge empty": (
        {"$tensor": {"dtype": "float32", "shape": [0, 2**80]}}, {}, r"Error|expected"
    ),
    "strides too many": ({"$array": {**ARRAY, "strides": [4, 4]}}, {"0": BLOCK}, r"strides|zip"),
    "unknown array key": ({"$array": {**ARRAY, "order": "F"}}, {"0": BLOCK}, r"the keys"),
    "readonly false": ({"$array": {**ARRAY, "readonly": False}}, {"0": BLOCK}, r"readonly as true"),
    "tensor dtype": ({"$tensor": {**TENSOR, "dtype": "quint8"}}, {"0": BLOCK}, r"KeyError"),
    "tensor half element": (
        {"$tensor": {**TENSOR, "shape": [1], "offset": 2}}, {"0": BLOCK}, r"whole elements"
    ),
    "tensor backwards": (
        {"$tensor": {**TENSOR, "strides": [-4], "offset": 4}}, {"0": BLOCK}, r"whole elements"
    ),
    "forged position": (forged(MERSENNE, pos=10**6), MERSENNE[1], r"pos up to 624"),
    "forged negative position": (forged(PHILOX, buffer_pos=-9), PHILOX[1], r"buffer_pos up to 4"),
    "forged flag": (forged(PERMUTED, has_uint32=True), {}, r"that the generator takes unchanged"),
    "forged kind": (forged(MERSENNE, kind="os.system"), MERSENNE[1], r"KeyError"),
    "forged pool": (forged(MERSENNE, pool_size=10**9), MERSENNE[1], r"a pool of 4 to 1024"),
    "generator of nothing": ({"$generator": {"bit_generator": 5}}, {}, r"Error"),
    "space of another generator": (
        {"$space": {**encode(spaces.Discrete(2))[0]["$space"], "_np_random": 5}},
        {},
        r"a numpy Generator or null",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "blocks", "text"), DAMAGED.values(), ids=DAMAGED)
def test_decoding_is_strict(content: Any, blocks: dict[str, Block], text: str) -> None:
    """JSON that no encoder writes is an error that says what was expected."""
    with pytest.raises(DamagedCheckpoint, match=text):
        decode(content, blocks)


def test_space_of_another_gymnasium_is_named() -> None:
    """A space whose attributes differ from those of this gymnasium says so."""
    content = encode(spaces.Discrete(2))[0]["$space"]
    with pytest.raises(MismatchedCheckpoint, match=r"Discrete with the attributes .*gymnasium"):
        decode({"$space": {**content, "mask": None}}, {})


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device must be missing")
def test_missing_device_is_named() -> None:
    """A tensor of a device that is not here asks for `device='cpu'`, which loads it."""
    content = {"$tensor": {**TENSOR, "device": "cuda:0"}}
    with pytest.raises(MismatchedCheckpoint, match=r"'cuda:0'.*pass device='cpu'"):
        decode(content, {"0": BLOCK})
    assert decode(content, {"0": BLOCK}, device="cpu").tolist() == [0, 0]
