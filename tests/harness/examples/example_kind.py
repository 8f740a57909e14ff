"""A kind of state of a user, in one file: its class, its reader, and what is true of it.

Beside it stand a run that keeps its state in such an object, and one whose load forgets it.
"""

import ctypes

import numpy as np
from resumeproof import Kind, loop, register_leaf
from resumeproof.state.readers import reading


class Table:
    """Numbers in memory of an extension, that Python cannot see into."""

    __slots__ = ("memory",)

    def __init__(self, *numbers):
        self.memory = (ctypes.c_double * len(numbers))(*numbers)


def elements(table):
    """A view of the numbers that writes to them."""
    return np.frombuffer(table.memory, np.float64)


def read(table):
    """Dtype, shape, layout, flags and bytes."""
    payload = elements(table).tobytes()
    return reading("table", "<f8", (len(table.memory),), ("strides", 8), (True,), payload=payload)


def write(table, source):
    """Copies the numbers of another table."""
    elements(table)[...] = elements(source)


TABLE = Kind(
    name="table",
    numeric=True,
    flags=("writeable",),
    elements=elements,
    bulk=True,
    write=write,
)
register_leaf(Table, read, kind=TABLE)


class Run:
    """A run that keeps its state in a table; each step depends on it."""

    def __init__(self, seed=0):
        self.table = Table(1.0, float(seed))
        self.steps = 0

    def step(self):
        """Moves the table on."""
        self.steps += 1
        elements(self.table)[...] *= 1.25

    def save(self, path):
        """All of it."""
        np.save(path.with_suffix(".npy"), np.append(elements(self.table), self.steps))

    def load(self, path):
        """All of it."""
        *numbers, steps = np.load(path.with_suffix(".npy"))
        elements(self.table)[...] = numbers
        self.steps = int(steps)


class Forgetful(Run):
    """The same, and its load leaves the table as it is."""

    def load(self, path):
        """The steps alone."""
        self.steps = int(np.load(path.with_suffix(".npy"))[-1])


def subject(run=Run):
    """A run under test."""
    return loop(make=run, step=run.step, save=run.save, load=run.load)
