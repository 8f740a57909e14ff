"""What a command writes: reports as text, records as lines of JSON, a summary for CI."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, final

from .asked import OF_ONE_SCENARIO, writable

if TYPE_CHECKING:
    from ..subjects.by_name import Case
    from ..verdicts.verdict import Record

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Environment variable: a file to which Markdown is appended, as GitHub's runners set it."""


@final
class Outputs:
    """Writes every record as soon as it is there.

    Args:
        parsed: what the command says.

    Raises:
        InvalidTarget: the file for `--json` cannot be written.
    """

    def __init__(self, parsed: argparse.Namespace) -> None:
        self.parsed = parsed
        self.texts: list[str] = []
        path: Path | None = parsed.json
        if path is not None:
            writable(path, "--json").write_text("")

    def write(self, case: Case, record: Record) -> None:
        """Writes one record, as text and as a line."""
        text = _text(case, record, self.parsed)
        self.texts.append(text)
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()  # the next scenario may take a minute
        if self.parsed.json is not None:
            line = json.dumps({**record.to_plain(), **case.to_dict()}, sort_keys=True)
            with self.parsed.json.open("a") as file:
                file.write(f"{line}\n")

    def close(self, records: Sequence[Record], ends: Sequence[str]) -> None:
        """Writes the last lines.

        Args:
            records: all that were made.
            ends: what was not run, and why.
        """
        from ..verdicts.summary import totals

        lines = [*ends, totals(records)]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        if summary := os.environ.get(SUMMARY):
            with Path(summary).open("a") as file:
                file.write(_markdown(records, self.texts, lines))

    def require_floor(self, records: Sequence[Record]) -> int:
        """Returns 1 where less of the state was tested than is demanded, and says where."""
        from ..verdicts.summary import below_floor

        low = below_floor(records, self.parsed.floor) if self.parsed.floor is not None else ()
        sys.stdout.write("".join(f"{line}\n" for line in low))
        return int(bool(low))


def _text(case: Case, record: Record, parsed: argparse.Namespace) -> str:
    from ..verdicts import report

    scenario = record.scenario
    head = (
        f"{record.verdict.value}  {record.subject}  {scenario.length} steps, saved at "
        f"{scenario.save_at} ({scenario.save_point}), {record.seconds:.2f} s"
    )
    if record.verdict.value == "EXACT":
        exact = f"{head}, {record.compared} leaves compared"
        return "\n  ".join([exact, *report.exact(record, verbose=parsed.verbose)])
    again = f"python -m resumeproof replay {parsed.json}" if parsed.json else command_of(case)
    again += "".join(f" --import {module}" for module in parsed.modules)
    again += f" --checks {parsed.checks}" if parsed.checks else ""
    text = report.failure(record, replay=again, verbose=parsed.verbose, flag="--verbose")
    return f"{head}\n{text}"


def command_of(case: Case) -> str:
    """Returns the command that runs a case again."""
    words = ["python", "-m", "resumeproof", "check", case.target]
    for key, value in case.options.items():
        words += ["-s", f"{key}={value}"]
    for pattern, reason in case.expected.items():
        words += ["--expect", f"{pattern}={reason}" if reason else pattern]
    for name in ("length", "seed", *OF_ONE_SCENARIO):
        words += [f"--{name.replace('_', '-')}", str(getattr(case.scenario, name))]
    return shlex.join(words)


def _markdown(records: Sequence[Record], texts: Sequence[str], ends: Sequence[str]) -> str:
    rows = [
        f"| {r.verdict.value} | {r.subject} | {r.scenario.save_at} ({r.scenario.save_point}) "
        f"| {r.seconds:.1f} |"
        for r in records
    ]
    told = [
        f"\n```text\n{text}\n```\n"
        for record, text in zip(records, texts, strict=True)
        if record.verdict.value != "EXACT"
    ]
    head = ["## resumeproof", "", "| verdict | subject | saved at | seconds |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, "", *ends, *told, ""])
