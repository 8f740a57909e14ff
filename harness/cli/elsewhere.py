"""Commands that other distributions, or other parts of this one, bring: entry points by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

GROUP = "resumeproof.commands"
"""The group of entry points; each is called with the words after its name, and returns a status."""

OWN = ("check", "diff", "replay", "list")
"""The commands of the instrument."""


def command_named(words: Sequence[str]) -> Callable[[Sequence[str]], int] | None:
    """Returns the command of others that the first word names; none takes a name of ours."""
    if not words or words[0].startswith("-") or words[0] in OWN:
        return None
    for entry in entry_points(group=GROUP, name=words[0]):
        command: Callable[[Sequence[str]], int] = entry.load()
        return command
    return None


def names() -> list[str]:
    """Returns every command that there is: ours, and those of others."""
    return list(dict.fromkeys([*OWN, *(entry.name for entry in entry_points(group=GROUP))]))
