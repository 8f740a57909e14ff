"""A check of one's own is one file: everything sees it, once it is registered.

Every part runs in a process of its own, where `example_check` is the only thing that is new.
"""

import json
import os
import subprocess
import sys

import pytest
from resumeproof import Aspect, Check, register_check
from resumeproof.checks import CHECKS
from resumeproof.core.errors import InvalidCheck

from tests.harness.conftest import EXAMPLES

CHECK = ("check", "example_check:ageless", "--import", "example_check", "--checks", "unaged")


def run(*words, where):
    """Runs Python in a folder, with the examples on its path; returns status and output."""
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=where, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def command(*words, where):
    """Runs our command line."""
    return run("-m", "resumeproof", *words, where=where)


def test_list_shows_it_with_what_it_says_of_itself(tmp_path):
    """Only where its module is asked for."""
    line = "  unaged         What was loaded has lived as long as what was saved."
    assert line in command("list", "--import", "example_check", where=tmp_path)[1]
    assert "unaged" not in command("list", where=tmp_path)[1]


def test_command_line_runs_it_and_its_report_says_what_to_do(tmp_path):
    """By name, into the report and the file, with a command that runs it again."""
    status, out = command(*CHECK, "--json", "out.jsonl", where=tmp_path)
    assert status == 1, out
    assert "checkpoint mismatch: unaged on component:Ageless" in out
    (line, *_) = (tmp_path / "out.jsonl").read_text().splitlines()
    assert json.loads(line)["findings"][0]["check"] == "unaged"
    again = ("replay", "out.jsonl", "--import", "example_check", "--checks", "unaged")
    assert f"python -m resumeproof {' '.join(again)}" in out
    assert command(*again, where=tmp_path)[0] == 1


def test_report_says_its_next_step_where_no_cause_is_known(tmp_path):
    """What to do stands beside the check."""
    code = (
        "import example_check as e\n"
        "from resumeproof.verdicts.runner import run\n"
        "from resumeproof.verdicts.report import failure\n"
        "print(failure(run(e.ageless, e.SCENARIO, ['unaged'], attribution=False)))"
    )
    assert "next: count the years when you load" in run("-c", code, where=tmp_path)[1]


SUITE = """
import example_check as example
from resumeproof import fuzz_case, parametrize_with_checks

@parametrize_with_checks([example.tree, example.ageless], scenarios=[example.SCENARIO])
def test_tree(subject, check):
    check(subject)

TestFuzz = fuzz_case(example.ageless, length=8)
"""


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n2")], ids=["alone", "xdist"])
def test_plugin_runs_it_and_mutants_ask_it(tmp_path, workers):
    """As a parameter; and it is told which losses it would see."""
    (tmp_path / "test_suite.py").write_text(SUITE)
    flags = ("-p", "no:cacheprovider", "-k", "unaged", "--ckpt-mutate", "--ckpt-report=r.jsonl")
    status, out = run("-m", "pytest", *flags, *workers, where=tmp_path)
    assert status == 1
    assert "1 failed, 1 passed" in out
    assert "checkpoint mismatch: unaged on component:Ageless" in out
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    (losses,) = [line for line in lines if "killed" in line]
    assert losses["killed"]
    assert losses["survived"] == []


def test_fuzzing_runs_it_for_it_depends_on_the_scenario(tmp_path):
    """Without being named: its failure is stored under its name, and names it."""
    code = (
        "import example_check as e\n"
        "from resumeproof.fuzzing.strategies import fuzz_case\n"
        "from resumeproof.verdicts.plan import per_scenario\n"
        "assert 'unaged' in per_scenario()\n"
        "case = fuzz_case(e.ageless, length=8, checks=('unaged',))\n"
        "result = case('test_generated_scenarios').run()\n"
        "print(result.failures[0][1])"
    )
    _, out = run("-c", code, where=tmp_path)
    (stored,) = (tmp_path / "scenarios").glob("*.json")
    assert json.loads(stored.read_text())["check"] == "unaged"
    assert "checkpoint mismatch: unaged on component:Ageless" in out


def test_kill_matrix_counts_it(tmp_path):
    """All mutants of the right subject are killed by it."""
    code = (
        "import example_check as e\n"
        "from resumeproof.mutation.campaign import mutate\n"
        "from resumeproof.mutation.mutant import KILLED\n"
        "found = mutate(e.tree, e.SCENARIO, ('unaged',))\n"
        "print(found.count(KILLED, 'unaged') > 5, found.survivors())"
    )
    assert "True ()" in run("-c", code, where=tmp_path)[1]


def other(trial):
    """Nothing."""


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (other, r"expected a Check whose name is an identifier, got <function other"),
        (Check(name="a b", run=other, looks_at=Aspect.LOADED), r"is an identifier, got Check"),
        (
            Check(name="resume", run=other, looks_at=Aspect.LOADED),
            r"a name that no check has, got 'resume', which is that of .*\.resume\.resume: choose",
        ),
    ],
    ids=["function", "name", "taken"],
)
def test_what_cannot_be_registered_is_refused(wrong, message):
    """And the catalogue stays as it was."""
    before = dict(CHECKS)
    with pytest.raises(InvalidCheck, match=message):
        register_check(wrong)
    assert dict(CHECKS) == before


def test_registering_twice_is_no_mistake():
    """A module that is imported again registers the check that was there."""
    check = CHECKS["resume"]
    assert register_check(check) is check
    assert list(CHECKS).count("resume") == 1
