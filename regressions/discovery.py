"""How many generated scenarios find each planted bug: `python -m regressions.discovery`.

Every bug meets the same search: Hypothesis draws a scenario from the whole space of options, save
points and media, and an option to pass explicitly; every check is tried on it. Nothing says which
bug is planted.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import final

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from resumeproof.core.scenario import Scenario
from resumeproof.fuzzing.strategies import scenarios
from resumeproof.subjects.sb3 import Sb3Subject

from properties.bits import pin_bits
from regressions.checks import GRADIENTS, KEYWORDS, OPTIONS, PARAMETERS, Case, Found, look
from regressions.planted import ours

FOLDER = Path(__file__).parent
README = FOLDER / "README.md"
START, END = "<!-- discovery -->", "<!-- end of discovery -->"
MOST = 300
HEAD = (
    "| bug | found by | scenarios until found: median | worst | s to the named cause: median "
    "| worst | named |\n|---|---|---|---|---|---|---|"
)


@final
@dataclass(frozen=True, kw_only=True)
class Discovery:
    """What one seed showed of one bug.

    Attributes:
        bug: its name in the table.
        scenarios: generated until the first failure, that one included.
        seconds: from the first scenario to the named cause.
        found: the first failure; None if there was none in `MOST` scenarios.
    """

    bug: str
    scenarios: int
    seconds: float
    found: Found | None


@cache
def planted() -> Mapping[str, Sb3Subject]:
    """Every planted bug of every module, by name, as a subject."""
    modules = sorted(path.stem for path in FOLDER.glob("test_bug_*.py"))
    return {
        name: fault if isinstance(fault, Sb3Subject) else ours(fault)
        for module in modules
        for name, fault in import_module(f"regressions.{module}").PLANTED.items()
    }


def tried(subject: Sb3Subject, scenario: Scenario, option: str) -> Found | None:
    """The first thing that any check shows of one generated scenario; quick ones are first."""
    start = dataclasses.replace(scenario, save_at=0)
    small = [
        Case(check="inputs", scenario=start, parameters=parameters, gradients=gradients)
        for parameters in PARAMETERS
        for gradients in GRADIENTS
    ]
    small += [Case(check="keywords", scenario=scenario, keyword=keyword) for keyword in KEYWORDS]
    small += [
        Case(check=check, scenario=start) for check in ("overrides", "environment", "archive")
    ]
    large = [
        Case(check=check, scenario=scenario, option=option) for check in ("harness", "options")
    ]
    return next((found for case in (*small, *large) for found in look(subject, case)), None)


def discover(bug: str, seed: int) -> Discovery:
    """Draws scenarios until a check does not hold."""
    pin_bits()
    return search(bug, planted()[bug], seed)


def search(bug: str, subject: Sb3Subject, seed: int, most: int = MOST) -> Discovery:
    """As `discover`, for a subject; the name is for the table alone."""
    seen, first = 0, None
    start = time.perf_counter()
    ended = start

    @hypothesis.seed(seed)
    @settings(
        max_examples=most,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(scenarios(subject), st.sampled_from(sorted(OPTIONS)))
    def draw(scenario: Scenario, option: str) -> None:
        nonlocal seen, first, ended
        if first is None:
            seen += 1
            first = tried(subject, scenario, option)
            ended = time.perf_counter()
        # Hypothesis runs the scenario that failed once more
        if first is not None:
            raise _Failed

    with contextlib.suppress(_Failed):
        draw()
    return Discovery(bug=bug, scenarios=seen, seconds=ended - start, found=first)


class _Failed(Exception):
    """Ends the drawing."""


def table(discoveries: Iterable[Discovery]) -> str:
    """One row for every bug, in Markdown."""
    by_bug: dict[str, list[Discovery]] = {}
    for each in discoveries:
        by_bug.setdefault(each.bug, []).append(each)
    return "\n".join([HEAD, *(_row(bug, rows) for bug, rows in by_bug.items())])


def _row(bug: str, rows: Sequence[Discovery]) -> str:
    found = [row.found for row in rows if row.found is not None]
    missed = len(rows) - len(found)
    numbers, seconds = [row.scenarios for row in rows], [row.seconds for row in rows]
    worst = f"not in {MOST} for {missed} of {len(rows)} seeds" if missed else str(max(numbers))
    checks = _most(each.check for each in found)
    return (
        f"| {bug} | {checks} | {median(numbers):g} | {worst} | {median(seconds):.1f} "
        f"| {max(seconds):.1f} | {_most((f'`{each.place}`' for each in found), 2)} |"
    )


def _most(names: Iterable[str], count: int | None = None) -> str:
    return ", ".join(f"{name} ({times})" for name, times in Counter(names).most_common(count))


def write(text: str) -> None:
    """Puts the table between the markers of the README."""
    whole = README.read_text(encoding="utf-8")
    before, rest = whole.split(START)
    _, after = rest.split(END)
    README.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")


def search_all(seeds: Iterable[int], until: float) -> list[list[Discovery]]:
    """All bugs for every seed, seed by seed on all cores, as long as the time is not `until`."""
    done, bugs = [], list(planted())
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for seed in seeds:
            if time.monotonic() < until:
                done.append(list(pool.map(discover, bugs, [seed] * len(bugs))))
    return done


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table, and writes it if asked to."""
    parser = argparse.ArgumentParser(prog="python -m regressions.discovery", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="searches for every bug")
    parser.add_argument("--minutes", type=float, default=60, help="start no seed after that")
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    given = parser.parse_args(arguments)
    done = search_all(range(given.seeds), time.monotonic() + 60 * given.minutes)
    text = f"{len(done)} seeds for each bug; every check is tried on every scenario.\n\n"
    text += table(row for rows in done for row in rows)
    print(text)  # noqa: T201  the output of a command
    if given.write:
        write(text)


if __name__ == "__main__":
    main()
