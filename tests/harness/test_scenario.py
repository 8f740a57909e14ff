"""Scenarios and stored cases: plain values that survive JSON, and nothing else is accepted."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from resumeproof.core.errors import InvalidScenario, InvalidTarget
from resumeproof.core.scenario import MEDIA, Scenario
from resumeproof.subjects.by_name import Case, read_cases

SCENARIO = Scenario(length=12, save_at=5, cycles=2, gap=3, options={"n_envs": 2}, medium="memory")
CASE = Case(target="example_loops:right", options={"batch": 4}, scenario=SCENARIO)

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
options = st.dictionaries(st.text(), st.recursive(plain, st.lists, max_leaves=3), max_size=3)


@given(options=options, seed=st.integers(0, 2**32 - 1), medium=st.sampled_from(MEDIA))
def test_json_gives_an_equal_scenario_back(options, seed, medium):
    """Any plain options, seed and medium survive a round trip through JSON."""
    scenario = Scenario(length=3, save_at=1, options=options, seed=seed, medium=medium)
    assert Scenario.from_json(scenario.to_json()) == scenario


def test_printed_scenario_can_be_pasted():
    """The repr of a scenario is code that makes an equal one."""
    assert eval(repr(SCENARIO)) == SCENARIO


def test_scenario_is_frozen():
    """A scenario is data: nothing changes it."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        SCENARIO.length = 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length": 0}, "expected length to be at least 1 step, got length=0: write"),
        ({"save_at": 13}, "expected save_at to be 0 to length=12, got save_at=13: save"),
        ({"save_at": -1}, "expected save_at to be 0 to length=12, got save_at=-1: save"),
        ({"cycles": 0}, "expected cycles to be at least 1, got cycles=0: write"),
        (
            {"gap": 9},
            "with the last save, at step 14, within length=12, got gap=9: save sooner",
        ),
        (
            {"medium": "cloud"},
            r"expected medium to be one of file, memory, .*got medium='cloud': choose",
        ),
    ],
)
def test_impossible_scenario_is_refused(changes, message):
    """The message shows the value and what was expected."""
    with pytest.raises(InvalidScenario, match=message):
        dataclasses.replace(SCENARIO, **changes)


def test_options_that_json_would_change_are_refused():
    """A tuple would come back as a list, so it does not leave."""
    with pytest.raises(
        InvalidScenario, match=r"expected options that survive JSON, got options=.*: use str, int"
    ):
        dataclasses.replace(SCENARIO, options={"net": (8, 8)}).to_json()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected a scenario as JSON, got '{'"),
        ('{"format": 2}', "expected a scenario of format 1, got format=2: read"),
        ("[]", "expected a scenario of format 1, got format=None: read"),
        (
            '{"format": 1, "length": 3}',
            r"expected length, save_at and any .* got the fields length: ",
        ),
        (
            '{"format": 1, "length": 3, "save_at": 1, "foo": 2}',
            r"got the fields foo, length, save_at: leave out the others",
        ),
    ],
)
def test_foreign_scenario_is_refused(text, message):
    """Another version, other fields or no JSON at all: each said in its own words."""
    with pytest.raises(InvalidScenario, match=message):
        Scenario.from_json(text)


def test_case_survives_json():
    """A stored case holds the subject's target and options beside the scenario."""
    assert Case.from_json(json.dumps(CASE.to_dict())) == CASE


def test_file_holds_one_case_or_one_a_line(tmp_path):
    """One JSON document, indented or not, and a report of several lines are both read."""
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(CASE.to_dict(), indent=2))
    assert read_cases(path) == (CASE,)
    line = json.dumps({**CASE.to_dict(), "verdict": "DIFFERS"})
    path.write_text(f"{line}\n{line}\n")
    assert read_cases(path) == (CASE, CASE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "expected a case of format 1, got format=2"),
        ({"target": None}, r"expected a case with its target, .* without \['target'\]: .*--target"),
    ],
)
def test_foreign_case_is_refused(change, message):
    """A case of another version, or with something missing, is refused with what was found."""
    content = {**CASE.to_dict(), **change}
    with pytest.raises(InvalidTarget, match=message):
        Case.from_json(json.dumps({k: v for k, v in content.items() if v is not None}))


def test_missing_file_is_refused(tmp_path):
    """A file that does not exist is named."""
    with pytest.raises(InvalidTarget, match=r"got '.*none\.json': no such file"):
        read_cases(tmp_path / "none.json")
