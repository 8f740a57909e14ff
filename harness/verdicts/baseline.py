"""The baseline of a project: for every subject, which losses are known, and why they may stay.

The file is TOML, sorted, made to be reviewed: a table for every subject, a line for every loss.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Self, final

from ..core.errors import InvalidTarget
from .verdict import Record

UNEXPLAINED = "known, and not yet explained: write here why it may stay"
"""The reason of a line that nobody has given one yet."""
_HEAD = """\
# Losses that are known: they are put back, and whatever else is lost fails. Give each its reason.
"""


@final
class Baseline:
    """The losses that are known, by subject.

    Args:
        path: of the file.
        known: what a subject is called, its target or its name, -> KeyPath pattern -> reason.
    """

    def __init__(self, path: Path, known: Mapping[str, Mapping[str, str]]) -> None:
        self.path = path
        self.known = {target: dict(losses) for target, losses in known.items()}

    @classmethod
    def read(cls, path: Path, *, must_exist: bool = True) -> Self:
        """Returns what is in a file.

        Raises:
            InvalidTarget: there is no such file, or it is no baseline; says how to write one.
        """
        if not path.is_file():
            if must_exist or path.exists():
                what = "no file" if path.exists() else "no such file"
                raise InvalidTarget(
                    f"expected a file for --baseline, got {str(path)!r}: {what}; write one with "
                    "--update-baseline"
                )
            return cls(path, {})
        try:
            known = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidTarget(
                f"expected a baseline in {str(path)!r}, got no TOML ({error}): write it anew with "
                "--update-baseline"
            ) from error
        for target, losses in known.items():
            if not isinstance(losses, dict) or not all(isinstance(w, str) for w in losses.values()):
                raise InvalidTarget(
                    f"expected a table of pattern = reason for {target!r} in {str(path)!r}, got "
                    f"{losses!r}: write 'model._last_obs' = 'why it may stay'"
                )
        return cls(path, known)

    def of(self, subject: str) -> dict[str, str]:
        """Returns the losses that are known of a subject."""
        return dict(self.known.get(subject, {}))

    def write(self) -> None:
        """Writes the file, sorted."""
        lines = [_HEAD]
        for target, losses in sorted(self.known.items()):
            if losses:
                lines.append(f"[{_quoted(target)}]")
                lines += [f"{_quoted(at)} = {_quoted(why)}" for at, why in sorted(losses.items())]
                lines.append("")
        self.path.write_text("\n".join(lines))


def _quoted(text: str) -> str:
    # what JSON escapes, a basic string of TOML escapes in the same way
    return json.dumps(text, ensure_ascii=False)


def losses_of(record: Record) -> list[str]:
    """Returns the KeyPaths of what a scenario has lost, where that explains what differs."""
    found = record.attribution
    if found is None or not found.complete:
        return []
    return [str(mismatch.keypath) for mismatch in found.lost]
