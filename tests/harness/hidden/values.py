"""Facts of containers, plain values and handles. Rows as in `test_hidden_facts`."""

import collections
import csv
import ctypes
import dataclasses
import datetime
import decimal
import enum
import io
import logging
import multiprocessing
import os
import pathlib
import random
import re
import socket
import tempfile
import time
import types
import uuid
from fractions import Fraction
from types import SimpleNamespace

import numpy as np

from tests.harness.compare_cases import nan
from tests.harness.hidden.rows import EXTRA, attribute, doing, item, other, sub


@dataclasses.dataclass(slots=True)
class Slotted:
    """A dataclass without `__dict__`."""

    count: int = 0


class Base:
    """One slot, and in a subclass another of the same name."""

    __slots__ = ("part",)


class Shadowing(Base):
    """Its own slot hides the one of its base."""

    __slots__ = ("__dict__", "part")


class Pair(collections.namedtuple("Pair", "left right")):
    """A named tuple with attributes."""


def filled(hidden=0, own=0, attribute=0):
    """One name in three places."""
    made = Shadowing()
    Base.part.__set__(made, hidden)
    made.part = own
    made.__dict__["part"] = attribute
    return made


def member():
    """A member of an enum of its own."""
    return enum.Enum("Colour", {"RED": [1], "BLUE": [2]}).RED


def local_class():
    """One of several classes of one name."""

    class Local:
        pass

    return Local


def keyed(make, *values):
    """Makes a dict in which every key is made anew and reads alike."""
    return lambda: {make(): value for value in values}


def error(cause=None):
    """An exception that was raised because of another."""
    made = ValueError("x")
    made.__cause__ = cause
    return made


def shared(*values):
    """Bytes and an array over the same memory."""
    held = bytearray(values)
    return [held, np.frombuffer(held, np.uint8)]


def opened(mode, *buffering):
    """A file of two lines, opened in a mode."""
    path = pathlib.Path(tempfile.mkdtemp()) / "file"
    path.write_text("a\nb\n")
    return path.open(mode, *buffering)


