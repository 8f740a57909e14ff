"""The documentation is run: what it shows works, prints what it says, and names all there is."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from _pytest.config.argparsing import Parser
from resumeproof import Verdict, cli, plugin
from resumeproof.checks import CHECKS

from tests import pages

ROOT = pages.ROOT
README = (ROOT / "README.md").read_text()
CONSOLES = [
    pytest.param(page, block.text, id=f"{page}:{number}")
    for page in pages.PAGES
    for number, block in enumerate(pages.blocks(page))
    if block.language == "console"
]
WITH_PYTHON = [p for p in pages.PAGES if any(b.language == "python" for b in pages.blocks(p))]


@pytest.mark.parametrize("page", pages.PAGES)
def test_block_is_run_or_says_why_not(page: str) -> None:
    """Python and consoles are run; above everything else stands, in italics, why it is not."""
    shown = pages.blocks(page)
    assert 2 * len(shown) == pages.fences(page)
    for block in shown:
        if block.language not in ("python", "console"):
            assert block.caption.startswith(("Not run: ", "Drawing:")), block.text


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_python_of_a_page_runs_from_top_to_bottom(page: str, tmp_path: Path) -> None:
    """All Python blocks, one after another, as a reader would paste them into one session."""
    status, printed = pages.run([sys.executable, str(pages.script(page, tmp_path))], tmp_path)
    assert status == 0, printed


@pytest.mark.parametrize(("page", "text"), CONSOLES)
def test_console_of_a_page_prints_what_it_shows(page: str, text: str, tmp_path: Path) -> None:
    """The same lines in the same order; only the seconds may differ."""
    pages.script(page, tmp_path)
    printed = pages.session(text, tmp_path)
    assert not pages.unlike(text, printed), f"{pages.unlike(text, printed)!r} in\n{printed}"


@pytest.mark.parametrize("page", pages.PAGES)
def test_link_of_a_page_leads_to_a_file(page: str) -> None:
    """Every relative link; what is behind it exists."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
    assert all(((ROOT / page).parent / link).exists() for link in links), links


@pytest.mark.parametrize("page", pages.PAGES)
def test_path_on_a_page_exists(page: str) -> None:
    """What a page says of where something is holds."""
    tops = "algo|harness|properties|regressions|tests|benchmarks|docs"
    paths = re.findall(rf"`((?:{tops})/[\w./]*)`", (ROOT / page).read_text())
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_floor_plan_is_the_one_that_the_layering_holds() -> None:
    """Every room stands on the plan, upper floors above lower ones."""
    source = ast.parse((ROOT / "tests" / "test_layering.py").read_text())
    (floors,) = (
        ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS"
    )
    plan = (ROOT / "ARCHITECTURE.md").read_text().split("```")[1]
    for top, rooms_of_floors in floors.items():
        lines = plan.split(f"\n{top}/\n")[1].splitlines()
        places = [
            next(n for n, line in enumerate(lines) if re.search(rf"(^|\s){room}(/|  )", line))
            for rooms in reversed(rooms_of_floors)
            for room in rooms
        ]
        assert places == sorted(places)


def test_every_page_is_linked_from_the_readme() -> None:
    """A page that nobody finds is not there."""
    assert [p for p in pages.PAGES if p.startswith("docs/") and f"({p})" not in README] == []


def test_front_pages_stay_short() -> None:
    """What a reader meets first is read in one go."""
    for page, most in (("README.md", 180), ("ARCHITECTURE.md", 100), ("CONTRIBUTING.md", 100)):
        assert len((ROOT / page).read_text().splitlines()) <= most, page


@pytest.mark.parametrize(
    "target",
    sorted(re.findall(r"make ([\w-]+)", "".join(map(str, re.findall(r"`make.*", README))))),
)
def test_make_target_of_the_readme_exists_and_says_what_it_does(target: str) -> None:
    """`make` alone lists it."""
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.search(rf"^make {target} +\w+", listed.stdout, re.MULTILINE)


def test_every_folder_is_on_the_map() -> None:
    """The map of the README is the map of the project."""
    folders = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("[!.]*/**/*.py")} - {"build"}
    part = README.split("## Map")[1]
    assert {folder for folder in folders if f"\n{folder}/ " not in part} == set()


def test_every_extra_is_documented_and_exists() -> None:
    """What the pages tell to install is what the package offers, both ways."""
    text = "".join((ROOT / page).read_text() for page in pages.PAGES)
    shown = {n for e in re.findall(r"(?:resumeproof|`)\[([\w,]+)\]", text) for n in e.split(",")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert shown == set(project["optional-dependencies"])


def reference() -> Any:
    """The module that writes the reference."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_name_has_an_entry_and_every_entry_a_name() -> None:
    """The reference, both ways."""
    writer = reference()
    parts = writer.PAGE.read_text().split("\n## ")[1:]
    for package, part in zip(writer.PACKAGES, parts, strict=True):
        assert part.startswith(f"`{package}`\n")
        assert re.findall(r"^### (.*)$", part, re.MULTILINE) == writer.names(package)


def test_reference_says_what_the_docstrings_say() -> None:
    """Line by line; `python docs/reference.py --write` brings it up to date."""
    writer = reference()
    assert writer.PAGE.read_text().splitlines() == writer.page().splitlines()


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """Every option of a command line, those of its commands included, but for --help."""
    found: set[str] = set()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= set(action.choices) | set().union(*map(options_of, action.choices.values()))
        found |= set(action.option_strings)
    return found - {"-h", "--help"}


def test_every_check_and_verdict_is_documented_and_exists() -> None:
    """The tables of the page on checks, both ways."""
    tables = (ROOT / "docs" / "checks.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", tables, re.MULTILINE)) == set(CHECKS)
    assert set(re.findall(r"^\| ([A-Z_]+) \|", tables, re.MULTILINE)) == set(Verdict)


def test_every_command_and_option_is_documented_and_exists() -> None:
    """The page of the commands, both ways."""
    page = (ROOT / "docs" / "commands.md").read_text().split("## pytest")[0]
    shown = set(re.findall(r"(?<=`)--?[\w-]+", page)) | set(re.findall(r"`resumeproof (\w+)", page))
    assert shown - {"--ckpt-report"} == options_of(cli.parser())


def test_every_flag_of_the_plugin_is_documented_and_exists() -> None:
    """The page of the commands, both ways, settings of the ini file included."""
    page = (ROOT / "docs" / "commands.md").read_text().split("## pytest")[1]
    parser = Parser(_ispytest=True)
    plugin.pytest_addoption(parser)
    flags = {name for group in parser._groups for o in group.options for name in o.names()}
    assert set(re.findall(r"--ckpt-[\w-]+", page)) == flags
    assert set(re.findall(r"ini `(\w+)", page)) == set(parser._inidict)
