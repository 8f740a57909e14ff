"""A mutant operator added in one file, `example_operator`: seen everywhere without another edit."""

import json
import sys
from pathlib import Path

import pytest
from resumeproof import Operator, register_operator
from resumeproof.core.errors import InvalidOperator
from resumeproof.mutation.campaign import mutate
from resumeproof.mutation.mutant import KILLED
from resumeproof.mutation.operators import OPERATORS

pytest_plugins = ["pytester"]
EXAMPLES = Path(__file__).parent / "examples"
SUITE = f"""
    import sys
    sys.path.insert(0, {str(EXAMPLES)!r})
    import example_operator
    import pytest

    @pytest.fixture
    def subject():
        return example_operator.average

    def test_count(subject, tmp_path):
        example_operator.assert_count_comes_back(subject, tmp_path)
"""


@pytest.fixture
def example(monkeypatch):
    """The file, imported anew; what it registers is undone."""
    before = dict(OPERATORS)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    sys.modules.pop("example_operator", None)
    import example_operator

    yield example_operator
    OPERATORS.clear()
    OPERATORS.update(before)


def test_kill_matrix_shows_it(example):
    """It has a row, is tried where it applies and nowhere else, and is killed by name."""
    matrix = mutate(example.average, example.SCENARIO)
    assert matrix.table()["negated"] == {"roundtrip": (1, 1)}
    (outcome,) = (o for o in matrix.of(KILLED) if o.mutant.operator == "negated")
    assert str(outcome.mutant) == "negated: component.mean"
    assert outcome.named
    plain = json.loads(json.dumps(matrix.to_plain()))
    assert plain["matrix"]["negated"] == {"roundtrip": [1, 1]}


def test_summary_of_ckpt_mutate_lists_it(pytester):
    """A test of one's own that looks at the count alone would not see it."""
    pytester.makepyfile(test_suite=SUITE)
    flags = ("-p", "no:cacheprovider", "--ckpt-mutate", "--ckpt-report=mutants.jsonl")
    result = pytester.runpytest_subprocess(*flags, timeout=60)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["component:Average: 16 mutants tried, *"])
    (line,) = (pytester.path / "mutants.jsonl").read_text().splitlines()
    mutant = {"operator": "negated", "keypath": "component.mean"}
    assert mutant in json.loads(line)["survived"]


def test_what_is_no_operator_of_ones_own_is_refused(example):
    """A name of the harness, and a function as it is."""
    with pytest.raises(InvalidOperator, match=r"name of its own, got name='zeroed', which is one"):
        register_operator(Operator(name="zeroed", apply=example.negate))
    with pytest.raises(InvalidOperator, match=r"got <function negate .*> \(function\); wrap the"):
        register_operator(example.negate)
