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


def users_code(text: str) -> Iterator[tuple[int, int]]:
    """For every row the line where it is made, and how many lines its user writes at most."""
    tree = ast.parse(text)
    code = Code(tree, text.splitlines())
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            continue
        if call.func.id in ("Row", "loop_of"):
            assert all(k.arg for k in call.keywords), "a row names all that it is made of"
            given = [k.value for k in call.keywords if k.arg not in OF_THE_EXPERIMENT]
            yield call.lineno, code.lines([*call.args, *given])


class Code:
    """The functions and classes of a module, and its tables of them."""

    def __init__(self, tree: ast.Module, source: list[str]) -> None:
        self.source = source
        self.defined = {
            part.name: part
            for part in tree.body
            if isinstance(part, ast.FunctionDef | ast.ClassDef)
        }
        self.tables = {
            part.targets[0].id: part.value
            for part in tree.body
            if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name)
        }

    def lines(self, given: list[ast.expr]) -> int:
        """How many lines are named there; of a table the longest of its members, or the default."""
        names = {name for value in given for name in names_in(value)}
        longest = 0
        for table in names & set(self.tables):
            members = set(names_in(self.tables[table])) & set(self.defined)
            longest += max((self._count(self._reached({name})) for name in members), default=0)
        plain = self._count(self._reached(names & set(self.defined)))
        return max(longest, plain)

    def _reached(self, names: set[str]) -> set[str]:
        """These, and what they call."""
        known: set[str] = set()
        while names:
            known |= names
            called = {name for known_name in names for name in names_in(self.defined[known_name])}
            names = (called & set(self.defined)) - known
        return known

    def _count(self, names: set[str]) -> int:
        """How many lines they have together that are not blank."""
        parts = [self.defined[name] for name in names]
        ranges = [self.source[part.lineno - 1 : part.end_lineno] for part in parts]
        return sum(bool(line.strip()) for lines in ranges for line in lines)


def names_in(tree: ast.AST) -> Iterator[str]:
    """Every name that is read in it."""
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


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
        ("DIFFERS", ["order"], {"resume": "step 5"}, "wrong"),
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


def test_of_stock_sb3_only_the_future_may_differ() -> None:
    """What else fails is a wrong verdict, whatever the experiment has seen of the future."""
    facts = {**HOLDS, "resume": "step 5"}
    assert judge("DIFFERS", ["resume"], facts, only=["resume"])[0] == "right"
    assert judge("DIFFERS", ["resume", "roundtrip"], facts, only=["resume"])[0] == "wrong"


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
    assert "**2 rows: 1 right, 1 wrong, 0 refusals.**\nVerdicts: EXACT 2." in text
    assert "| a\\|b | torch 2.13.0 | EXACT | wrong | 1.2 | resume: step 5 |" in text
