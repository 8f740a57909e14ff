"""The script of the example, killed and restarted, and how little of it changes for that."""

from __future__ import annotations

import ast
from pathlib import Path

from examples.sb3.kill import campaign

FOLDER = Path(__file__).parents[1] / "examples" / "sb3"


def statements(name: str) -> list[str]:
    """Those of a script, without its docstring."""
    return [ast.unparse(node) for node in ast.parse((FOLDER / name).read_text()).body[1:]]


def test_restarted_script_differs_in_two_lines() -> None:
    """Where the model comes from, and how long it trains."""
    first, again = statements("train.py"), statements("train_again.py")
    changed = [line for line, other in zip(first, again, strict=True) if line != other]
    assert [line.partition("(")[0] for line in changed] == ["model = SAC", "model.learn"]
    assert len((FOLDER / "train.py").read_text().splitlines()) <= 40


def test_killed_script_ends_as_the_one_that_never_was() -> None:
    """With SIGKILL, twice."""
    hits, runs, equal = campaign(2, seed=0)
    assert (hits, equal) == (2, runs)
