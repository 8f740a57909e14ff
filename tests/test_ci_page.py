"""The workflow that docs/ci.md shows is one, and its commands do what the page says."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests import pages

PAGE = "docs/ci.md"
KNOWN = '["train:Trainer"]\n"run.since_start" = "counts for the log"\n'


def workflow() -> dict[Any, Any]:
    """What the page shows, parsed."""
    (text,) = (block.text for block in pages.blocks(PAGE) if block.language == "yaml")
    parsed: dict[Any, Any] = yaml.safe_load(text)
    return parsed


def steps() -> list[dict[str, Any]]:
    """The steps of its one job."""
    (job,) = workflow()["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


def commands() -> Iterator[str]:
    """What its steps run here: all but the installation."""
    for step in steps():
        if "run" in step and not step["run"].startswith("pip install "):
            yield step["run"]


def run(command: str, folder: Path) -> tuple[int, str]:
    """Runs one of its commands by the interpreter that runs the tests."""
    program, *words = shlex.split(command)
    module = {"resumeproof": "resumeproof", "pytest": "pytest"}[program]
    return pages.run([sys.executable, "-m", module, *words], folder)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as the page describes it, on a runner that collects summaries."""
    pages.script(PAGE, tmp_path)
    (tmp_path / "known.toml").write_text(KNOWN)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    return tmp_path


def test_workflow_is_one() -> None:
    """It runs on something; every step uses an action of a version, or runs a command."""
    read = workflow()
    assert set(read[True]) == {"push", "pull_request"}  # `on` is a truth value in YAML
    (job,) = read["jobs"].values()
    assert job["runs-on"]
    assert job["timeout-minutes"] > 0
    for step in job["steps"]:
        assert ("uses" in step) != ("run" in step), step
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))


def test_commands_are_green_where_only_what_is_known_is_lost(folder: Path) -> None:
    """Both end with 0, and leave the files that the workflow keeps, and a summary."""
    for command in commands():
        status, printed = run(command, folder)
        assert status == 0, printed
    kept = next(step["with"]["path"].split() for step in steps() if "artifact" in str(step))
    assert [name for name in kept if not (folder / name).is_file()] == []
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    assert {record["verdict"] for record in records} == {"EXACT"}
    assert ElementTree.parse(folder / "junit.xml").getroot()[0].get("failures") == "0"
    assert "| EXACT | loop:Trainer | 13 (past half) |" in (folder / "summary.md").read_text()


def test_commands_are_red_where_something_new_is_lost(folder: Path) -> None:
    """Status 1 and the name of it, in the summary and in JUnit's file, too."""
    trainer = (folder / "train.py").read_text()
    (folder / "train.py").write_text(trainer.replace("        self.stream.setstate", "        #"))
    for command in commands():
        status, printed = run(command, folder)
        assert status == 1
        assert "next: save and restore run.stream" in printed
    assert "next: save and restore run.stream" in (folder / "summary.md").read_text()
    assert "save and restore run.stream" in (folder / "junit.xml").read_text()


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({}, 0, "2 of 2 scenarios EXACT"),
        ({"self.place, (version": "_, (version"}, 1, "next: save and restore run.place"),
        ({"def save(": "def sav("}, 2, "the class Trainer without save"),
        ({"+= self.stream.gauss": "/= 0 * self.stream.gauss"}, 3, "ERROR  loop:Trainer"),
    ],
    ids=["held", "a new loss", "cannot be used", "raises"],
)
def test_exit_status_is_what_the_page_says(
    folder: Path, changes: dict[str, str], status: int, said: str
) -> None:
    """0 held, 1 a new loss, 2 a wrong use, 3 it raised; FLAKY and 130 have tests of their own."""
    trainer = (folder / "train.py").read_text()
    for old, new in changes.items():
        assert old in trainer
        trainer = trainer.replace(old, new)
    (folder / "train.py").write_text(trainer)
    command = "resumeproof check train:Trainer --baseline known.toml --checks purity,resume"
    found, printed = run(command, folder)
    assert (found, said in printed) == (status, True), printed


def test_records_are_replayed_elsewhere_or_what_is_missing_is_named(folder: Path) -> None:
    """The same verdicts from the file alone; without the module, its name and no traceback."""
    gate = next(command for command in commands() if command.startswith("resumeproof"))
    run(gate, folder)
    assert run("resumeproof replay records.jsonl", folder)[0] == 0
    (folder / "train.py").unlink()
    status, printed = run("resumeproof replay records.jsonl", folder)
    assert status == 2
    assert "got 'train' (No module named 'train')" in printed
    assert "Traceback" not in printed
