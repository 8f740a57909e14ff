"""Ctrl-C and SIGTERM at random moments of a check: what it says then, and what it leaves behind.

    python -m properties.interrupts --times 50

Every other interrupt is a SIGTERM. A moment lies between the start of the process and its end, as
a run that nobody interrupted took; one that comes before Python has begun with `main` is counted
apart, as nobody can answer it.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import final

EXAMPLES = Path(__file__).resolve().parents[1] / "tests" / "harness" / "examples"
TARGET = "example_loops:Trainer"
LENGTH = 200  # steps: a check of a few seconds
ANSWERED = 130
BEFORE_PYTHON = (-signal.SIGINT, -signal.SIGTERM)
_PATIENCE = 120  # seconds


@final
@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a check ended.

    Attributes:
        at: seconds after its start at which it was interrupted.
        number: of the signal.
        status: its exit status.
        out: what it printed.
        err: what it printed on standard error.
        left: temporary files and folders of ours that are still there.
    """

    at: float
    number: int
    status: int
    out: str
    err: str
    left: tuple[str, ...]

    @property
    def is_late(self) -> bool:
        """Whether it had ended, or was ending, by itself."""
        return self.status == 0 and "scenarios EXACT" in self.out

    @property
    def is_early(self) -> bool:
        """Whether Python had not begun with `main`."""
        return not self.out + self.err and self.status in BEFORE_PYTHON

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with it, in a word each."""
        if self.is_early:
            return ()
        found = []
        told = "scenarios EXACT" in self.out or "interrupted before anything was known" in self.err
        if not told:
            found.append("no report")
        if self.status != ANSWERED and not self.is_late:
            found.append(f"exit status {self.status}")
        if "Traceback" in self.out + self.err:
            found.append("a traceback")
        return (*found, *(f"left {name}" for name in self.left))


def _hears_interrupts() -> None:
    """Undoes what a shell does to all it runs in the background: they do not hear Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _started(folder: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "resumeproof", "check", TARGET, "--length", str(LENGTH)]
    return subprocess.Popen(
        words,
        cwd=EXAMPLES,
        env={**os.environ, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"},
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_hears_interrupts,
    )


def uninterrupted() -> tuple[float, frozenset[str]]:
    """Returns how long a check takes that nobody interrupts, and what it leaves: torch's cache."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        _started(Path(folder)).communicate(timeout=_PATIENCE)
        left = frozenset(path.name for path in Path(folder).iterdir())
    return time.perf_counter() - start, left


def interrupted(at: float, number: int, usual: frozenset[str]) -> Ending:
    """Interrupts a check; returns how it ended.

    Args:
        at: seconds after its start.
        number: of the signal.
        usual: what a check leaves that nobody interrupts.
    """
    with tempfile.TemporaryDirectory() as folder:
        process = _started(Path(folder))
        time.sleep(at)
        process.send_signal(number)
        out, err = process.communicate(timeout=_PATIENCE)
        left = tuple(sorted({path.name for path in Path(folder).iterdir()} - usual))
    return Ending(at=at, number=number, status=process.returncode, out=out, err=err, left=left)


def main() -> int:
    """Returns 1 if one interrupt was not answered as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    (longest, usual), moments = uninterrupted(), random.Random(asked.seed)
    endings = []
    for count in range(asked.times):
        number = (signal.SIGINT, signal.SIGTERM)[count % 2]
        ending = interrupted(moments.uniform(0, longest), number, usual)
        endings.append(ending)
        told = ", ".join(ending.faults) or ("early" if ending.is_early else "answered")
        told = "ended before" if ending.is_late and not ending.faults else told
        sys.stdout.write(f"{signal.Signals(number).name:<7} at {ending.at:5.2f} s: {told}\n")
        sys.stdout.flush()
    return _conclude(endings, longest)


def _conclude(endings: list[Ending], longest: float) -> int:
    wrong = [ending for ending in endings if ending.faults]
    for ending in wrong:
        sys.stdout.write(f"--- at {ending.at:.3f} s\n{ending.out}\n{ending.err[-2000:]}\n")
    early = sum(ending.is_early for ending in endings)
    late = sum(ending.is_late for ending in endings)
    asked = len(endings) - early - late
    faults = Counter(fault for ending in wrong for fault in ending.faults)
    sys.stdout.write(
        f"{len(endings)} interrupts of a check of {longest:.1f} s: {early} before Python began, "
        f"{late} after the check had ended, {asked - len(wrong)} of the other {asked} answered "
        f"with a report and exit status {ANSWERED}; "
        f"{', '.join(f'{fault}: {n}' for fault, n in faults.items()) or 'no fault'}\n"
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
