"""What a command asks for: options, checks and scenarios, made of its words."""

from __future__ import annotations

import argparse
import ast
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InvalidTarget

if TYPE_CHECKING:
    from ..subjects.by_name import Case

OF_ONE_SCENARIO = ("save_at", "cycles", "gap", "medium", "into")
"""What is said of one scenario, beside its length and seed."""


def import_modules(modules: Sequence[str]) -> None:
    """Imports what registers something of the user's own, found as a target is."""
    from ..subjects.importing import load_module, search_here

    search_here()
    for module in modules:
        load_module(module)


def checks_of(parsed: argparse.Namespace) -> tuple[str, ...]:
    """Returns the names of the checks to run."""
    from ..checks import CHECKS, require_checks

    if parsed.checks is None:
        return tuple(CHECKS)
    return require_checks([name.strip() for name in parsed.checks.split(",")], "--checks")


def cases_of(
    parsed: argparse.Namespace, checks: tuple[str, ...]
) -> Iterable[tuple[Case, tuple[str, ...]]]:
    """Yields what to run, each with the names of its checks."""
    from ..core.scenario import Scenario
    from ..subjects.by_name import Case, options_of_scenario, resolve
    from ..trial.defaults import natural_length
    from ..verdicts.plan import plan

    options = options_of(parsed)
    subject = resolve(parsed.target, options)
    given = of_one_scenario(parsed)
    length = natural_length(subject) if parsed.length is None else parsed.length
    chosen = plan(subject, checks, length, parsed.seed)
    if given:
        chosen = ((Scenario(length=length, seed=parsed.seed, **given), checks),)
    of_build = options_of_scenario(parsed.target, options)
    for scenario, names in chosen:
        built = dataclasses.replace(scenario, options=of_build)
        yield (
            Case(target=parsed.target, options=options, scenario=built, expected=parsed.expected),
            names,
        )


def expected_of(parsed: argparse.Namespace) -> dict[str, str]:
    """Returns what is expected to be lost: KeyPath pattern -> reason, and "sb3" -> "".

    Raises:
        InvalidTarget: an expectation has no reason.
    """
    from ..core.expected import STOCK

    expected: dict[str, str] = {}
    for text in parsed.expect:
        pattern, _, reason = text.partition("=")
        if text == STOCK:
            expected[STOCK] = ""
        elif pattern and reason.strip():
            expected[pattern] = reason
        else:
            raise InvalidTarget(
                f"expected --expect 'PATTERN=reason' or --expect {STOCK}, got {text!r}: write "
                "--expect 'model._last_obs=SB3 resets at every learn()'"
            )
    return expected


def of_one_scenario(parsed: argparse.Namespace) -> dict[str, Any]:
    """What the command says of one scenario; nothing, where two of the subject's own are run."""
    given = {name: getattr(parsed, name) for name in OF_ONE_SCENARIO}
    stated = {name: value for name, value in given.items() if value is not None}
    if stated and "save_at" not in stated:
        name, value = next(iter(stated.items()))
        raise InvalidTarget(
            f"expected --save-at N with --{name}, got --{name} {value!r} alone: without it two "
            "scenarios of the subject's own are run"
        )
    return stated


def options_of(parsed: argparse.Namespace) -> dict[str, Any]:
    """Returns the options of the subject."""
    options = {} if parsed.env is None else {"env": parsed.env}
    for text in parsed.options:
        key, equals, value = text.partition("=")
        if not (equals and key.isidentifier()):
            raise InvalidTarget(f"expected -s KEY=VALUE, got {text!r}: write -s n_steps=16")
        options[key] = _value(value)
    return options


def writable(path: Path, option: str) -> Path:
    """Returns the path, if a file can be written there.

    Raises:
        InvalidTarget: its folder does not exist, it is a folder, or it must not be written.
    """
    if not path.absolute().parent.is_dir():
        raise InvalidTarget(
            f"expected a file in an existing folder for {option}, got {str(path)!r}: make "
            f"{str(path.parent)!r} first"
        )
    try:
        with path.open("a"):
            return path
    except OSError as error:
        raise InvalidTarget(
            f"expected a file that can be written for {option}, got {str(path)!r}: "
            f"{error.strerror}; name another one"
        ) from error


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):  # a plain word is a str
        return text
