"""The commands that run scenarios: check and replay."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import InvalidTarget
from .asked import (
    OF_ONE_SCENARIO,
    cases_of,
    checks_of,
    import_modules,
    of_one_scenario,
    options_of,
)

if TYPE_CHECKING:
    from ..subjects.by_name import Case
    from ..verdicts.verdict import Record

_DIFFER = ("DIFFERS", "LOST_WORK")


def run_check(parsed: argparse.Namespace) -> int:
    """Runs the checks on a subject, on one given scenario or on its own short ones."""
    import_modules(parsed.modules)
    own = not of_one_scenario(parsed)
    return _run(parsed, list(cases_of(parsed, checks_of(parsed))), follows_up=own)


def run_replay(parsed: argparse.Namespace) -> int:
    """Runs the cases of a file again."""
    from ..subjects.by_name import read_cases

    import_modules(parsed.modules)
    checks, cases = checks_of(parsed), read_cases(parsed.file, parsed.target, options_of(parsed))
    return _run(parsed, [(case, checks) for case in cases])


def _run(
    parsed: argparse.Namespace,
    cases: Sequence[tuple[Case, tuple[str, ...]]],
    *,
    follows_up: bool = False,
) -> int:
    """Runs cases, and where asked to, after the last, what shows what they have not."""
    from ..subjects.by_name import require_buildable
    from ..verdicts.coverage import require_meaningful
    from ..verdicts.plan import follow_ups, per_scenario
    from ..verdicts.runner import run
    from ..verdicts.summary import below_floor, totals

    if parsed.json and not parsed.json.absolute().parent.is_dir():
        raise InvalidTarget(
            f"expected a file in an existing folder for --json, got {str(parsed.json)!r}: "
            f"make {str(parsed.json.parent)!r} first"
        )
    for case in {case.subject_key: case for case, _ in cases}.values():
        require_buildable(case)
    done: list[tuple[Case, Record]] = []
    shown: dict[str, tuple[Any, list[Any], tuple[str, ...]]] = {}
    waiting = list(cases)
    for number, (case, names) in enumerate(waiting, start=1):  # may grow by follow-ups
        length = case.scenario.length
        progress = f"scenario {number} of {len(waiting)}: {length} steps, {len(names)} checks\n"
        sys.stderr.write(progress)
        subject = case.subject()
        record = run(subject, case.scenario, names)
        shown.setdefault(case.subject_key, (subject, [], names))[1].append(record)
        fitted = _fitted(subject, case.scenario)
        record = dataclasses.replace(record, notes=(*record.notes, *fitted))
        done.append((case, record))
        sys.stdout.write(_text(case, record, parsed) + "\n")
        sys.stdout.flush()  # the next scenario may take a minute
        records = [record for _, record in done]
        if follows_up and number == len(cases) and (again := per_scenario(names)):
            laid = (dataclasses.replace(case, scenario=more) for more in follow_ups(records))
            waiting += [(more, again) for more in laid]
    if parsed.json:
        lines = ({**record.to_plain(), **case.to_dict()} for case, record in done)
        parsed.json.write_text("".join(f"{json.dumps(r, sort_keys=True)}\n" for r in lines))
    sys.stdout.write(totals(records) + "\n")
    for subject, of_subject, names in shown.values():
        require_meaningful(subject, of_subject, names)
    low = below_floor(records, parsed.floor) if parsed.floor is not None else ()
    sys.stdout.write("".join(f"{line}\n" for line in low))
    return _status({record.verdict.value for record in records}) or int(bool(low))


def _status(verdicts: set[str]) -> int:
    return 1 if verdicts & {*_DIFFER} else 3 if verdicts - {"EXACT"} else 0


def _fitted(subject: Any, scenario: Any) -> list[str]:
    """What the harness chose for a short run, so that nobody takes it for the algorithm's own."""
    from ..subjects.capabilities import capabilities_of

    fitted = capabilities_of(subject).fitted(scenario)
    chosen = ", ".join(f"{name}={value}" for name, value in fitted.items())
    return [f"fitted to this short run: {chosen}; set your own with -s"] if chosen else []


def _text(case: Case, record: Record, parsed: argparse.Namespace) -> str:
    from ..verdicts import report

    scenario = record.scenario
    head = (
        f"{record.verdict.value}  {record.subject}  {scenario.length} steps, saved at "
        f"{scenario.save_at} ({scenario.save_point}), {record.seconds:.2f} s"
    )
    if record.verdict.value == "EXACT":
        exact = f"{head}, {record.compared} leaves compared"
        return "\n  ".join([exact, *report.notes(record, parsed.verbose)])
    again = f"python -m resumeproof replay {parsed.json}" if parsed.json else command_of(case)
    again += "".join(f" --import {module}" for module in parsed.modules)
    again += f" --checks {parsed.checks}" if parsed.checks else ""
    text = report.failure(record, replay=again, verbose=parsed.verbose, flag="--verbose")
    return f"{head}\n{text}"


def command_of(case: Case) -> str:
    """Returns the command that runs a case again."""
    words = ["python", "-m", "resumeproof", "check", case.target]
    for key, value in case.options.items():
        words += ["-s", f"{key}={value}"]
    for name in ("length", "seed", *OF_ONE_SCENARIO):
        words += [f"--{name.replace('_', '-')}", str(getattr(case.scenario, name))]
    return shlex.join(words)
