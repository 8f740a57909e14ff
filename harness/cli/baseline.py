"""The option that writes the baseline: what a target loses now, in as many rounds as it takes."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ..core.errors import InvalidTarget
from ..core.pace import Deadline
from .asked import cases_of, checks_of, writable
from .progress import Teller

if TYPE_CHECKING:
    from ..verdicts.verdict import Record

_ROUNDS = 8
_PARTIAL = {"budget": None, "quick": False, "json": None}


def update(parsed: argparse.Namespace) -> int:
    """Writes into the baseline what a target loses now, and takes out what it loses no longer.

    Returns:
        0, or the status of what is no loss, and that no baseline can hold.
    """
    from ..verdicts.baseline import UNEXPLAINED, Baseline

    if parsed.baseline is None:
        raise InvalidTarget(
            "expected --baseline FILE with --update-baseline, got no file: write --baseline "
            "losses.toml"
        )
    given = [f"--{name}" for name, value in _PARTIAL.items() if getattr(parsed, name) != value]
    if given:
        raise InvalidTarget(
            f"expected --update-baseline to see all that is lost, got {given[0]} beside it: leave "
            "it out, and check against the baseline afterwards"
        )
    if not parsed.baseline.exists():
        writable(parsed.baseline, "--baseline").unlink()
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
    from ..verdicts.baseline import UNEXPLAINED, losses_of

    given = dict(parsed.expected)
    for _ in range(_ROUNDS):
        parsed.expected = given | known
        records = _records(parsed)
        lost = {at for record in records for at in losses_of(record)}
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
