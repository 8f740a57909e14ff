"""A framework in one file: with its adapter registered, every part of the instrument takes it.

This very file is the framework and its adapter; other processes import it as `dummy_framework`.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from resumeproof import Adapter, Capabilities, cli, fuzz_case, register_adapter
from resumeproof.core.errors import InvalidSubject
from resumeproof.mutation.campaign import mutate
from resumeproof.mutation.mutant import KILLED
from resumeproof.state.capture import capture
from resumeproof.state.readers import reading
from resumeproof.subjects import adapters
from resumeproof.trial.defaults import own_scenarios

pytest_plugins = ["pytester"]

HERE = Path(__file__)
ROOT = HERE.parents[2]


class Handle:
    """What the framework keeps outside of Python's sight, as one number."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Walker:
    """An agent of the framework: it walks, and saves where it is."""

    lost = ()

    def __init__(self, stride=1):
        self.stride, self.place, self.handle = stride, 0, Handle(0)

    def walk(self):
        """One step."""
        self.place += self.stride
        self.handle.value += self.place


class Forgetful(Walker):
    """Forgets its handle."""

    lost = ("handle",)


@dataclass(frozen=True, kw_only=True)
class WalkerSubject:
    """An agent of the framework as a subject."""

    agent: type
    options: dict = field(default_factory=dict)
    exclusions: tuple = ()

    @property
    def name(self):
        """The framework and the class."""
        return f"dummy:{self.agent.__name__}"

    @property
    def capabilities(self):
        """Short runs."""
        return Capabilities(natural_length=12, choices={"stride": (1, 2)}, implied={"stride": 1})

    def build(self, scenario):
        """An agent, with the options of the subject and of the scenario."""
        return self.agent(**{**self.options, **scenario.options})

    def train(self, live, *, until, visits):
        """Walks; `stride` tells how many steps are done."""
        while live.place // live.stride < until:
            live.walk()
            done = live.place // live.stride
            if done in visits:
                visits[done](live)

    def save(self, live, target):
        """As JSON."""
        text = json.dumps([live.stride, live.place, live.handle.value])
        target.write_text(text) if isinstance(target, Path) else target.write(text.encode())

    def load(self, source, scenario):
        """From JSON."""
        stride, place, value = json.loads(
            source.read_text() if isinstance(source, Path) else source.read()
        )
        live = self.agent(stride)
        live.place = place
        if not live.lost:
            live.handle.value = value
        return live

    def roots(self, live):
        """The agent."""
        return {"agent": live}

    def boundaries(self, scenario):
        """Every third step."""
        return range(3, scenario.length + 1, 3)


def _of_framework(target):
    return isinstance(target, type) and any(base.__name__ == "Walker" for base in target.__mro__)


READERS = {Handle: lambda obj: reading("handle", obj.value)}
ADAPTER = Adapter(
    name="dummy",
    usage="an agent of dummy    -s stride=N",
    matches=_of_framework,
    from_target=lambda target, options: WalkerSubject(agent=target, options=dict(options)),
    option_names=lambda target: ["stride"],
    readers={__name__: __name__},
    preload=(__name__,),
)
register_adapter(ADAPTER)

CONFTEST = """
import dummy_framework
from resumeproof.subjects.by_name import resolve

def pytest_ckpt_subjects(config):
    return [resolve(f"dummy_framework:{name}", {}) for name in ("Walker", "Forgetful")]
"""
SUITE = """
from resumeproof import check_resume

def test_agent(ckpt_subject):
    check_resume(ckpt_subject, checks=["roundtrip", "resume"])
"""


@pytest.fixture
def elsewhere(tmp_path):
    """A folder that holds this file as the module `dummy_framework`, and how to run in it."""
    shutil.copy(HERE, tmp_path / "dummy_framework.py")
    folders = os.pathsep.join([str(tmp_path), str(ROOT)])

    def run(*words):
        return subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": folders},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def of(name, **options):
    """The subject that the adapter makes of a class of this file."""
    return ADAPTER.from_target({"Walker": Walker, "Forgetful": Forgetful}[name], options)


def test_command_line_takes_it(elsewhere):
    """All checks, another process among them; the report names what the forgetful one lost."""
    words = ("-m", "resumeproof", "check")
    right = elsewhere(*words, "dummy_framework:Walker", "-s", "stride=2")
    assert (right.returncode, right.stdout.count("EXACT  dummy:Walker")) == (0, 2), right.stderr
    wrong = elsewhere(*words, "dummy_framework:Forgetful", "--json", "record.json")
    assert wrong.returncode == 1
    assert "next: save and restore agent.handle" in wrong.stdout
    again = elsewhere("-m", "resumeproof", "replay", "record.json", "--checks", "roundtrip")
    assert again.returncode == 1


def test_list_and_mistakes_name_it(capsys):
    """`list` shows its line; an option that it does not take is told with those that it does."""
    assert cli.main(["list"]) == 0
    assert f"  {ADAPTER.usage}\n" in capsys.readouterr().out
    target = f"{Walker.__module__}:Walker"
    assert cli.main(["check", target, "-s", "pace=2"]) == 2
    assert f"{target} takes stride" in capsys.readouterr().err


def test_plugin_takes_it(elsewhere, tmp_path):
    """A conftest offers it; one test passes and one fails, each in the summary."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_agents.py").write_text(SUITE)
    done = elsewhere(
        "-m", "pytest", "-q", "-p", "resumeproof.plugin", "-p", "no:cacheprovider",
        "test_agents.py", "--ckpt-report", "report.jsonl",
    )  # fmt: skip
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert {(line["subject"], line["verdict"]) for line in lines} == {
        ("dummy:Walker", "EXACT"),
        ("dummy:Forgetful", "DIFFERS"),
    }


def test_fuzzing_draws_its_choices():
    """Generated scenarios hold for the right one."""
    case = fuzz_case(of("Walker"), checks=("roundtrip",))
    case("test_generated_scenarios").debug()


def test_mutants_of_it_are_killed():
    """One thing after another is broken in what it loads."""
    subject = of("Walker")
    matrix = mutate(subject, own_scenarios(subject)[0], ("roundtrip",))
    killed = [outcome for outcome in matrix.outcomes if outcome.result == KILLED]
    assert "agent.place" in {str(outcome.mutant.keypath) for outcome in killed}
    assert not matrix.survivors()


def test_its_reader_reads_its_types():
    """A handle without attributes is state by the framework's own word."""
    one, other = Walker(), Walker()
    other.handle.value = 5
    assert capture(one) != capture(other)


def test_adapters_are_asked_in_order():
    """Ready subjects first, then frameworks, the latest first; plain classes last."""
    names = [adapter.name for adapter in adapters.adapters()]
    assert names[0] == "subject"
    assert names[-2:] == ["sb3", "class"]
    assert names.index("dummy") < names.index("sb3")
    assert adapters.adapter_for(Walker).name == "dummy"
    assert adapters.adapter_for(of("Walker")).name == "subject"
    assert adapters.adapter_for(object()) is None


def test_what_is_no_adapter_is_refused():
    """The message says what to write."""
    with pytest.raises(InvalidSubject, match=r"expected an Adapter, got 3 \(int\): write register"):
        register_adapter(3)
