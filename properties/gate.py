"""The gate: generated scenarios of DistributionalPPO, saved, resumed and compared bit for bit.

usage: python -m properties.gate [--scenarios N] [--seed N] [--records FILE] [--jobs N]
    [--mutants N]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, final

from resumeproof.core.exclusions import require_used
from resumeproof.core.scenario import Scenario
from resumeproof.fuzzing.corpus import FOLDER, Stored, read
from resumeproof.fuzzing.generate import generate
from resumeproof.subjects.sb3.exclusions import OF_WRAPPERS
from resumeproof.trial.defaults import SAVE_POINTS
from resumeproof.verdicts.runner import DEFAULT_CHECKS, run
from resumeproof.verdicts.verdict import Verdict
from rich.console import Console
from rich.progress import track

from properties.bits import pin_bits
from properties.combinations import subjects
from properties.mutation import judge
from properties.rendering import Result, failures, line_of, summary


@final
class Stream:
    """Choices of a seeded stream, each value as likely as the others."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def integer(self, low: int, high: int, label: str) -> int:
        """Returns a number from low to high, whatever it is for."""
        return self._random.randint(low, high)

    def one_of(self, values: Sequence[Any], label: str) -> Any:
        """Returns one of the values, whatever it is for."""
        return self._random.choice(values)


def plan(count: int, seed: int) -> Iterator[tuple[str, Scenario]]:
    """Scenarios so that every combination meets every save point as often as the others."""
    stream, ours = Stream(seed), subjects()
    cells = [(name, point) for point in SAVE_POINTS for name in ours]
    for number in range(count):
        name, point = cells[number % len(cells)]
        yield name, generate(ours[name], stream, save_points=(point,))


def run_one(task: tuple[str, Scenario]) -> Result:
    """One scenario, in a worker process."""
    name, scenario = task
    return Result(name=name, record=run(subjects()[name], scenario), checks=DEFAULT_CHECKS)


def run_stored(stored: Stored) -> Result:
    """A scenario that failed once, under the check it broke; in a worker process."""
    record = run(stored.case.subject(), stored.case.scenario, (stored.check,))
    return Result(name=stored.path.name, record=record, checks=(stored.check,))


def main() -> int:
    """Runs the gate; 0 when every scenario is EXACT."""
    parser = argparse.ArgumentParser(prog="gate", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=252, help="how many scenarios to generate")
    parser.add_argument("--seed", type=int, default=0, help="of the generator of scenarios")
    parser.add_argument("--records", type=Path, default=Path("reports/gate.jsonl"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--mutants", type=int, default=10, help="every how many mutants are tried; 0 for none"
    )
    arguments = parser.parse_args()
    console = Console(width=180 if not sys.stdout.isatty() else None)
    tasks = list(plan(arguments.scenarios, arguments.seed))
    arguments.records.parent.mkdir(parents=True, exist_ok=True)
    results = []
    with (
        multiprocessing.get_context("spawn").Pool(arguments.jobs, pin_bits) as pool,
        arguments.records.open("w") as records,
    ):
        done = pool.imap(run_one, tasks, chunksize=1)
        for result in track(done, "scenarios", len(tasks), console=console):
            records.write(line_of(result))
            results.append(result)
        once_failed = pool.map(run_stored, read(FOLDER), chunksize=1)
    print("\n".join(failures([*results, *once_failed])))
    again = [result.failed for result in once_failed]
    print(f"{again.count(False)} of {len(again)} scenarios that failed once are EXACT")
    lived = arguments.mutants and judge(
        console, arguments.mutants, arguments.jobs, arguments.records
    )
    print("\n".join(summary(results)), f"records in {arguments.records}", sep="\n")
    return status(results) or int(any(again)) or int(lived)


def status(results: Sequence[Result]) -> int:
    """The exit status: 1 if a scenario is not EXACT.

    Raises:
        UnusedExclusion: of what is excluded something was never met.
    """
    if any(result.record.verdict is not Verdict.EXACT for result in results):
        return 1
    exclusions = [e for e in next(iter(subjects().values())).exclusions if e not in OF_WRAPPERS]
    used = {pattern for result in results for pattern in result.record.used}
    require_used(exclusions, [e for e in exclusions if e.pattern in used])
    return 0


if __name__ == "__main__":
    sys.exit(main())
