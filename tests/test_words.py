"""The voice of CONTRIBUTING.md: third person, messages in lower case, one sentence for a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = sorted(path for top in ("harness", "algo") for path in (ROOT / top).rglob("*.py"))
TESTS = sorted(
    path
    for top in ("tests", "properties", "regressions")
    for path in (ROOT / top).rglob("test_*.py")
)
Function = ast.FunctionDef | ast.AsyncFunctionDef
# verbs that begin a docstring and are no noun as well, so that "Return" is an order to the reader
ORDERS = frozenset(
    re.findall(
        r"\w+",
        """
        accept add allow apply bring build call check choose collect compare compute convert
        copy create decide decode delete describe determine divide do draw encode ensure
        evaluate fill find get give ignore keep leave let list make mark merge move note observe
        open pin put raise read record refuse register remove rename replace require reset
        restore return run save see seed send set skip sort store take tell train try update use
        verify walk write yield
        """,
    )
)


@cache
def tree(path: Path) -> ast.Module:
    """The parsed source of a file."""
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    """Returns a file as seen from the project's root."""
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[Function]:
    """Every function and method of a file."""
    yield from (node for node in ast.walk(tree(path)) if isinstance(node, Function))


@cache
def class_names() -> frozenset[str]:
    """The names of all our classes."""
    nodes = (node for path in CODE for node in ast.walk(tree(path)))
    return frozenset(node.name for node in nodes if isinstance(node, ast.ClassDef))


def beginning(message: ast.expr) -> str:
    """The text that a message begins with; nothing where a value stands first."""
    first = message.values[0] if isinstance(message, ast.JoinedStr) and message.values else message
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_docstring_is_in_the_third_person(path: Path) -> None:
    """It says what the function does, and does not tell the reader to."""
    for function in functions(path):
        first = re.match(r"\w*", ast.get_docstring(function) or "")
        assert first is None or first[0].lower() not in ORDERS, f"{function.name}: {first[0]} ..."


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_message_begins_in_lower_case(path: Path) -> None:
    """Unless its first word is a name: of a class, or with a capital inside."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            word = re.match(r"\w*", beginning(node.exc.args[0]))
            assert word is not None
            name = word[0] in class_names() or not word[0][1:].islower()
            assert name or not word[0][:1].isupper(), f"line {node.lineno}: {word[0]} ..."


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_docstring_of_a_test_is_one_sentence(path: Path) -> None:
    """Every test says in one sentence what must hold."""
    tests = [each for each in functions(path) if each.name.startswith("test_")]
    for test in tests:
        text = ast.get_docstring(test) or ""
        assert text, f"{test.name} has no docstring"
        assert text.endswith((".", "?", '"')), f"{test.name}: {text}"
