"""The rows of `make field`: short as their users write them; and how a verdict is judged."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from field.judge import judge
from field.table import text_of

GROUPS = sorted((Path(__file__).resolve().parents[1] / "field" / "groups").glob("[a-z]*.py"))
MOST_LINES = 15
OF_THE_EXPERIMENT = ("look", "lent", "mended")
HOLDS = dict.fromkeys(("repeats", "resume", "purity", "idempotence", "isolation", "strictness"), "")


def lines_of(part: ast.stmt, source: list[str]) -> int:
    """How many lines it has that are not blank, from `def` or `class` on."""
    return sum(map(bool, map(str.strip, source[part.lineno - 1 : part.end_lineno])))


def users_code(text: str) -> Iterator[tuple[int, int]]:
    """For every row the line where it is made, and how many lines its user writes."""
    tree, source = ast.parse(text), text.splitlines()
    defined = {
        part.name: part for part in tree.body if isinstance(part, ast.FunctionDef | ast.ClassDef)
    }
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            continue
        if call.func.id in ("Row", "loop_of"):
            assert all(k.arg for k in call.keywords), "a row names all that it is made of"
            given = [k.value for k in call.keywords if k.arg not in OF_THE_EXPERIMENT]
            names = {
                node.id
                for value in [*call.args, *given]
                for node in ast.walk(value)
                if isinstance(node, ast.Name) and node.id in defined
            }
            yield call.lineno, sum(lines_of(defined[name], source) for name in names)


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: path.stem)
def test_what_a_user_writes_is_short(path: Path) -> None:
    """All that a row names of its module, together; none of it is hidden elsewhere."""
    counted = list(users_code(path.read_text()))
    assert counted
    assert [(line, count) for line, count in counted if count > MOST_LINES] == []


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: path.stem)
def test_no_row_leaves_anything_out(path: Path) -> None:
    """The word for it is not there."""
    assert "xclusion" not in path.read_text()


@pytest.mark.parametrize(
    ("verdict", "checks", "broken", "judged"),
    [
        ("EXACT", [], {}, "right"),
        ("EXACT", [], {"resume": "step 5"}, "wrong"),
        ("EXACT", [], {"purity": "step 5"}, "wrong"),
        ("EXACT", [], {"repeats": "step 1"}, "wrong"),
        ("EXACT", [], {"strictness": "without 'a'"}, "right"),
        ("DIFFERS", ["roundtrip", "resume"], {"resume": "step 5"}, "right"),
        ("DIFFERS", ["resume", "strictness"], {"resume": "step 5"}, "wrong"),
        ("DIFFERS", ["strictness"], {"strictness": "without 'a'"}, "right"),
        ("DIFFERS", ["resume"], {}, "wrong"),
        ("FLAKY", ["repeat"], {"repeats": "step 1"}, "right"),
        ("FLAKY", ["repeat"], {"resume": "step 5"}, "wrong"),
        ("REFUSED", [], {}, "refusal"),
        ("ERROR", [], {"resume": "step 5"}, "refusal"),
        ("", [], {}, "refusal"),
    ],
)
def test_a_verdict_is_right_if_the_experiment_has_found_the_same(
    verdict: str, checks: list[str], broken: dict[str, str], judged: str
) -> None:
    """EXACT needs a future that is the same, DIFFERS one that differs for each check that fails."""
    assert judge(verdict, checks, {**HOLDS, **broken})[0] == judged


def test_nothing_is_right_where_the_experiment_has_failed() -> None:
    """Then nobody knows."""
    assert judge("EXACT", [], {"raised": "KeyError"}) == (
        "wrong",
        "the experiment raised: KeyError",
    )


def test_the_table_counts_what_it_shows() -> None:
    """One line for a row, and the totals above."""
    line = {
        "group": "data",
        "row": "a|b",
        "package": "torch 2.13.0",
        "judged": "wrong",
        "why": "resume: step 5",
        "said": {"verdict": "EXACT", "checks": [], "named": [], "text": "", "seconds": 1.25},
        "mended": {},
    }
    text = text_of([line, {**line, "row": "c", "judged": "right"}])
    assert "**2 rows: 1 right, 1 wrong, 0 refusals.** Verdicts: EXACT 2." in text
    assert "| a\\|b | torch 2.13.0 | EXACT | wrong | 1.2 | resume: step 5 |" in text
