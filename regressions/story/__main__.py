"""The gate on every commit of the story, each in a process of its own, as a table."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time

from .trader import COMMITS

_VERDICT = re.compile(r"^([A-Z_]+)  sb3:", re.MULTILINE)
_NAMED = re.compile(r"^  next: (.*)$", re.MULTILINE)


def main() -> int:
    """Prints the table; returns 1 if a commit is not judged as it is."""
    wrong = 0
    sys.stdout.write("| commit | exit | verdicts | what to do | seconds | of CPU |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    for commit in COMMITS:
        start, used = time.perf_counter(), _processor()
        words = ["check", f"regressions.story.gate:{commit}", "--budget", "60"]
        done = subprocess.run(
            [sys.executable, "-m", "resumeproof", *words],
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - start
        named = ", ".join(dict.fromkeys(_NAMED.findall(done.stdout)))[:100]
        verdicts = ", ".join(_VERDICT.findall(done.stdout))
        cpu = _processor() - used  # with other programs beside it, what it would take alone
        row = (commit, done.returncode, verdicts, named, f"{seconds:.0f}", f"{cpu:.0f}")
        sys.stdout.write(f"| {' | '.join(map(str, row))} |\n")
        sys.stdout.flush()
        wrong += done.returncode != (commit in ("bad", "returned"))
    return int(wrong > 0)


def _processor() -> float:
    """Seconds that processes started here have computed so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