CONTAINERS = {
    "Counter": (lambda: collections.Counter("ab"), lambda it: it.update("a")),
    "attribute of a Counter": (lambda: collections.Counter("ab"), EXTRA),
    "ChainMap": (lambda: collections.ChainMap({1: 1}, {}), lambda it: it.maps.reverse()),
    "UserDict": (lambda: collections.UserDict(a=1), lambda it: it.update(a=2)),
    "attribute of a UserDict": (lambda: collections.UserDict(a=1), EXTRA),
    "UserList": (lambda: collections.UserList([1]), lambda it: it.append(2)),
    "OrderedDict": (lambda: collections.OrderedDict(a=1, b=2), lambda it: it.move_to_end("a")),
    "attribute of an OrderedDict": (lambda: collections.OrderedDict(a=1), EXTRA),
    "attribute of an empty OrderedDict": (collections.OrderedDict, EXTRA),
    "subclass of OrderedDict": (sub(collections.OrderedDict), EXTRA),
    "defaultdict": (lambda: collections.defaultdict(list), attribute("default_factory", set)),
    "defaultdict, twice": (
        sub(collections.defaultdict, list),
        lambda it: it.__dict__.update(default_factory=set),
    ),
    "deque": (lambda: collections.deque([1]), other(lambda: collections.deque([1], 5))),
    "bytearray": (lambda: bytearray(2), item(0, 1)),
    "memory of a bytearray": (lambda: shared(1, 2), lambda it: [bytearray(it[0]), it[1]]),
    "mappingproxy": (lambda: types.MappingProxyType({1: [1]}), lambda it: it[1].append(1)),
    "namespace": (lambda: SimpleNamespace(a=1), EXTRA),
    "slot": (Slotted, attribute("count", False)),
    "hidden slot": (filled, other(lambda: filled(hidden=1))),
    "slot and attribute": (filled, other(lambda: filled(own=1))),
    "attribute and slot": (filled, other(lambda: filled(attribute=1))),
    "named tuple": (lambda: Pair(1, 2), EXTRA),
    "one tuple with state": (lambda: [with_extra(Pair(1, 2))] * 2, lambda it: two_pairs()),
    "nan key": (keyed(lambda: nan(0), 1, 2), other(keyed(lambda: nan(0), 3, 2))),
    "nan keys swapped": (keyed(lambda: nan(0), 1, 2), other(keyed(lambda: nan(0), 2, 1))),
    "bits of a nan key": (lambda: {nan(1): 0}, other(lambda: {nan(2): 0})),
    "sign of a nan key": (lambda: {nan(0): 0}, other(lambda: {nan(0, 1): 0})),
    "bits of a complex key": (
        lambda: {complex(0, nan(1)): 0},
        other(lambda: {complex(0, nan(2)): 0}),
    ),
    "key of a nan": (keyed(lambda: (nan(0),), 1, 2), other(keyed(lambda: (nan(0),), 3, 2))),
    "bits in a tuple key": (lambda: {(nan(1),): 0}, other(lambda: {(nan(2),): 0})),
    "tuple key": (lambda: {(1, "a"): 0}, other(lambda: {(True, "a"): 0})),
    "class keys": (keyed(local_class, 1, 2), other(keyed(local_class, 3, 2))),
    "keys of a class": (
        keyed(lambda: (local_class(),), 1, 2),
        other(keyed(lambda: (local_class(),), 3, 2)),
    ),
    "key type": (lambda: {1: 0}, other(lambda: {1.0: 0})),
    "key of a subclass": (lambda: {sub(int, 1)(): 0}, other(lambda: {1: 0})),
    "frozen key": (lambda: {frozenset({1}): 0}, other(lambda: {frozenset({2}): 0})),
    "nan in a set": (lambda: {nan(1)}, other(lambda: {nan(2)})),
}
_BASES = (
    (int, 1),
    (float, 1.0),
    (str, "a"),
    (bytes, b"a"),
    (complex, 1),
    (tuple, [1]),
    (list, [1]),
    (dict, {1: 1}),
    (set, [1]),
    (frozenset, [1]),
    (bytearray, 2),
    (collections.deque, [1]),
    (datetime.date, 1, 1, 1),
    (datetime.datetime, 1, 1, 1),
    (datetime.timedelta, 1),
    (decimal.Decimal, 1),
    (Fraction, 1),
    (pathlib.PosixPath, "a"),
    (random.Random, 1),
    (random.SystemRandom,),
    (io.StringIO,),
    (io.BytesIO,),
    (types.ModuleType, "made"),
    (BaseException,),
    (object,),
)
VALUES = {
    **{f"subclass of {base.__name__}": (sub(base, *args), EXTRA) for base, *args in _BASES},
    "nan of a subclass": (sub(float, nan(1)), other(sub(float, nan(2)))),
    "fold": (lambda: datetime.datetime(2020, 1, 1), lambda it: it.replace(fold=1)),
    "time zone": (
        lambda: datetime.time(1, tzinfo=datetime.UTC),
        lambda it: it.replace(tzinfo=datetime.timezone(datetime.timedelta(0), "Z")),
    ),
    "zone of a time": (
        lambda: time.struct_time((1,) * 9 + ("A", 1)),
        other(lambda: time.struct_time((1,) * 9 + ("B", 1))),
    ),
    "status of a file": (
        lambda: os.stat_result((1,) * 10 + (1.5,) * 3),
        other(lambda: os.stat_result((1,) * 10 + (1.5, 2.5, 1.5))),
    ),
    "timedelta": (lambda: datetime.timedelta(1), other(lambda: datetime.timedelta(1, 0, 1))),
    "zeros of a decimal": (lambda: decimal.Decimal("1.0"), other(lambda: decimal.Decimal("1.00"))),
    "nan of a decimal": (lambda: decimal.Decimal("nan1"), other(lambda: decimal.Decimal("snan1"))),
    "Fraction": (lambda: Fraction(1, 2), other(lambda: Fraction(1, 3))),
    "UUID": (
        lambda: uuid.UUID(int=1),
        other(lambda: uuid.UUID(int=1, is_safe=uuid.SafeUUID.safe)),
    ),
    "path": (lambda: pathlib.PurePosixPath("a"), other(lambda: pathlib.PureWindowsPath("a"))),
    "pattern": (lambda: re.compile("a"), other(lambda: re.compile("a", re.ASCII))),
    "range": (lambda: range(3), other(lambda: range(0, 3, 2))),
    "attribute of a member": (member, EXTRA),
    "value of a member": (member, lambda it: it.value.append(1)),
    "position in bytes": (lambda: io.BytesIO(b"ab"), doing(lambda it: it.read(1))),
    "attribute of bytes": (lambda: io.BytesIO(b"ab"), EXTRA),
    "position in text": (lambda: io.StringIO("ab"), doing(lambda it: it.read(1))),
    "attribute of text": (lambda: io.StringIO("ab"), EXTRA),
    "ends of lines": (
        lambda: io.StringIO("ab", newline="\n"),
        other(lambda: io.StringIO("ab", newline="\r\n")),
    ),
    "closed text": (io.StringIO, lambda it: it.close()),
    "closed bytes": (io.BytesIO, lambda it: it.close()),
    "attribute of a logger": (lambda: logging.Logger("x"), EXTRA),
    "attribute of the system's stream": (random.SystemRandom, EXTRA),
    "spare of the system's stream": (random.SystemRandom, attribute("gauss_next", 1.0)),
    "spare of a stream": (lambda: random.Random(1), attribute("gauss_next", 1.0)),
    "cause": (error, other(lambda: error(KeyError(1)))),
    "context": (error, attribute("__context__", KeyError(1))),
    "note": (error, lambda it: it.add_note("a")),
    "file of an error": (lambda: OSError(2, "x", "a"), other(lambda: OSError(2, "x", "b"))),
    "value of a stop": (lambda: StopIteration(1), other(lambda: StopIteration(2))),
}


