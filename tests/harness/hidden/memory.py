"""Facts of memory by the bytes: arrays of Python, and views. Rows as in `test_hidden_facts`."""

import array

import numpy as np

from tests.harness.hidden.rows import EXTRA, item, other, sub


def viewed():
    """A bytearray, and a view of a part of it."""
    held = bytearray(b"abcd")
    return [held, memoryview(held)[1:3]]


FACTS = {
    "array": (lambda: array.array("d", [1, 2]), item(0, 5.0)),
    "length of an array": (lambda: array.array("d", [1, 2]), lambda it: it.append(1)),
    "code of an array": (lambda: array.array("l", [1]), other(lambda: array.array("q", [1]))),
    "text in an array": (lambda: array.array("u", "ab"), item(0, "c")),
    "zero in an array": (lambda: array.array("f", [0.0]), item(0, -0.0)),
    "memory of an array": (
        lambda: [held := array.array("b", [1]), np.frombuffer(held, np.int8)],
        lambda it: [array.array("b", [1]), it[1]],
    ),
    "subclass of an array": (sub(array.array, "b"), EXTRA),
    "view": (viewed, lambda it: it[0].__setitem__(1, 0)),
    "place of a view": (viewed, lambda it: [it[0], memoryview(it[0])[2:4]]),
    "format of a view": (
        lambda: memoryview(bytes(8)),
        other(lambda: memoryview(bytes(8)).cast("d")),
    ),
    "view that is read only": (
        lambda: memoryview(bytearray(8)),
        lambda it: it.toreadonly(),
    ),
    "released view": (viewed, lambda it: it[1].release()),
    "object of a view": (
        lambda: [held := bytearray(2), memoryview(held)],
        lambda it: [it[0], memoryview(bytearray(2))],
    ),
}
