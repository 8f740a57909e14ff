"""Facts of numpy arrays, dtypes and random streams. Rows as in `test_hidden_facts`."""

import functools
import tempfile

import numpy as np

from tests.harness.hidden.rows import EXTRA, attribute, doing, item, other, quietly, sub


def views(make, cut):
    """Makes an array and a view of it."""

    def made():
        whole = make()
        return [whole, cut(whole)]

    return made


def copied(live):
    """The view has memory of its own."""
    return [live[0], live[1].copy()]


def masked():
    """Two numbers, one of them masked."""
    return np.ma.array([1, 2], mask=[True, False])


@quietly
def matrix():
    """A class of array that has always two dimensions."""
    return np.matrix([[1], [1]])


def record():
    """An array of records, whose fields are attributes."""
    return np.rec.array([(1.0,)], dtype=[("a", "f8")])


def stream(kind):
    """Makes a generator of one kind."""
    return lambda: np.random.Generator(kind(1))


def dtype(*args, **options):
    """Makes an empty array of a dtype."""
    return lambda: np.zeros(1, np.dtype(*args, **options))


def scalar(*args):
    """Makes a scalar of a dtype."""
    return lambda: np.zeros(1, *args)[0]


def text(value, **options):
    """Makes an array of text of any length."""
    return lambda: np.array([value], np.dtypes.StringDType(**options))


# older numpy has fewer kinds of text
_TEXTS = (
    {
        "text": (text("a" * 40), other(text("b" * 40))),
        "absent text": (text("a"), other(text("a", na_object=None))),
    }
    if hasattr(np.dtypes, "StringDType")
    else {}
)
_KINDS = (
    np.random.PCG64,
    np.random.PCG64DXSM,
    np.random.MT19937,
    np.random.Philox,
    np.random.SFC64,
)
_OBJECTS = functools.partial(np.array, [1, 2, 3], dtype=object)
_FIELDS = functools.partial(np.zeros, 2, "O,f4")

