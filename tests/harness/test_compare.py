"""The comparison: each way in which two states differ, found and named, and nothing else."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from resumeproof.core.exclusions import Exclusion
from resumeproof.state.capture import capture
from resumeproof.state.compare import MismatchKind, compare

from tests.harness.compare_cases import CASES, shared, view_of


@pytest.mark.parametrize(("expected", "got", "found"), CASES.values(), ids=CASES)
def test_each_difference_is_found_and_named(expected, got, found):
    """A comparison reports exactly the kinds and KeyPaths that differ, and `==` agrees."""
    one, two = capture(expected), capture(got)
    diff = compare(one, two)
    assert [(item.kind, str(item.keypath)) for item in diff.mismatches] == [
        (kind, path or "<root>") for kind, path in found
    ]
    assert (one == two) is (not found)


@pytest.mark.parametrize("case", CASES)
def test_nothing_differs_from_itself(case):
    """Both sides of every case equal themselves: no false alarm."""
    for side in CASES[case][:2]:
        assert not compare(capture(side), capture(side)).mismatches


def test_the_comparison_holds_both_ways():
    """What differs from left to right differs from right to left."""
    for expected, got, found in CASES.values():
        assert bool(compare(capture(got), capture(expected))) is bool(found)


def test_cases_cover_every_kind():
    """No kind of mismatch is left without a case."""
    kinds = {kind for _, _, found in CASES.values() for kind, _ in found}
    assert kinds == {kind.value for kind in MismatchKind}


MESSAGES = [
    ("a1", {"a": 1}, {"a": 2}, "VALUE      ['a']  int  expected 1, got 2"),
    (
        "array",
        {"a": np.array([1.0, 2.0])},
        {"a": np.array([1.0, 2.0000000000000004])},
        "VALUE      ['a']  ndarray  expected 2.0, got 2.0000000000000004 (1 of 2 elements, "
        "first at (1,), greatest difference 4.44089e-16, up to 1 ulp)",
    ),
    (
        "zero",
        {"a": torch.tensor(0.0)},
        {"a": torch.tensor(-0.0)},
        "VALUE      ['a']  Tensor  expected 0.0, got -0.0 (1 of 1 elements, "
        "greatest difference 0, up to 1 ulp)",
    ),
    (
        "alias",
        dict(zip("ab", shared(list), strict=True)),
        {"a": [], "b": []},
        "ALIASING   ['b']  list  expected the same object as ['a'], got an object of its own",
    ),
    (
        "requires_grad",
        {"a": torch.ones(1)},
        {"a": torch.ones(1, requires_grad=True)},
        "LAYOUT     ['a']  Tensor  expected requires_grad False, got requires_grad True",
    ),
    (
        "order",
        {"a": {"x": 1, "y": 2}},
        {"a": {"y": 2, "x": 1}},
        "VALUE      ['a']  dict  expected keys 'x', 'y', got keys 'y', 'x'",
    ),
    ("missing", {"a": [1]}, {}, "MISSING    ['a']  list  expected list, got nothing"),
    ("type", {"a": 1}, {"a": True}, "TYPE       ['a']  int  expected int 1, got bool True"),
    (
        "memory",
        view_of(0),
        {"whole": np.zeros(8), "part": np.zeros(2)},
        "ALIASING   ['part']  ndarray  expected memory shared with ['whole'], "
        "got memory of its own",
    ),
]


@pytest.mark.parametrize(("expected", "got", "text"), [row[1:] for row in MESSAGES])
def test_message_says_what_was_expected_and_got(expected, got, text):
    """One line holds kind, KeyPath, type, both values and, for arrays, the statistics."""
    assert str(compare(capture(expected), capture(got))) == text


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u8", "i8", "?", "c16", "U2", "M8[s]"])
def test_statistics_hold_for_every_dtype(dtype):
    """A message can be made of any dtype, its extremes included, without a warning."""
    low = np.zeros(3, dtype)
    high = low.copy()
    high.view(np.uint8)[:] = 0xFF if dtype not in ("?", "U2") else 1
    diff = compare(capture(low), capture(high))
    assert diff.mismatches[0].stats.startswith("3 of 3 elements, first at (0,)")


def test_excluded_differences_are_listed_apart():
    """An exclusion moves what it covers out of the mismatches, and counts as used."""
    clock = Exclusion(pattern="clock", reason="wall clock")
    idle = Exclusion(pattern="nothing.here", reason="never met")
    one, two = (capture(SimpleNamespace(clock=[t], x=0)) for t in (1, 2))
    diff = compare(one, two, [clock, idle])
    assert not diff
    assert [(item, str(found.keypath)) for item, found in diff.excluded] == [(clock, "clock[0]")]
    assert diff.used == {clock}


def test_an_exclusion_is_used_where_its_keypath_exists():
    """Being used does not depend on whether two clocks happen to agree."""
    clock = Exclusion(pattern="clock", reason="wall clock")
    snapshot = capture(SimpleNamespace(clock=1))
    assert compare(snapshot, snapshot, [clock]).used == {clock}


def test_every_pair_of_different_cases_differs():
    """States of different cases never compare equal by accident of encoding."""
    sides = [
        capture(CASES[case][0]) for case in ("one and True", "str and bytes", "tuple and list")
    ]
    assert not any(one == two for one, two in itertools.combinations(sides, 2))
