"""The mutants of the gate: which subjects, in which scenario, and how the matrix is shown.

usage: python -m properties.mutation [--stride N] [--jobs N] [--records FILE]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resumeproof.core.scenario import Scenario
from resumeproof.mutation.campaign import mutate
from resumeproof.mutation.mutant import UNCHANGED, spelled
from resumeproof.subjects.protocol import Subject
from resumeproof.subjects.sb3 import sb3
from rich.console import Console
from rich.table import Table
from stable_baselines3 import DQN, PPO

from properties.bits import pin_bits
from properties.combinations import ENVIRONMENTS, OPTIONS, subjects

RESUME_STRIDE = 10
CHECKS = ("roundtrip", "resume", "isolation")
_DEMANDED = ("roundtrip", "isolation")
_NET = {"policy_kwargs": {"net_arch": [8]}}
STOCK = {
    "stock PPO": (PPO, {"n_steps": 16, "batch_size": 16, "n_epochs": 2}),
    "stock DQN": (DQN, {"learning_starts": 8, "buffer_size": 64, "train_freq": 4}),
}
Task = tuple[str, tuple[str, ...], int]


def ours() -> tuple[str, ...]:
    """Every combination once, on the two environments in turns."""
    return tuple(f"{ENVIRONMENTS[i % 2]}: {name}" for i, name in enumerate(OPTIONS))


def subject_of(name: str) -> tuple[Subject, Scenario]:
    """The subject, and a scenario that is saved where all of its parts have moved."""
    if name in STOCK:
        made, options = STOCK[name]
        return sb3(made, env="CartPole-v1", **_NET, **options), Scenario(length=48, save_at=32)
    options = {"n_envs": 1, "normalize": False}
    return subjects()[name], Scenario(options=options, length=48, save_at=40)


def tasks(stride: int) -> list[Task]:
    """`roundtrip` over every stride-th mutant; `resume`, which trains, over a sample.

    What lies in the memory of another run has the right value: it is for `isolation` to see.
    """
    return [
        *((name, ("roundtrip",), stride) for name in (*ours(), *STOCK)),
        *((name, ("resume",), stride * RESUME_STRIDE) for name in ours()),
        *((name, ("isolation",), stride) for name in ours()),
    ]


def run_one(task: Task) -> dict[str, Any]:
    """One matrix as data, in a worker process."""
    name, checks, stride = task
    subject, scenario = subject_of(name)
    plain = mutate(subject, scenario, checks, stride=stride).to_plain()
    return {**plain, "mutants_of": name, "checks": list(checks), "stride": stride}


def run_all(stride: int, jobs: int) -> list[dict[str, Any]]:
    """Every matrix of the gate, on all cores."""
    with multiprocessing.get_context("spawn").Pool(jobs, pin_bits) as pool:
        return list(pool.imap(run_one, tasks(stride), chunksize=1))


def survivors(found: Sequence[dict[str, Any]]) -> list[str]:
    """What `roundtrip` and `isolation` let pass, or killed without naming the place.

    Each is a failure of the gate.
    """
    return [
        f"{matrix['mutants_of']}: {outcome['check']}: {spelled(outcome['mutant'])}: {why}"
        for matrix in found
        for outcomes, why in ((matrix["survivors"], "survived"), (matrix["unnamed"], "not named"))
        for outcome in outcomes
        if outcome["check"] in _DEMANDED
    ]


def print_matrix(console: Console, found: Sequence[dict[str, Any]]) -> None:
    """Operators by checks, killed of tried; then the same by subject, and who survived."""
    for title, cells in (("operator", by_operator(found)), ("subject", by_subject(found))):
        table = Table(title=f"mutants killed, of those tried, by {title}")
        for column in (title, "roundtrip", "resume (sample)", "isolation"):
            table.add_column(column)
        for name, row in cells.items():
            counts = (row.get(check) for check in CHECKS)
            table.add_row(name, *(f"{c[0]} of {c[1]}" if c else "-" for c in counts))
        console.print(table)
    for reason, count in reasons(found).most_common():
        console.print(f"resume does not see {count}: {reason}", markup=False)
    for reason, count in not_mutants(found).most_common():
        console.print(f"no mutant, {count} times: {reason}", markup=False)
    for line in survivors(found):
        console.print(f"SURVIVED  {line}", markup=False)


def by_operator(found: Sequence[dict[str, Any]]) -> dict[str, dict[str, list[int]]]:
    """Operator -> check -> [killed, tried], over all subjects."""
    return _summed((name, row) for matrix in found for name, row in matrix["matrix"].items())


def by_subject(found: Sequence[dict[str, Any]]) -> dict[str, dict[str, list[int]]]:
    """Subject -> check -> [killed, tried], over all operators."""
    return _summed((m["mutants_of"], row) for m in found for row in m["matrix"].values())


def reasons(found: Sequence[dict[str, Any]]) -> Counter[str]:
    """Why `resume` lets mutants pass, which `roundtrip` kills."""
    outcomes = (outcome for matrix in found for outcome in matrix["survivors"])
    return Counter(outcome["reason"] for outcome in outcomes if outcome["check"] == "resume")


def not_mutants(found: Sequence[dict[str, Any]]) -> Counter[str]:
    """What there was nothing to kill for, other than edits that changed no bit.

    `roundtrip` alone is asked: the other checks are tried on the same mutants.
    """
    counts: Counter[str] = Counter()
    for matrix in found:
        if matrix["checks"] == ["roundtrip"]:
            for item in matrix["not_mutants"]:
                if item["result"] != UNCHANGED:
                    counts[f"{item['result']}: {item['reason']}"] += item["count"]
    return counts


def _summed(rows: Any) -> dict[str, dict[str, list[int]]]:
    cells: dict[str, dict[str, list[int]]] = {}
    for name, row in rows:
        for check, (killed, tried) in row.items():
            cell = cells.setdefault(name, {}).setdefault(check, [0, 0])
            cell[0] += killed
            cell[1] += tried
    return cells


def judge(console: Console, stride: int, jobs: int, path: Path) -> int:
    """Tries all mutants, shows the matrix and adds it to the records; 1 if any survived."""
    found = run_all(stride, jobs)
    with path.open("a") as records:
        records.writelines(json.dumps(matrix, sort_keys=True) + "\n" for matrix in found)
    print_matrix(console, found)
    lived = survivors(found)
    told = []
    for check in CHECKS:
        cells = [row[check] for row in by_operator(found).values() if check in row]
        killed, tried = (sum(cell[i] for cell in cells) for i in (0, 1))
        told.append(f"{check} kills {killed} of {tried}")
        lived += [] if tried else [f"{check}: nothing was tried"]
    console.print(
        f"mutants: {', '.join(told)}; {len(lived)} survive or are not named; every {stride}. of a "
        f"kind (resume: every {stride * RESUME_STRIDE}.); matrix in {path}"
    )
    return int(bool(lived))


def main() -> int:
    """Runs the mutants alone."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("--stride", type=int, default=1, help="every how many of an operator")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--records", type=Path, default=Path("reports/mutants.jsonl"))
    arguments = parser.parse_args()
    arguments.records.parent.mkdir(parents=True, exist_ok=True)
    arguments.records.write_text("")
    return judge(Console(width=140), arguments.stride, arguments.jobs, arguments.records)


if __name__ == "__main__":
    sys.exit(main())
