"""What a subject offers beyond the protocol: stated in one value, asked for in one place."""

import ast
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from resumeproof import Capabilities, check_resume
from resumeproof.core.errors import InvalidSubject
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.capabilities import capabilities_of
from resumeproof.subjects.component import component
from resumeproof.trial.defaults import media, natural_length, stride_of

HARNESS = Path(__file__).resolve().parents[2] / "harness"
ROOM = HARNESS / "subjects"


class Structural:
    """A subject by its methods alone: counts, and keeps its count in the file."""

    name, exclusions = "structural", ()

    def build(self, scenario):
        """Zero, in a list."""
        return [0]

    def train(self, live, *, until, visits):
        """Counts up."""
        while live[0] < until:
            live[0] += 1
            if live[0] in visits:
                visits[live[0]](live)

    def save(self, live, target):
        """As text."""
        target.write_text(str(live[0]))

    def load(self, source, scenario):
        """From text, of a file or a stream."""
        text = source.read_text() if isinstance(source, Path) else source.read().decode()
        return [int(text)]

    def roots(self, live):
        """The list."""
        return {"count": live}

    def boundaries(self, scenario):
        """Every fourth step."""
        return range(4, scenario.length + 1, 4)


def questions(path):
    """Calls of `hasattr` and `getattr` on a subject in a file, but for what a proxy passes on."""
    tree = ast.parse(path.read_text())
    proxies = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef) and outer.name == "__getattr__"
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or id(node) in proxies or not node.args:
            continue
        named = isinstance(node.func, ast.Name) and node.func.id in ("hasattr", "getattr")
        if named and "subject" in ast.unparse(node.args[0]):
            yield ast.unparse(node)


@pytest.mark.parametrize(
    "path", [p for p in sorted(HARNESS.rglob("*.py")) if ROOM not in p.parents], ids=str
)
def test_nobody_asks_a_subject_for_its_members(path):
    """Outside the room of subjects no `hasattr` and no `getattr` looks into one."""
    assert list(questions(path)) == []


def test_the_reader_of_sources_finds_such_a_question(tmp_path):
    """Both functions, on a name or an attribute; a proxy is no question."""
    path = tmp_path / "asks.py"
    path.write_text(
        "hasattr(subject, 'a')\ngetattr(trial.subject, 'b', 1)\ngetattr(live, 'c')\n"
        "def __getattr__(self, name):\n    return getattr(self.subject, name)\n"
    )
    assert list(questions(path)) == ["hasattr(subject, 'a')", "getattr(trial.subject, 'b', 1)"]


def test_a_subject_without_capabilities_gets_the_defaults():
    """It is run, checked, and asked for nothing more."""
    subject = Structural()
    assert capabilities_of(subject) == Capabilities()
    assert (natural_length(subject), stride_of(subject)) == (16, 1)
    assert media(subject) == ("file", "memory")
    records = check_resume(subject, checks=["roundtrip", "resume"])
    assert {record.verdict.value for record in records} == {"EXACT"}


def test_single_members_serve_a_subject_that_states_no_capabilities():
    """A structural subject may hold them by the same names."""
    subject = Structural()
    subject.between_calls, subject.natural_length = True, 8
    assert capabilities_of(subject) == Capabilities(between_calls=True, natural_length=8)
    assert media(subject) == ("file",)


def test_stated_capabilities_alone_count():
    """Where they are stated, members of the same names are the subject's own business."""
    subject = Structural()
    subject.capabilities = Capabilities(natural_length=12)
    subject.strict = subject.between_calls = True
    assert capabilities_of(subject) is subject.capabilities


def test_something_else_as_capabilities_is_refused():
    """The message shows it, and what to write."""
    subject = Structural()
    subject.capabilities = {"strict": True}
    with pytest.raises(InvalidSubject, match=r"to be a Capabilities, got .*'strict'.*: write cap"):
        check_resume(subject, [Scenario(length=8, save_at=4)])


def test_capabilities_are_frozen_and_need_no_argument():
    """Every field has a default, and none is set later."""
    plain = Capabilities()
    assert len(fields(plain)) >= 11
    with pytest.raises(FrozenInstanceError):
        plain.strict = True


def test_a_part_says_that_the_streams_are_not_its_own():
    """What `component` makes keeps the global streams; its own exclusions are asked about."""
    part = component(
        dict, step=lambda d: d.update(n=1), save=lambda d: {**d}, load=lambda d, s: d.update(s)
    )
    offered = capabilities_of(part)
    assert offered.keeps_streams
    assert not offered.between_calls
    assert offered.media == ("file", "memory", "parameters")
