"""Every fact of every kind of state, kept and lost: `python -m properties.kinds`, `make kinds`.

A row of the tables in `tests/harness/hidden` makes an object and changes one fact of it. A part
that holds such an object changes it on its way; its checkpoint brings the change back, or does not:

| the load | of a fact of state | of what is no state |
|---|---|---|
| makes the change again | EXACT, or a false alarm | EXACT, or a false alarm |
| leaves the object as made | found, at or below the object | EXACT, or a false alarm |

Each is saved once or twice, and loaded into a part that was used before or into a fresh one.
"""

from __future__ import annotations

import argparse
import gc
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, final

from resumeproof import Scenario, component
from resumeproof.core.randomness import preserved_streams
from resumeproof.state.capture import capture
from resumeproof.state.compare import compare
from resumeproof.state.snapshot import Snapshot
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record, Verdict

from tests.harness.hidden.tables import TABLES

CHANGED_AT = 2
CHECKS = ("purity", "roundtrip", "resume", "completeness")


@final
@dataclass(frozen=True, kw_only=True)
class Case:
    """One row, one load, one scenario.

    Attributes:
        row: module and key of the row.
        make: makes the object.
        change: changes it in place, or returns what it became.
        is_state: whether the change is one of state.
        loses: whether the load leaves the object as made.
        into: what a load fills.
        cycles: how often it is saved and loaded.
    """

    row: str
    make: Callable[[], Any]
    change: Callable[[Any], Any]
    is_state: bool
    loses: bool
    into: str
    cycles: int

    @property
    def must_show(self) -> bool:
        """Whether there is a loss to be found."""
        return self.is_state and self.loses

    def __str__(self) -> str:
        what = "state" if self.is_state else "no state"
        done = "lost" if self.loses else "kept"
        return f"{self.row} ({what}, {done}, into {self.into}, {self.cycles} cycles)"


def cases(every: int = 1) -> Iterator[Case]:
    """Yields every case of every N-th row; of a change that is another one each time, losses only.

    It has a name of the system or an address in it, and cannot be made again.
    """
    listed = [
        (f"{table.__name__.rpartition('.')[2]}: {key}", row, name == "FACTS")
        for table in TABLES.values()
        for name in ("FACTS", "NOT_STATE")
        for key, row in getattr(table, name, {}).items()
    ]
    for row, (make, change), is_state in listed[::every]:
        kept = (False,) if _repeats(make, change) else ()
        for loses, into, cycles in product((*kept, True), ("used", "fresh"), (1, 2)):
            yield Case(
                row=row,
                make=make,
                change=change,
                is_state=is_state,
                loses=loses,
                into=into,
                cycles=cycles,
            )


def _repeats(make: Callable[[], Any], change: Callable[[Any], Any]) -> bool:
    with preserved_streams(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        repeated = not compare(*(_changed(make, change) for _ in range(2)))
        # a row's file that nobody closed says so here, and not in whatever runs next
        gc.collect()
    return repeated


def _changed(make: Callable[[], Any], change: Callable[[Any], Any]) -> Snapshot:
    live = make()
    became = change(live)
    return capture([live if became is None else became])


def record_of(case: Case) -> Record:
    """Returns what the harness says of it; every difference counts."""

    class Holder:
        """Holds the object, and changes it in one of its steps."""

        def __init__(self) -> None:
            self.steps = 0
            self.held = case.make()

        def step(self) -> None:
            self.steps += 1
            if self.steps == CHANGED_AT:
                became = case.change(self.held)
                self.held = self.held if became is None else became

        def load(self, steps: int) -> None:
            self.__init__()  # type: ignore[misc]
            while self.steps < steps and not case.loses:
                self.step()
            self.steps = steps

    subject = component(
        Holder,
        step=Holder.step,
        save=lambda holder: holder.steps,
        load=Holder.load,
        strict=True,
    )
    two = case.cycles == 2
    scenario = Scenario(
        length=6, save_at=3, cycles=case.cycles, gap=1 if two else 0, into=case.into
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of objects that are left open, or old
        return run(subject, scenario, CHECKS, attribution=False)


def fault(case: Case) -> str:
    """Returns what the harness says wrongly of it; "" where it is right."""
    try:
        record = record_of(case)
    except Exception as error:  # whatever it is, it is no verdict
        return f"{case}: {type(error).__name__}: {error}"
    if not case.must_show:
        right = record.verdict is Verdict.EXACT
        seen = [f"{f.check} {f.diff.mismatches[0]}" for f in record.findings]
        return "" if right else f"{case}: {record.verdict} {record.error} {seen}"
    seen = [str(m.keypath) for f in record.findings for m in f.diff.mismatches]
    named = [path.startswith("component.held") for path in seen]
    right = record.verdict is Verdict.DIFFERS and bool(named) and all(named)
    return "" if right else f"{case}: {record.verdict} {record.error}, not named at the object"


def main(arguments: Sequence[str] | None = None) -> int:
    """Judges all cases, and says how many of which were right."""
    parser = argparse.ArgumentParser(prog="python -m properties.kinds")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every N-th row only")
    every = parser.parse_args(arguments).every
    asked: Counter[bool] = Counter()
    wrong: Counter[bool] = Counter()
    for case in cases(every):
        asked[case.must_show] += 1
        if said := fault(case):
            wrong[case.must_show] += 1
            sys.stdout.write(f"{said}\n")
    found = asked[True] - wrong[True]
    sys.stdout.write(
        f"false alarms: {wrong[False]} of {asked[False]} cases that lose nothing\n"
        f"found and named: {found} of {asked[True]} cases that lose a fact of state\n"
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
