"""Runs the rows of the groups, each in processes of its own, and keeps a line for each."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .experiment import experiment
from .judge import REFUSAL, RIGHT, judge
from .product import product
from .row import Row

LINES = Path("reports/field.jsonl")
_LOG = Path("reports/field.log")
_SECONDS = 300.0
_FORK = multiprocessing.get_context("fork")


def run_group(group: str, done: set[str], only: str) -> None:
    """Runs the rows of a group that are not done yet, in a process that imports it once."""
    process = _FORK.Process(target=_rows_of, args=(group, done, only))
    process.start()
    process.join()


def _rows_of(group: str, done: set[str], only: str) -> None:
    for row in importlib.import_module(f"field.groups.{group}").rows():
        if row.name not in done and only in row.name:
            _keep({"group": group, **line_of(row)})


def line_of(row: Row) -> dict[str, Any]:
    """Returns the line of one row, from both of its runs side by side."""
    start = time.perf_counter()
    runs = [Apart(experiment, row), Apart(_product, row)]
    facts, said = (run.answer() for run in runs)
    judged, why = _judged(row, said, facts)
    mended: dict[str, Any] = {}
    if judged == REFUSAL and row.mended is not None:
        mended = Apart(_product, row.mended).answer()
        if _judged(row, mended, facts)[0] == RIGHT:
            judged = RIGHT
    return {
        "row": row.name,
        "package": f"{row.package} {version(row.package).partition('+')[0]}",
        "judged": judged,
        "why": why,
        "said": said,
        "mended": mended,
        "facts": facts,
        "seconds": round(time.perf_counter() - start, 1),
    }


def _judged(row: Row, said: dict[str, Any], facts: dict[str, Any]) -> tuple[str, str]:
    given = said.get("verdict", ""), said.get("checks", ()), facts
    return judge(*given, only=("resume",)) if row.way == "sb3" else judge(*given)


class Apart:
    """A function of a row in a process of its own, which ends with its time."""

    def __init__(self, function: Callable[[Row], dict[str, Any]], row: Row) -> None:
        self.ours, theirs = _FORK.Pipe(duplex=False)
        self.process = _FORK.Process(target=_answering, args=(function, row, theirs))
        self.process.start()
        theirs.close()
        self.end = time.monotonic() + _SECONDS

    def answer(self) -> dict[str, Any]:
        """Returns what it has found; that it has raised, or took too long."""
        left = max(self.end - time.monotonic(), 0.0)
        try:
            found: dict[str, Any] = (
                self.ours.recv()
                if self.ours.poll(left)
                else {
                    "raised": f"no answer within {_SECONDS:g} s",
                    "text": f"no answer within {_SECONDS:g} s",
                }
            )
        except EOFError:
            found = {"raised": "the process died", "text": "the process died"}
        if self.process.is_alive() and self.process.pid is not None:
            _end(self.process.pid)
        self.process.join()
        return found


def _end(pid: int) -> None:
    """Ends a process of ours and what it has started, which is of one group with it."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _answering(function: Callable[[Row], dict[str, Any]], row: Row, theirs: Connection) -> None:
    os.setsid()
    log = os.open(_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    print(f"== {row.name} {function.__name__}", file=sys.stderr, flush=True)
    try:
        answer = function(row)
    except BaseException as error:  # whatever it raises is the answer
        import traceback

        traceback.print_exc()
        answer = {"raised": f"{type(error).__name__}: {error}"[:300], "text": repr(error)[:300]}
    theirs.send(answer)
    theirs.close()
    sys.stderr.flush()
    os._exit(0)


def _product(row: Row) -> dict[str, Any]:
    return product(row).to_plain()


def _keep(line: dict[str, Any]) -> None:
    with LINES.open("a") as lines:
        lines.write(json.dumps(line, sort_keys=True) + "\n")
    said = line.get("said", {})
    verdict, checks = said.get("verdict", "-"), ",".join(said.get("checks", ()))
    print(
        f"{line['judged']:8} {verdict:11} {line.get('seconds', 0):6} s  "
        f"{line['group']}/{line['row']}  {checks}  {line['why']}",
        flush=True,
    )


def kept() -> list[dict[str, Any]]:
    """Returns the newest line of every row, in the order in which they were first run."""
    if not LINES.exists():
        return []
    listed = map(json.loads, LINES.read_text().splitlines())
    return list({(line["group"], line["row"]): line for line in listed}.values())
