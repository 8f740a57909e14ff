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
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from resumeproof.core.exclusions import require_used
from resumeproof.core.scenario import INTO, Scenario
from resumeproof.fuzzing.corpus import FOLDER, Stored, read
from resumeproof.subjects.sb3 import OF_WRAPPERS
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record, Verdict
from rich.console import Console
from rich.progress import track
from rich.table import Table

from properties.bits import pin_bits as pin_bits  # its other campaigns take it from here
from properties.combinations import subjects
from properties.mutation import judge

SAVE_POINTS = ("start", "first step", "warm-up", "past warm-up", "mid-rollout", "boundary")
N_STEPS, WARM_UP_UPDATES = 16, 2


def draw(random_: random.Random, save_point: str) -> Scenario:
    """One scenario with the given save point; everything else is drawn."""
    n_envs = random_.choice((1, 1, 2, 4))
    rollout = N_STEPS * n_envs
    length = rollout * random_.randint(3, 6)
    # two epochs of a rollout are 2 * n_envs updates: a warm-up of 2 ends with the first rollout
    where = {
        "start": 0,
        "first step": n_envs,
        "warm-up": n_envs * random_.randint(2, N_STEPS - 1),
        "past warm-up": rollout + n_envs,
        "mid-rollout": rollout + n_envs * random_.randint(2, N_STEPS - 1),
        "boundary": rollout * random_.randint(1, 2),
    }[save_point]
    cycles = random_.choice((1, 1, 2, 3, 5))
    room = (length - where) // n_envs
    gap = n_envs * random_.choice((0, 1, min(7, room // cycles))) if where and room > cycles else 0
    return Scenario(
        options={"n_envs": n_envs, "normalize": random_.random() < 0.4},
        seed=random_.randrange(2**31),
        length=length,
        save_at=where,
        save_point=save_point,
        cycles=cycles,
        gap=gap,
        medium=random_.choice(("file", "memory", "parameters")),
        into=random_.choice(INTO),
    )


def plan(count: int, seed: int) -> Iterator[tuple[str, Scenario]]:
    """Scenarios so that every combination meets every save point as often as the others."""
    random_ = random.Random(seed)
    cells = [(name, point) for point in SAVE_POINTS for name in subjects()]
    for number in range(count):
        name, point = cells[number % len(cells)]
        yield name, draw(random_, point)


def run_one(task: tuple[str, Scenario]) -> tuple[str, Record]:
    """One scenario, in a worker process."""
    name, scenario = task
    return name, run(subjects()[name], scenario)


def run_stored(stored: Stored) -> tuple[str, Record]:
    """A scenario that failed once, under the check it broke; in a worker process."""
    subject = stored.case.subject()
    return stored.path.name, run(subject, stored.case.scenario, (stored.check,))


def print_table(console: Console, results: list[tuple[str, Record]]) -> None:
    """Combination by save point, a word in each cell."""
    table = Table(title="DistributionalPPO: the resumed run against the one that never stopped")
    table.add_column("combination")
    for point in SAVE_POINTS:
        table.add_column(point)
    for name in subjects():
        cells = []
        for point in SAVE_POINTS:
            here = [r for n, r in results if n == name and r.scenario.save_point == point]
            words = Counter(record.verdict.value for record in here)
            cells.append(", ".join(f"{word} {n}" for word, n in words.items()) or "-")
        table.add_row(name, *cells)
    console.print(table)


def print_failures(console: Console, results: list[tuple[str, Record]]) -> None:
    """What differed, the first leaves of each failure, and how to run it again."""
    for name, record in results:
        if record.verdict is Verdict.EXACT:
            continue
        console.print(f"\n{record.verdict.value}: {name}\n  {record.scenario!r}", markup=False)
        if record.error:
            console.print(f"  {record.error}", markup=False)
        for finding in record.findings[:3]:
            console.print(f"  {finding.check} at step {finding.step}:", markup=False)
            for mismatch in finding.diff.mismatches[:5]:
                console.print(f"    {mismatch}", markup=False)


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
        for name, record in track(done, "scenarios", len(tasks), console=console):
            records.write(record.to_json() + "\n")
            results.append((name, record))
        once_failed = pool.map(run_stored, read(FOLDER), chunksize=1)
    print_table(console, results)
    print_failures(console, [*results, *once_failed])
    again = [record.verdict is not Verdict.EXACT for _, record in once_failed]
    console.print(f"{again.count(False)} of {len(again)} scenarios that failed once are EXACT")
    lived = arguments.mutants and judge(
        console, arguments.mutants, arguments.jobs, arguments.records
    )
    return summarise(console, results, arguments.records) or int(any(again)) or int(lived)


def summarise(console: Console, results: list[tuple[str, Record]], path: Path) -> int:
    """The counts, and the exit status."""
    exact = sum(record.verdict is Verdict.EXACT for _, record in results)
    vacuous = sum(record.vacuous for _, record in results)
    compared = sum(record.compared for _, record in results)
    console.print(
        f"{exact - vacuous} of {len(results) - vacuous} scenarios EXACT, {vacuous} more vacuous "
        f"(saved before any leaf had moved: nothing could be lost); {compared} leaves compared; "
        f"records in {path}"
    )
    if exact < len(results):
        return 1
    exclusions = [e for e in next(iter(subjects().values())).exclusions if e not in OF_WRAPPERS]
    used = {pattern for _, record in results for pattern in record.used}
    require_used(exclusions, [e for e in exclusions if e.pattern in used])
    return 0


if __name__ == "__main__":
    sys.exit(main())