def with_extra(live):
    """The same with an attribute."""
    live.extra = 1
    return live


def two_pairs():
    """Two equal tuples with an attribute each."""
    return [with_extra(Pair(1, 2)), with_extra(Pair(1, 2))]


def read(*mode):
    """Makes a file that is read, the same every time."""
    return lambda: PLACE.open(*mode)


def between(live):
    """The file in the middle of a loop over its lines."""
    next(live)
    return live


PLACE = pathlib.Path(__file__)
FILES = {
    "position in a file": (read("r"), doing(lambda it: it.readline())),
    "position in bytes of a file": (read("rb"), doing(lambda it: it.read(1))),
    "position without a buffer": (read("rb", 0), doing(lambda it: it.read(1))),
    "name of a file": (read("rb"), other(lambda: opened("rb"))),
    "closed file": (read("r"), lambda it: it.close()),
}


class CountAndMean(ctypes.Structure):
    """Two numbers, as C lays them out."""

    _fields_ = (("count", ctypes.c_int), ("mean", ctypes.c_double))


OF_C = {
    "number of C": (lambda: ctypes.c_int64(3), attribute("value", 4)),
    "zero of C": (lambda: ctypes.c_double(0.0), attribute("value", -0.0)),
    "type of a number of C": (lambda: ctypes.c_int32(3), other(lambda: ctypes.c_uint32(3))),
    "structure of C": (lambda: CountAndMean(1, 2.0), attribute("mean", 3.0)),
    "array of C": (lambda: (ctypes.c_int * 3)(1, 2, 3), item(2, 4)),
    "number that processes share": (lambda: multiprocessing.Value("q", 3), attribute("value", 4)),
}
FACTS = {**CONTAINERS, **VALUES, **FILES, **OF_C}
NOT_STATE = {
    "file of rows": (lambda: [csv.writer(io.StringIO())], item(0, csv.writer(io.StringIO()))),
    "level of a logger": (lambda: logging.Logger("x"), lambda it: it.setLevel(5)),
    "order of attributes": (
        lambda: SimpleNamespace(a=1, b=1),
        other(lambda: SimpleNamespace(b=1, a=1)),
    ),
    "position in what is written": (lambda: opened("w"), doing(lambda it: it.write("a"))),
}
REFUSED = {
    "two nans in a set": lambda: {nan(0), nan(0)},
    "two classes of one name in a set": lambda: {local_class(), local_class()},
    "two tuples of nans in a set": lambda: {(nan(0),), (nan(0),)},
    "file that is read and written": lambda: opened("r+"),
    "file that is appended and read": lambda: opened("a+"),
    "file that is written and read": lambda: opened("w+"),
    "file of bytes that is written": lambda: opened("wb"),
    "file of bytes that is read and written": lambda: opened("r+b"),
    "file between two lines": lambda: between(opened("r")),
    "socket": socket.socket,
    "address of C": lambda: ctypes.c_void_p(5),
    "text at an address of C": lambda: ctypes.c_char_p(b"text"),
    "array of addresses of C": lambda: (ctypes.c_void_p * 2)(1, 2),
}
