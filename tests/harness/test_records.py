"""Records as plain data: what is made of them anew is equal, through JSON and through pytest."""

import json

import pytest
from resumeproof.core.errors import Unsupported
from resumeproof.core.keypath import KeyPath
from resumeproof.core.scenario import Scenario
from resumeproof.state.capture import capture
from resumeproof.state.compare import compare
from resumeproof.subjects.by_name import Case
from resumeproof.subjects.loop import loop
from resumeproof.testing import parametrize_with_checks
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Raised, Record, Skipped, Verdict

from tests.harness.record_cases import LATER, LOST, attribution, finding, mismatch, record

RECORDS = {
    "differs": record(),
    "explained": record(attribution=attribution()),
    "unexplained": record(
        attribution=attribution(complete=False, minimal=False, remaining=(LATER,), seconds=0.125)
    ),
    "raised": record(
        verdict=Verdict.ERROR,
        findings=(),
        raised=Raised(check="resume", type="OSError", text="a: b: c", where="load, x.py:3"),
    ),
    "skipped": record(
        verdict=Verdict.UNSUPPORTED,
        findings=(),
        skipped=(Skipped(check="order", reason="a does not apply: b"),),
        notes=("c does not apply: d",),
    ),
    "vacuous": record(
        verdict=Verdict.EXACT, findings=(), moved=0, moved_later=7, used=frozenset({"b", "a"})
    ),
    "two findings": record(findings=(finding("roundtrip", 320, LOST), finding("resume", 9))),
}


@pytest.mark.parametrize("name", RECORDS)
def test_record_that_travels_as_json_is_the_same(name):
    """Every field comes back, whatever is in it."""
    assert Record.from_plain(json.loads(RECORDS[name].to_json())) == RECORDS[name]


@pytest.mark.parametrize("name", RECORDS)
def test_line_of_a_record_still_says_what_to_replay(name):
    """A case is read from it as from lines of older versions."""
    case = Case.from_json(RECORDS[name].to_json(), target="module:name")
    assert case.scenario == RECORDS[name].scenario


ODD = {
    "two spaces": {"hit  rate": 1},
    "bracket": {"a]['b": 1},
    "quote": {"it's": 1, 'say "so"': 2},
    "newline": {"a\nb": 1},
    "empty": {"": 1},
    "surrogate": {"\ud800": 1},
    "dotted": {"a.b": 1},
    "int": {7: 1, -7: 2},
    "huge int": {10**40: 1},
    "bool": {True: 1},
    "None": {None: 1},
    "float": {1.5: 1, float("inf"): 2},
    "tuple": {(1, "a"): 1},
    "bytes": {b"\x00": 1},
    "list": [[1]],
}


@pytest.mark.parametrize("name", ODD)
def test_keypath_that_travels_as_json_is_the_same(name):
    """Every KeyPath of a capture comes back equal, and of equal types."""
    for keypath in capture({"root": ODD[name]}):
        again = KeyPath.from_plain(json.loads(json.dumps(keypath.to_plain())))
        assert again == keypath
        assert list(map(type, again.segments)) == list(map(type, keypath.segments))


def test_alias_keeps_both_of_its_names():
    """The other KeyPath travels too."""
    shared = [0]
    diff = compare(capture({"a": shared, "b": shared}), capture({"a": [0], "b": [0]}))
    assert any(found.other is not None for found in diff.mismatches)
    for found in diff.mismatches:
        assert type(found).from_plain(json.loads(json.dumps(found.to_plain()))) == found
    assert mismatch("a").other is None


class Run:
    """Counts, and raises what it is told to when it is loaded."""

    error = None

    def __init__(self):
        self.total = 0

    def step(self):
        """One more."""
        self.total += 1

    def save(self):
        """All of it."""
        return {"total": self.total}

    def load(self, state):
        """Not at all."""
        raise self.error


class Declared(Exception):
    """Says by its class that something is not offered."""

    checkpoint_unsupported = True


def record_of(error):
    """What is said of a run whose load raises."""
    kind = type("Raising", (Run,), {"error": error})
    subject = loop(make=kind, step=kind.step, save=kind.save, load=kind.load)
    return run(subject, Scenario(length=12, save_at=5))


TEXTS = ("UNSUPPORTED dtype in checkpoint", "UNSUPPORTED", "order does not apply: x", "a: b")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", [RuntimeError, NotImplementedError, KeyError])
def test_error_is_an_error_whatever_its_text_begins_with(kind, text):
    """No text makes a failure a skip, and none is cut where it is told."""
    record = record_of(kind(text))
    assert record.verdict is Verdict.ERROR
    assert (record.raised.check, record.raised.type) == ("roundtrip", kind.__name__)
    assert record.raised.text == str(kind(text))
    assert record.skipped == ()


@pytest.mark.parametrize("kind", [Unsupported, Declared])
def test_error_whose_class_says_so_is_unsupported(kind):
    """Its text is the reason, whatever it says."""
    record = record_of(kind("no such medium"))
    assert record.verdict is Verdict.UNSUPPORTED
    assert record.raised is None
    reasons = {skipped.check: skipped.reason for skipped in record.skipped}
    assert reasons == {"roundtrip": "no such medium", "resume": "no such medium"}


@pytest.mark.parametrize("text", TEXTS)
def test_parametrized_check_fails_on_an_error_and_does_not_skip(text):
    """As a test it fails, too."""
    kind = type("Raising", (Run,), {"error": RuntimeError(text)})
    subject = loop(make=kind, step=kind.step, save=kind.save, load=kind.load)
    scenarios = [Scenario(length=12, save_at=5)]
    params = parametrize_with_checks([subject], scenarios=scenarios).args[1]
    check = next(param.values[1] for param in params if param.id.endswith("-resume"))
    with pytest.raises(AssertionError, match="checkpoint error"):
        check(subject)