FACTS = {
    "view of objects": (views(_OBJECTS, lambda it: it[1:]), copied),
    "view of objects moved": (
        lambda: (lambda a: [a, a[:2]])(np.zeros(3, object)),
        lambda it: [it[0], it[0][1:]],
    ),
    "view of fields with objects": (views(_FIELDS, lambda it: it["f0"]), copied),
    "object": (lambda: np.array([[1], 2], object), lambda it: it[0].append(1)),
    "object in no dimension": (lambda: np.array({1: 1}, object), lambda it: it[()].update(a=1)),
    "object in a field": (lambda: np.array([([1], 2)], "O,i4"), lambda it: it["f0"][0].append(1)),
    "mask": (masked, lambda it: it.mask.__setitem__(0, False)),
    "below the mask": (masked, lambda it: it.data.__setitem__(0, 9)),
    "fill value": (masked, attribute("fill_value", 3)),
    "hard mask": (masked, doing(lambda it: it.harden_mask())),
    "attribute of a masked array": (masked, EXTRA),
    "class of records": (record, lambda it: it.view(it.dtype, np.ndarray)),
    "dtype of records": (
        lambda: record().view(np.ndarray),
        lambda it: it.view([("a", "f8")]),
    ),
    "record": (lambda: record()[0], other(scalar([("a", "f8")]))),
    "matrix": (matrix, np.asarray),
    "attribute of a subclass": (sub(np.ndarray, (0,)), EXTRA),
    "unit of a time": (dtype("M8[s]"), lambda it: it.view("M8[ms]")),
    "no time": (dtype("M8[s]"), item(0, "nat")),
    "unit of a scalar": (lambda: np.datetime64(1, "s"), lambda it: np.datetime64(1, "ms")),
    "metadata": (dtype("f4", metadata={"x": 1}), other(dtype("f4", metadata={"x": 2}))),
    "no metadata": (dtype("f4", metadata={"x": 1}), other(dtype("f4"))),
    "aligned": (dtype([("a", "f4")], align=True), other(dtype([("a", "f4")]))),
    "title": (dtype([(("t", "a"), "f4")]), other(dtype([(("u", "a"), "f4")]))),
    "offset of a field": (
        dtype({"names": ["a"], "formats": ["u1"], "offsets": [0], "itemsize": 2}),
        other(dtype({"names": ["a"], "formats": ["u1"], "offsets": [1], "itemsize": 2})),
    ),
    "part of a field": (dtype([("a", "f4", 2)]), other(dtype([("a", "f4", (2, 1))]))),
    "records in a field": (
        lambda: np.dtype([("a", np.dtype((np.record, [("b", "f4")])), 2)]),
        other(lambda: np.dtype([("a", [("b", "f4")], 2)])),
    ),
    "no dimension": (lambda: np.array(1.0), lambda it: it[()]),
    "read-only": (dtype("f4"), lambda it: it.setflags(write=False)),
    "byte order": (dtype("<f4"), other(dtype(">f4"))),
    "byte order of a field": (dtype("<f4,i4"), other(dtype(">f4,i4"))),
    "byte order of a record": (scalar("<i4,f4"), other(scalar(">i4,f4"))),
    "raw bytes": (lambda: np.void(b"ab"), lambda it: np.void(b"ac")),
    "width of text": (dtype("U1"), other(dtype("U2"))),
    "bytes of text": (dtype("S2"), other(dtype("S3"))),
    "negative zero": (scalar("f2"), other(lambda: np.float16("-0.0"))),
    "long double": (scalar("g"), other(lambda: np.longdouble("1e-30"))),
    **_TEXTS,
    "view moved": (views(lambda: np.zeros(2), lambda it: it[:1]), lambda it: [it[0], it[0][1:]]),
    "view of a matrix": (quietly(views(matrix, lambda it: it[:1])), copied),
    "field": (views(lambda: np.zeros(2, "f4,f4"), lambda it: it["f0"]), copied),
    "reversed": (views(lambda: np.zeros(2), lambda it: it[::-1]), copied),
    **{
        kind.__name__: (stream(kind), doing(lambda it: it.integers(5, dtype=np.uint32)))
        for kind in _KINDS
    },
    **{
        f"legacy {kind.__name__}": (
            lambda kind=kind: np.random.RandomState(kind(1)),
            doing(lambda it: it.randint(5)),
        )
        for kind in _KINDS
    },
    "spare normal": (lambda: np.random.RandomState(1), doing(lambda it: it.standard_normal())),
    "spawned": (lambda: np.random.default_rng(1), doing(lambda it: it.spawn(1))),
    "seed sequence": (lambda: np.random.SeedSequence(1), doing(lambda it: it.spawn(1))),
    "entropy": (lambda: np.random.SeedSequence(1), other(lambda: np.random.SeedSequence([1]))),
    "subclass of a kind": (sub(np.random.PCG64, 1), EXTRA),
    "one kind for two": (
        lambda: [np.random.Generator(kind) for kind in [np.random.PCG64(1)] * 2],
        other(lambda: [np.random.Generator(np.random.PCG64(1)) for _ in range(2)]),
    ),
    "polynomial": (lambda: np.poly1d([1, 2]), lambda it: it.c.__setitem__(0, 5)),
    "error": (lambda: np.linalg.LinAlgError("a"), EXTRA),
}
NOT_STATE = {
    "padding of a long double": (
        lambda: np.frombuffer(np.longdouble(1).tobytes()[:10] + bytes([1] * 6), "g"),
        other(lambda: np.frombuffer(np.longdouble(1).tobytes()[:10] + bytes([2] * 6), "g")),
    ),
    "padding of a scalar": (
        lambda: np.frombuffer(np.longdouble(1).tobytes()[:10] + bytes([1] * 6), "g")[0],
        other(lambda: np.frombuffer(np.longdouble(1).tobytes()[:10] + bytes([2] * 6), "g")[0]),
    ),
}
REFUSED = {
    "file of an array": lambda: np.memmap(tempfile.mkstemp()[1], "f4", "w+", shape=(2,)),
    "iterator": lambda: np.nditer(np.zeros(2)),
    "metadata with objects": dtype("f4", metadata={"x": []}),
    "function of a function": lambda: np.frompyfunc(max, 1, 1),
}
