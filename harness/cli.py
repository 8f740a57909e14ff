"""The command line: check, diff, replay, list.

What the exit status means is in `EXIT_STATUS`, which `--help` shows.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .core import threads
from .core.errors import HarnessError, InvalidTarget
from .core.extras import INSTALL
from .core.scenario import INTO, MEDIA

if TYPE_CHECKING:
    from .verdicts.verdict import Record


EXIT_STATUS = """\
exit status:
  0  all is EXACT, or equal
  1  something differs: DIFFERS or LOST_WORK
  2  the command, the subject or a file cannot be used; the message says what to write
  3  no answer: the subject raised (ERROR), does not repeat itself (FLAKY), or cannot be checked
     (UNSUPPORTED)
"""
_OF_ONE_SCENARIO = ("save_at", "cycles", "gap", "medium", "into")
_DIFFER = ("DIFFERS", "LOST_WORK")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    threads.pin()
    parsed = parser().parse_args(arguments)
    try:
        status: int = parsed.command(parsed)
    except HarnessError as error:
        sys.stderr.write(f"resumeproof {parsed.name}: {error}\n")
        return 2
    return status


def parser() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    top = argparse.ArgumentParser(
        prog="resumeproof",
        description="Finds the state your RL checkpoint forgot.",
        epilog=f"{EXIT_STATUS}\n{INSTALL}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"resumeproof {version('resumeproof')}")
    commands = top.add_subparsers(dest="name", required=True, metavar="COMMAND")
    _add_check(commands.add_parser("check", help="run the checks on a subject"))
    diff = commands.add_parser("diff", help="compare two checkpoint files, entry by entry")
    diff.add_argument("expected", type=Path, metavar="A")
    diff.add_argument("got", type=Path, metavar="B")
    diff.set_defaults(command=run_diff)
    replay = commands.add_parser("replay", help="run stored scenarios again")
    replay.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="JSON that `check --json`, `pytest --ckpt-report` or `Scenario.to_json` wrote",
    )
    replay.add_argument("--target", metavar="TARGET", help="for what pytest wrote: module:name")
    _add_options(replay)
    replay.set_defaults(command=run_replay)
    _add_output(replay)
    listing = commands.add_parser("list", help="checks, subjects and profiles")
    listing.set_defaults(command=run_list)
    _add_imports(listing)
    return top


def _add_check(check: argparse.ArgumentParser) -> None:
    check.add_argument("target", metavar="TARGET", help="module:name, as stable_baselines3:PPO")
    _add_options(check)
    check.add_argument("--length", type=int, metavar="N", help="steps of the whole run")
    check.add_argument("--save-at", type=int, metavar="N", help="steps done at the first save")
    check.add_argument("--seed", type=int, default=0, metavar="N")
    given = "; with --save-at"
    check.add_argument("--cycles", type=int, metavar="N", help=f"saves and loads{given}")
    check.add_argument("--gap", type=int, metavar="N", help=f"steps between cycles{given}")
    check.add_argument("--medium", metavar="NAME", help=f"{' or '.join(MEDIA)}{given}")
    check.add_argument(
        "--into", metavar="NAME", help=f"what a load fills: {' or '.join(INTO)}{given}"
    )
    check.set_defaults(command=run_check)
    _add_output(check)


def _add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--env", metavar="ID", help="a registered environment")
    command.add_argument(
        "-s", dest="options", action="append", default=[], metavar="KEY=VALUE", help="an option"
    )


def _add_imports(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--import",
        dest="modules",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module that registers checks or readers of your own; may be given again",
    )


def _import(modules: Sequence[str]) -> None:
    """Imports what registers something of the user's own, found as a target is."""
    from .subjects.importing import load_module, search_here

    search_here()
    for module in modules:
        load_module(module)


def _add_output(command: argparse.ArgumentParser) -> None:
    _add_imports(command)
    command.add_argument("--checks", metavar="A,B", help="names of checks; all by default")
    command.add_argument("--json", type=Path, metavar="FILE", help="write one record per scenario")
    command.add_argument("--verbose", action="store_true", help="list every difference")


def run_check(parsed: argparse.Namespace) -> int:
    """Runs the checks on a subject, on one given scenario or on its own short ones."""
    _import(parsed.modules)
    return _run(parsed, list(_cases(parsed, _checks(parsed))))


def _checks(parsed: argparse.Namespace) -> tuple[str, ...]:
    from .checks import CHECKS, require_checks

    return require_checks(CHECKS if parsed.checks is None else parsed.checks.split(","), "--checks")


def _cases(
    parsed: argparse.Namespace, checks: tuple[str, ...]
) -> Iterable[tuple[Any, tuple[str, ...]]]:
    from .core.scenario import Scenario
    from .subjects.by_name import Case, options_of_scenario, resolve
    from .trial.defaults import natural_length
    from .verdicts.plan import plan

    options = _options(parsed)
    subject = resolve(parsed.target, options)
    given = _of_one_scenario(parsed)
    length = natural_length(subject) if parsed.length is None else parsed.length
    chosen = plan(subject, checks, length, parsed.seed)
    if given:
        chosen = ((Scenario(length=length, seed=parsed.seed, **given), checks),)
    of_build = options_of_scenario(parsed.target, options)
    for scenario, names in chosen:
        laid = dataclasses.replace(scenario, options=of_build)
        yield Case(target=parsed.target, options=options, scenario=laid), names


