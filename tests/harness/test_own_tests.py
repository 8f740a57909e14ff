"""Users' own tests, run again on mutants: what they would not see."""

import json

import pytest
from resumeproof.core.scenario import Scenario
from resumeproof.mutation.mutant import KILLED, SURVIVED
from resumeproof.mutation.user_tests import outcomes_of, summary, to_plain
from resumeproof.plugin import MUTANTS
from resumeproof.subjects.component import component
from resumeproof.testing import BoundCheck

SCENARIO = Scenario(length=12, save_at=6)


class Average:
    """A running mean whose checkpoint is whole."""

    def __init__(self):
        self.count, self.mean, self.last = 0, 0.0, [0.0]

    def update(self, value):
        """Takes in one value."""
        self.count += 1
        self.mean += (value - self.mean) / self.count
        self.last = [value]

    def state_dict(self):
        """All of it."""
        return {"count": self.count, "mean": self.mean, "last": list(self.last)}

    def load_state_dict(self, state):
        """All of it."""
        self.count, self.mean, self.last = state["count"], state["mean"], list(state["last"])


average = component(Average, step=lambda part, i: part.update(0.5 * i))


def reads_one_number(ckpt_subject, tmp_path):
    """The test of the day after: it looks at the count and at nothing else."""
    live = ckpt_subject.build(SCENARIO)
    ckpt_subject.train(live, until=6, visits={})
    ckpt_subject.save(live, tmp_path / "file")
    loaded = ckpt_subject.load(tmp_path / "file", SCENARIO)
    assert ckpt_subject.roots(loaded)["component"].count == 6


def never_loads(ckpt_subject):
    """A test that sees no mutant, for it never loads."""
    assert ckpt_subject.build(SCENARIO) is not None


def uses_check(subject, check):
    """The usual test."""
    check(subject)


def unseen(matrix):
    """Places and operators of what survived."""
    return {
        (o.mutant.operator, str(o.mutant.keypath)) for o in matrix.outcomes if o.result == SURVIVED
    }


def test_hand_written_test_is_told_what_it_would_not_see(tmp_path):
    """It sees a count that is wrong, and neither a lost mean nor a list that became a tuple."""
    matrix = outcomes_of(reads_one_number, {"ckpt_subject": average, "tmp_path": tmp_path}, 1)
    lost = unseen(matrix)
    assert ("fresh", "component.mean") in lost
    assert ("container", "component.last") in lost
    assert not any(path.endswith("count") and operator == "fresh" for operator, path in lost)
    assert matrix.count(KILLED) > 0


def test_check_of_ours_sees_every_mutant():
    """`roundtrip` compares all there is."""
    arguments = {"subject": average, "check": BoundCheck(name="roundtrip")}
    matrix = outcomes_of(uses_check, arguments, 1)
    assert unseen(matrix) == set()
    assert matrix.count(KILLED) > 10


@pytest.mark.parametrize("name", ["purity", "strictness", "component"])
def test_check_that_does_not_look_at_what_was_loaded_is_not_asked(name):
    """It cannot see a mutant, and would take long to say so."""
    assert outcomes_of(uses_check, {"subject": average, "check": BoundCheck(name=name)}, 1) is None


def test_test_that_never_loads_has_no_mutants_to_see():
    """Nothing was broken, so nothing is said to be seen or unseen."""
    matrix = outcomes_of(never_loads, {"ckpt_subject": average}, 1)
    assert matrix.outcomes == ()


def test_summary_says_what_no_test_would_see():
    """First what is lost anyway; what one test of a subject sees is no longer unseen."""
    x, y, z = ({"operator": "fresh", "keypath": place} for place in "xyz")
    both = {"subject": "component:A", "lost": ["component.log", "component.at"]}
    half = {**both, "test": "test_half", KILLED: [x], SURVIVED: [y, z]}
    rest = {**both, "test": "test_rest", KILLED: [y], SURVIVED: [x, z]}
    assert list(summary([half, rest])) == [
        "component:A: 2 leaves do not come back anyway, without any mutant, so that no mutant asks "
        "about it: component.log, component.at",
        "component:A: 3 mutants tried, 2 seen, 1 that no test of yours would see",
        "  1 of 3 seen by test_half",
        "  1 of 3 seen by test_rest",
        "  unseen  fresh: z",
    ]


def test_outcomes_travel_as_data():
    """Every mutant stands in one of two lists, as JSON can hold them."""
    matrix = outcomes_of(uses_check, {"subject": average, "check": BoundCheck(name="resume")}, 5)
    plain = json.loads(json.dumps(to_plain(matrix)))
    assert plain["subject"] == "component:Average"
    assert len(plain[KILLED]) + len(plain[SURVIVED]) == sum(
        o.result in (KILLED, SURVIVED) for o in matrix.outcomes
    )
    assert MUTANTS.startswith("ckpt.")


class Forgetful(Average):
    """An average whose checkpoint lacks the last value."""

    def state_dict(self):
        """All but the last value."""
        return {"count": self.count, "mean": self.mean, "last": [0.0]}


def test_what_is_lost_anyway_is_said_by_every_kind_of_test(tmp_path):
    """A hand-written one, and one that calls a check."""
    forgetful = component(Forgetful, step=lambda part, i: part.update(0.5 * i))
    own = outcomes_of(reads_one_number, {"ckpt_subject": forgetful, "tmp_path": tmp_path}, 9)
    scenarios = [Scenario(length=6, save_at=3)]
    check = BoundCheck(name="roundtrip", scenarios=scenarios)
    ours = outcomes_of(lambda subject, check: None, {"subject": forgetful, "check": check}, 9)
    for matrix in (own, ours):
        assert to_plain(matrix)["lost"] == ["component.last[0]"]
