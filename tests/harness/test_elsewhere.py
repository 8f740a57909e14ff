"""Commands that are found by name, as other distributions bring them."""

from __future__ import annotations

import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from resumeproof.cli import main
from resumeproof.cli.elsewhere import GROUP, command_named

ROOT = Path(__file__).parents[2]


def test_command_of_another_distribution_gets_the_words_after_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its exit status is that of the command line."""
    (tmp_path / "brought.py").write_text("def run(words):\n    return len(words)\n")
    folder = tmp_path / "brought-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[{GROUP}]\nbring = brought:run\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["bring", "one", "two"]) == 2
    sys.modules.pop("brought")


@pytest.mark.parametrize("words", [[], ["--help"], ["check"], ["unknown"]])
def test_other_words_are_left_to_the_command_line_itself(words: list[str]) -> None:
    """Its own commands, its options, and what nobody brings."""
    assert command_named(words) is None


def test_every_command_that_this_project_brings_is_there() -> None:
    """What `pyproject.toml` names can be called."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for target in project["entry-points"][GROUP].values():
        module, _, name = target.partition(":")
        assert callable(getattr(import_module(module), name))
