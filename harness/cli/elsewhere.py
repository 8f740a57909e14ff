"""Commands that other distributions, or other parts of this one, bring: entry points by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

GROUP = "resumeproof.commands"
"""The group of entry points; each is called with the words after its name, and returns a status."""


def command_named(words: Sequence[str]) -> Callable[[Sequence[str]], int] | None:
    """Returns the command that the first word names, or None."""
    if not words or words[0].startswith("-"):
        return None
    for entry in entry_points(group=GROUP, name=words[0]):
        command: Callable[[Sequence[str]], int] = entry.load()
        return command
    return None
