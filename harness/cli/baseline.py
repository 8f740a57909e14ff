"""The baseline of a project: for every subject, which losses are known, and why they may stay.

The file is TOML, sorted, made to be reviewed: a table for every target, a line for every loss.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self, final

from ..core.errors import InvalidTarget
from ..core.pace import Deadline
from .asked import cases_of, checks_of
from .progress import Teller

if TYPE_CHECKING:
    from ..verdicts.verdict import Record

UNEXPLAINED = "known, and not yet explained: write here why it may stay"
"""The reason of a line that nobody has given one yet."""
_HEAD = """\
# Losses that are known. `resumeproof check TARGET --baseline FILE` puts them back and fails for
# whatever else is lost; `--update-baseline` writes this file anew, and keeps the reasons.
"""
_ROUNDS = 8


@final
class Baseline:
    """The losses that are known, by target.

    Args:
        path: of the file.
        known: target -> KeyPath pattern -> reason.
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
            if must_exist:
                raise InvalidTarget(
                    f"expected a file for --baseline, got {str(path)!r}: no such file; write it "
                    "with --update-baseline"
                )
            return cls(path, {})
        try:
            known = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidTarget(f"expected a baseline in {str(path)!r}, got {error}") from error
        for target, losses in known.items():
            if not isinstance(losses, dict) or not all(isinstance(w, str) for w in losses.values()):
                raise InvalidTarget(
                    f"expected a table of pattern = reason for {target!r} in {str(path)!r}, got "
                    f"{losses!r}"
                )
        return cls(path, known)

    def of(self, target: str) -> dict[str, str]:
        """Returns the losses that are known of a target."""
        return dict(self.known.get(target, {}))

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


def update(parsed: argparse.Namespace) -> int:
    """Writes into the baseline what a target loses now, and takes out what it loses no longer.

    Returns:
        0, or the status of what is no loss, and that no baseline can hold.
    """
    if parsed.baseline is None:
        raise InvalidTarget("expected --baseline FILE with --update-baseline: name the file")
    baseline = Baseline.read(parsed.baseline, must_exist=False)
    before = baseline.of(parsed.target)
    known, others = _known(parsed, dict(before))
    baseline.known[parsed.target] = known
    baseline.write()
    new, gone = known.keys() - before.keys(), before.keys() - known.keys()
    told = [f"+ {at} ({UNEXPLAINED})" for at in sorted(new)] + [f"- {at}" for at in sorted(gone)]
    told += [f"not a loss, and not in the baseline: {text}" for text in others]
    told.append(f"{parsed.baseline}: {len(known)} known losses of {parsed.target}")
    sys.stdout.write("".join(f"{line}\n" for line in told))
    return 1 if others else 0


def _known(parsed: argparse.Namespace, known: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Returns what is lost in any scenario, found in as many rounds as it takes, and what else."""
    given = dict(parsed.expected)
    for _ in range(_ROUNDS):
        parsed.expected = given | known
        records = _records(parsed)
        lost = {at for record in records for at in _lost(record)}
        seen = {item.pattern for record in records for item in record.expected if item.leaves}
        known = {at: why for at, why in known.items() if at in seen}
        known |= dict.fromkeys(sorted(lost - known.keys() - given.keys()), UNEXPLAINED)
        if not lost:
            break
    failing = [record for record in records if record.verdict.value != "EXACT"]
    return known, [f"{record.verdict.value} in {record.failed_check}" for record in failing]


def _records(parsed: argparse.Namespace) -> list[Record]:
    from ..verdicts.runner import run

    planned, teller, records = list(cases_of(parsed, checks_of(parsed))), Teller(Deadline()), []
    for number, (case, names) in enumerate(planned, start=1):
        teller.scenario(number, len(planned), case.scenario.length)
        records.append(run(case.subject(), case.scenario, names, watch=teller))
    teller.pause()
    return records


def _lost(record: Record) -> list[str]:
    found = record.attribution
    if found is None or not found.complete:
        return []
    return [str(mismatch.keypath) for mismatch in found.lost]
