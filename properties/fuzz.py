"""A campaign: generated scenarios of all our subjects under all checks, for as long as you say.

usage: python -m properties.fuzz [--minutes N] [--jobs N] [--seed N] [--records FILE]

A failure does not stop it: it is shrunk, stored as JSON and listed at the end. Where CKPT_EXAMPLES
names a folder, all campaigns that are given the same one share what Hypothesis found. Exit status:
1 for a failure, or for a cell of the coverage table that five minutes left empty.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import TextIO, final

from resumeproof.checks import CHECKS, Cost
from resumeproof.subjects.by_name import resolve

from properties.bits import pin_bits
from properties.campaign import Failure, Outcome, Stretch, run_stretch
from properties.coverage import cells_of, cells_to_fill, count, empty, shape_of, table
from properties.rendering import Result, line_of, summary

OURS = "properties.space:OURS"
COMPONENTS = tuple(
    f"properties.components:{name}"
    for name in ("ADAPTIVE_UPGD", "UPGD_ALONE", "VGS", "KL_PENALTY", "NORMALIZER")
)
# these run arms of their own in every scenario: one of them at a time, beside all the others
_COSTLY = tuple(name for name, check in CHECKS.items() if check.cost is Cost.HIGH)
_CHEAP = tuple(name for name in CHECKS if name not in _COSTLY)
_STRETCH_SECONDS, _SHRINK_SECONDS = 10.0, 60.0
_MINUTES_TO_FILL = 5.0


def stretches(targets: Sequence[str], seed: int, seconds: float) -> Iterator[Stretch]:
    """What to do, without end: whole algorithms four times a turn, the costly checks in turn."""
    turns = [t for t in targets if t not in COMPONENTS] * 4 + [
        t for t in targets if t in COMPONENTS
    ]
    costly = cycle(_COSTLY)
    for number, target in enumerate(cycle(turns)):
        yield Stretch(
            target=target,
            checks=(*_CHEAP, next(costly)),
            seed=seed + number,
            seconds=seconds,
            shrink_seconds=_SHRINK_SECONDS,
        )


@final
@dataclass(kw_only=True)
class Campaign:
    """What has been found so far, and where it is written."""

    records: TextIO
    start: float = field(default_factory=time.monotonic)
    kept: list[Result] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)
    shapes: set[str] = field(default_factory=set)
    repeated: int = 0

    def add(self, outcome: Outcome) -> None:
        """Takes in what a stretch has shown."""
        for result in outcome.results:
            self.records.write(line_of(result))
            self.shapes.add(shape_of(result.name, result.record.scenario))
        self.records.flush()
        self.kept += outcome.results
        self.repeated += outcome.repeated
        for failure in outcome.failures:
            self.failures.setdefault(failure.key, failure)

    def progress(self) -> str:
        """One line."""
        minutes = max(time.monotonic() - self.start, 1e-9) / 60
        return (
            f"{minutes:5.1f} min  {len(self.kept)} scenarios  {len(self.shapes)} shapes  "
            f"{len(self.failures)} failures  {len(self.kept) / minutes:.0f} scenarios/min"
        )


def run_campaign(campaign: Campaign, tasks: Iterator[Stretch], jobs: int, seconds: float) -> None:
    """Keeps every worker busy until the time is up, and takes in what they found."""
    until = campaign.start + seconds
    context = multiprocessing.get_context("spawn")
    running: set[Future[Outcome]] = set()
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=pin_bits) as pool:
        while True:
            while len(running) < jobs and time.monotonic() < until:
                running.add(pool.submit(run_stretch, _informed(next(tasks), campaign)))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                campaign.add(future.result())
            print(campaign.progress(), flush=True)


def _informed(stretch: Stretch, campaign: Campaign) -> Stretch:
    return dataclasses.replace(stretch, known=frozenset(campaign.failures))


def reached(campaign: Campaign, targets: Sequence[str]) -> tuple[list[str], int]:
    """The table of what was reached, and how many of its cells are empty."""
    subjects = {target: resolve(target, {}) for target in targets}
    expected = cells_to_fill(subjects.values(), list(CHECKS))
    hits = count(
        cells_of(subjects[result.target], result.record.scenario, result.judged)
        for result in campaign.kept
    )
    return list(table(expected, hits)), len(empty(expected, hits))


def cost(results: Sequence[Result]) -> Iterator[str]:
    """What the checks took, against bare training; nothing where that was not measured."""
    measured = [(r.record.seconds, r.bare_seconds) for r in results if r.bare_seconds]
    checked, bare = (sum(column) for column in zip(*measured, strict=True)) if measured else (0, 0)
    if bare:
        yield (
            f"cost: {checked / bare:.1f} times bare training of the same lengths ({checked:.1f} s "
            f"against {bare:.1f} s in {len(measured)} scenarios)"
        )


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    made.add_argument("--minutes", type=float, default=5.0, help="how long to draw")
    made.add_argument("--jobs", type=int, default=2, help="worker processes")
    made.add_argument("--seed", type=int, default=None, help="otherwise the time of day")
    made.add_argument("--records", type=Path, default=Path("reports/fuzz.jsonl"))
    made.add_argument("--target", action="append", help="module:name of a subject; ours if none")
    return made


def main() -> int:
    """Runs a campaign; the exit status."""
    arguments = parser().parse_args()
    targets = tuple(arguments.target or (OURS, *COMPONENTS))
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    seconds = 60 * arguments.minutes
    arguments.records.parent.mkdir(parents=True, exist_ok=True)
    with arguments.records.open("w") as records:
        campaign = Campaign(records=records)
        tasks = stretches(targets, seed, min(_STRETCH_SECONDS, seconds))
        run_campaign(campaign, tasks, arguments.jobs, seconds)
    lines, lacking = reached(campaign, targets)
    lines += [campaign.progress(), *summary(campaign.kept), *cost(campaign.kept)]
    print("\n".join(lines))
    print(f"seed {seed}; one record for each scenario in {arguments.records}")
    for failure in campaign.failures.values():
        print(f"\n{failure.text}\n  stored: {failure.path or 'not: the harness raised'}")
    return int(bool(campaign.failures) or (lacking and arguments.minutes >= _MINUTES_TO_FILL) > 0)


if __name__ == "__main__":
    sys.exit(main())
