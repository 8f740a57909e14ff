"""Writes reference.md, one entry for each public name, from the docstrings: `--write` to do so.

The names are `resumeproof.__all__` and `resumeproof.algo.__all__`; `tests/test_docs.py` compares
the page with what this makes of them.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

PAGE = Path(__file__).with_name("reference.md")
PACKAGES = ("resumeproof", "resumeproof.algo")
_HEAD = """\
# Reference

Every public name, from its docstring; what is not listed here may change without notice. Written by
`python docs/reference.py --write`.
"""
_EMPTY = inspect.Parameter.empty
_ITEM = re.compile(r"^(\*{0,2}\w[\w.*, ]*?)(?: \([^)]*\))?: ", re.MULTILINE)


def page() -> str:
    """Returns the whole page."""
    return _HEAD + "".join(map(_package, PACKAGES))


def names(package: str) -> list[str]:
    """Returns the public names of a package, in the order of the alphabet."""
    return sorted(import_module(package).__all__, key=str.lower)


def _package(package: str) -> str:
    module = import_module(package)
    entries = (_entry(name, getattr(module, name)) for name in names(package))
    return f"\n## `{package}`\n" + "".join(entries)


def _entry(name: str, item: Any) -> str:
    lines = [f"\n### {name}\n", f"`{name}{_signature(item)}`\n", _prose(_docstring(item))]
    members = [f"- `{called}`: {first}" for called, first in _methods(item)]
    lines += [f"**Methods**\n\n{chr(10).join(members)}\n"] if members else []
    return "\n".join(lines)


def _docstring(item: Any) -> str:
    return inspect.cleandoc(item.__doc__ or "")


def _signature(item: Any) -> str:
    """The parameters without their types, which the text says better."""
    if inspect.isclass(item) and issubclass(item, Enum):
        return ": " + ", ".join(member.name for member in item)
    if inspect.isclass(item) and issubclass(item, Exception):
        return ""  # it is caught, not made
    shown = inspect.signature(item)
    plain = [
        each.replace(annotation=each.empty, default=_Default.of(each.default))
        for each in shown.parameters.values()
        if not each.name.startswith("_")
    ]
    return str(shown.replace(parameters=plain, return_annotation=shown.empty))


class _Default:
    """A default whose own text is no code, such as a function: shown by its name."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    @classmethod
    def of(cls, default: Any) -> Any:
        """Returns the same, or in its place what is shown."""
        if default is _EMPTY:
            return default
        if inspect.isroutine(default):
            return cls(default.__name__)
        if isinstance(default, Enum):
            return cls(f"{type(default).__name__}.{default.name}")
        shown = repr(default)
        return cls("..." if shown.startswith("<") else shown)


def _methods(item: Any) -> Iterator[tuple[str, str]]:
    """The public methods and properties of a class that are ours, and the first line of each."""
    ours = [cls for cls in inspect.getmro(item) if _is_ours(cls)] if inspect.isclass(item) else []
    found = {name: member for cls in reversed(ours) for name, member in vars(cls).items()}
    for name, member in found.items():
        function = getattr(member, "fget", getattr(member, "__func__", member))
        if not name.startswith("_") and inspect.isfunction(function) and function.__doc__:
            called = name + ("" if isinstance(member, property) else _of_method(member, function))
            yield called, inspect.cleandoc(function.__doc__).partition("\n\n")[0].replace("\n", " ")


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == PACKAGES[0]


def _of_method(member: Any, function: Any) -> str:
    shown = _signature(function)
    return shown if isinstance(member, staticmethod) else re.sub(r"^\((self|cls)(, )?", "(", shown)


def _prose(text: str) -> str:
    """A docstring in Google's form as Markdown: its sections as lists, what is indented as code."""
    start, *parts = re.split(
        r"(?m)^(?=(?:Args|Attributes|Returns|Raises|Yields|Example|Source):)", text
    )
    return "\n\n".join([start.strip(), *map(_section, parts)]) + "\n"


def _section(text: str) -> str:
    title, _, body = text.partition(":")
    body = dedent(body.lstrip("\n") if body.startswith("\n") else body).strip()
    if title in ("Example", "Source", "Returns", "Yields") or not _ITEM.match(body):
        return (
            f"**{title}** {body}" if "\n" not in body else f"**{title}**\n\n{_as_code(title, body)}"
        )
    return f"**{title}**\n\n" + "\n".join(map(_item, re.split(r"\n(?=\S)", body)))


def _as_code(title: str, body: str) -> str:
    return indent(body, "    ") if title == "Example" else body


def _item(text: str) -> str:
    words = " ".join(line.strip() for line in text.splitlines())
    return "- " + _ITEM.sub(r"`\1`: ", words, count=1)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page())
    else:
        sys.stdout.write(page())