def _of_one_scenario(parsed: argparse.Namespace) -> dict[str, Any]:
    """What the command says of one scenario; nothing, where two of the subject's own are run."""
    found = {name: getattr(parsed, name) for name in _OF_ONE_SCENARIO}
    said = {name: value for name, value in found.items() if value is not None}
    if said and "save_at" not in said:
        name, value = next(iter(said.items()))
        raise InvalidTarget(
            f"expected --save-at N with --{name}, got --{name} {value!r} alone: without it two "
            "scenarios of the subject's own are run"
        )
    return said


def _options(parsed: argparse.Namespace) -> dict[str, Any]:
    options = {} if parsed.env is None else {"env": parsed.env}
    for text in parsed.options:
        key, equals, value = text.partition("=")
        if not (equals and key.isidentifier()):
            raise InvalidTarget(f"expected -s KEY=VALUE, got {text!r}: write -s n_steps=16")
        options[key] = _value(value)
    return options


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):  # a plain word is a str
        return text


def run_replay(parsed: argparse.Namespace) -> int:
    """Runs the cases of a file again."""
    from .subjects.by_name import read_cases

    _import(parsed.modules)
    checks, cases = _checks(parsed), read_cases(parsed.file, parsed.target, _options(parsed))
    return _run(parsed, [(case, checks) for case in cases])


def _run(parsed: argparse.Namespace, cases: Sequence[tuple[Any, tuple[str, ...]]]) -> int:
    from .subjects.by_name import require_buildable
    from .verdicts.coverage import require_meaningful
    from .verdicts.runner import run
    from .verdicts.summary import totals

    if parsed.json and not parsed.json.absolute().parent.is_dir():
        raise InvalidTarget(
            f"expected a file in an existing folder for --json, got {str(parsed.json)!r}: "
            f"make {str(parsed.json.parent)!r} first"
        )
    for case in {case.subject_key: case for case, _ in cases}.values():
        require_buildable(case)
    done: list[tuple[Any, Record]] = []
    shown: dict[str, tuple[Any, list[Any], tuple[str, ...]]] = {}
    for number, (case, names) in enumerate(cases, start=1):
        length = case.scenario.length
        progress = f"scenario {number} of {len(cases)}: {length} steps, {len(names)} checks\n"
        sys.stderr.write(progress)
        subject = case.subject()
        record = run(subject, case.scenario, names)
        shown.setdefault(case.subject_key, (subject, [], names))[1].append(record)
        fitted = _fitted(subject, case.scenario)
        record = dataclasses.replace(record, notes=(*record.notes, *fitted))
        done.append((case, record))
        sys.stdout.write(_told(case, record, parsed) + "\n")
        sys.stdout.flush()  # the next scenario may take a minute
    records = [record for _, record in done]
    if parsed.json:
        lines = ({**record.to_plain(), **case.to_dict()} for case, record in done)
        parsed.json.write_text("".join(f"{json.dumps(r, sort_keys=True)}\n" for r in lines))
    sys.stdout.write(totals(records) + "\n")
    for subject, of_subject, names in shown.values():
        require_meaningful(subject, of_subject, names)
    return _status({record.verdict.value for record in records})


def _status(verdicts: set[str]) -> int:
    return 1 if verdicts & {*_DIFFER} else 3 if verdicts - {"EXACT"} else 0


def _fitted(subject: Any, scenario: Any) -> list[str]:
    """What the harness chose for a short run, so that nobody takes it for the algorithm's own."""
    from .subjects.capabilities import capabilities_of

    fitted = capabilities_of(subject).fitted(scenario)
    chosen = ", ".join(f"{name}={value}" for name, value in fitted.items())
    return [f"fitted to this short run: {chosen}; set your own with -s"] if chosen else []


def _told(case: Any, record: Record, parsed: argparse.Namespace) -> str:
    from .verdicts import report

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


def command_of(case: Any) -> str:
    """Returns the command that runs a case again."""
    words = ["python", "-m", "resumeproof", "check", case.target]
    for key, value in case.options.items():
        words += ["-s", f"{key}={value}"]
    for name in ("length", "seed", *_OF_ONE_SCENARIO):
        words += [f"--{name.replace('_', '-')}", str(getattr(case.scenario, name))]
    return shlex.join(words)


def run_diff(parsed: argparse.Namespace) -> int:
    """Compares two checkpoint files."""
    from .files.entries import compare_files

    diffs = compare_files(parsed.expected, parsed.got)
    for entry, diff in diffs.items():
        count = len(diff.mismatches)
        sys.stdout.write(f"{entry}: {f'{count} differ' if count else 'equal'}\n")
        for mismatch in diff.mismatches:
            sys.stdout.write(f"  {mismatch}\n")
    return int(any(diffs.values()))


def run_list(parsed: argparse.Namespace) -> int:
    """Lists what the other commands take."""
    from .checks import CHECKS
    from .subjects.adapters import adapters

    _import(parsed.modules)
    lines = ["checks:"]
    lines += [f"  {name:<14} {check.summary}" for name, check in sorted(CHECKS.items())]
    lines += ["subjects:", *(f"  {adapter.usage}" for adapter in adapters())]
    lines += ["profiles (pytest --ckpt-profile):"]
    lines += [f"  {name}" for name in _profiles()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _profiles() -> Sequence[str]:
    if find_spec("hypothesis") is None:
        return ['none: pip install "resumeproof[test]"']
    from .fuzzing.strategies import PROFILES

    return PROFILES
