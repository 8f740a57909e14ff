"""Snapshots: immutable, cheap to compare, made for other processes too."""

import gc
import pickle
import random

import numpy as np
import pytest
from resumeproof.core.keypath import KeyPath
from resumeproof.state.capture import capture
from resumeproof.state.compare import compare
from resumeproof.state.readers import reading, register_leaf
from resumeproof.state.rows import same_bits
from resumeproof.state.snapshot import Snapshot


def state():
    """A small graph with an alias and a view."""
    rows = [1, 2.5]
    array = np.arange(6.0)
    return {"rows": rows, "again": rows, "array": array, "view": array[2:], "rng": random.Random(1)}


def test_snapshot_maps_keypaths_to_leaves():
    """Every edge of the graph is an entry with kind, class, dtype, shape and bytes."""
    snapshot = capture(state(), name="s")
    leaf = snapshot[KeyPath("s", ("view",))]
    assert (leaf.kind, leaf.dtype, leaf.shape) == ("array", "<f8", (4,))
    assert leaf.payload == np.arange(2.0, 6.0).tobytes()
    assert snapshot[KeyPath("s", ("rows",), 1)].value == 2.5
    assert snapshot[KeyPath("s", ("again",))].target == KeyPath("s", ("rows",))
    assert len(snapshot) == len(list(snapshot)) == len(snapshot.rows) - 1


def test_snapshot_names_aliases_and_shared_memory():
    """What shares an object, and what shares memory, is listed with all its names."""
    snapshot = capture(state())
    assert snapshot.aliases == ((KeyPath(("rows",)), KeyPath(("again",))),)
    assert snapshot.shared_memory == ((KeyPath(("array",)), KeyPath(("view",))),)


def test_snapshot_does_not_follow_later_changes():
    """What happens to the objects after a capture does not reach it."""
    live = state()
    snapshot = capture(live)
    before = pickle.dumps(snapshot)
    live["array"][:] = 0
    live["rows"].append(3)
    live["rng"].random()
    assert pickle.dumps(snapshot) == before


def test_snapshot_survives_pickling():
    """A snapshot sent to another process is equal there, digest included."""
    snapshot = capture(state())
    again = pickle.loads(pickle.dumps(snapshot))
    assert again == snapshot
    assert again.digest == snapshot.digest


def test_equality_is_that_of_compare():
    """`==` is true exactly if a comparison finds nothing, also where an immutable is shared."""
    value = range(3)
    one, two = capture([value, value]), capture([range(3), range(3)])
    assert not one.same_bytes(two)
    assert one == two
    assert not compare(one, two)
    assert capture(1) != capture(2)
    assert capture(1) != 1


def test_equal_objects_are_equal_bytes():
    """In which order attributes were set, or who shares a plain tuple, needs no second look."""

    class Thing:
        def __init__(self, *names):
            for name in names:
                setattr(self, name, [name])

    assert capture(Thing("a", "b")).same_bytes(capture(Thing("b", "a")))
    shape, twin = (tuple(map(int, "23")) for _ in range(2))
    assert shape is not twin
    assert capture([shape, shape]).same_bytes(capture([shape, twin]))


def test_no_garbage_is_collected_in_a_walk():
    """A finalizer that ran in the middle could change what is walked."""
    collected = []
    register_leaf(_Marker, lambda marker: collected.append(gc.isenabled()) or reading("marker"))
    capture([_Marker()])
    assert collected == [False]
    assert gc.isenabled()


class _Marker:
    """Tells when it is read."""


def test_snapshot_is_not_hashable():
    """Snapshots are compared, never keys: equal ones may differ in their order of walk."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(capture(1))


def test_digest_tells_states_apart():
    """Another bit is another digest."""
    assert capture([0.0]).digest != capture([-0.0]).digest


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [(1, True, False), (0.0, -0.0, False), (float("nan"), float("nan"), True), ("a", "a", True)],
)
def test_plain_values_are_compared_by_type_and_bits(one, two, same):
    """Equality of Python is neither needed nor enough."""
    assert same_bits(one, two) is same


def test_empty_snapshots_are_equal():
    """A snapshot of nothing has no entry below its roots."""
    empty = Snapshot((), b"", ())
    assert empty == Snapshot((), b"", ())
