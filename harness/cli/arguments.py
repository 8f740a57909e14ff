"""The commands and their arguments; what the exit status means."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn, final

from ..core.errors import near
from ..core.extras import INSTALL
from ..core.scenario import INTO, MEDIA
from .comparing import run_diff
from .elsewhere import OWN, names
from .listing import run_list
from .running import run_check, run_replay

EXIT_STATUS = """\
exit status:
  0  all is EXACT, or equal
  1  something differs: DIFFERS or LOST_WORK, with losses that are expected a new one; or too
     little of the state was tested
  2  the command, the subject or a file cannot be used; the message says what to write
  3  no answer: the subject raised (ERROR), does not repeat itself (FLAKY), or cannot be checked
     (UNSUPPORTED)
  130  interrupted: what was known then has been reported
"""


@final
class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and where to read what is right."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"usage: {self.prog} ...\n{self.prog}: {message}; see {self.prog} --help\n")


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Returns what a command says; of a mistake it tells, and ends with exit status 2."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    top = parser()
    named = next((word for word in words if not word.startswith("-")), "")
    if named not in OWN and not {"-h", "--help", "--version"} & {*words}:
        listed = ", ".join(names())
        top.error(f"expected a command, {listed}, got {named!r}{near(named, names())}")
    found, unknown = top.parse_known_args(words)
    if unknown:
        taken = found.parser._option_string_actions  # argparse has no public name for it
        found.parser.error(
            f"expected options that {named} takes, got {' '.join(unknown)!r}"
            f"{near(unknown[0].partition('=')[0], taken)}"
        )
    return found


def parser() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    top = _Parser(
        prog="resumeproof",
        description="Finds the state your RL checkpoint forgot.",
        epilog=f"{EXIT_STATUS}\n{INSTALL}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"resumeproof {version('resumeproof')}")
    commands = top.add_subparsers(dest="name", required=True, metavar="COMMAND")
    _add_check(commands.add_parser("check", help="run the checks on a subject", allow_abbrev=False))
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
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return top


def _add_check(check: argparse.ArgumentParser) -> None:
    check.add_argument("target", metavar="TARGET", help="module:name, as stable_baselines3:PPO")
    _add_options(check)
    check.add_argument("--length", type=_whole, metavar="N", help="steps of the whole run")
    check.add_argument("--save-at", type=_whole, metavar="N", help="steps done at the first save")
    check.add_argument("--seed", type=_whole, default=0, metavar="N")
    given = "; with --save-at"
    check.add_argument("--cycles", type=_whole, metavar="N", help=f"saves and loads{given}")
    check.add_argument("--gap", type=_whole, metavar="N", help=f"steps between cycles{given}")
    check.add_argument("--medium", metavar="NAME", help=f"{' or '.join(MEDIA)}{given}")
    check.add_argument(
        "--into", metavar="NAME", help=f"what a load fills: {' or '.join(INTO)}{given}"
    )
    check.set_defaults(command=run_check)
    _add_gate(check)
    _add_output(check)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None


def _number(text: str, what: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"expected {what}, got {text!r}")
    return value


def _percentage(text: str) -> float:
    return _number(text, "a number from 0 to 100", 0, 100)


def _seconds(text: str) -> float:
    least = math.nextafter(0, 1)
    return _number(text, "a number of seconds above 0, as 60", least, sys.float_info.max)


def _add_gate(check: argparse.ArgumentParser) -> None:
    check.add_argument(
        "--expect",
        action="append",
        default=[],
        metavar="PATTERN=reason",
        help="state that is known to be lost: it is put back, and all else judged; "
        "sb3 for what the stock class loses; may be given again",
    )
    check.add_argument(
        "--baseline", type=Path, metavar="FILE", help="losses that are known, by target"
    )
    check.add_argument(
        "--update-baseline", action="store_true", help="write into FILE what is lost now"
    )
    check.add_argument(
        "--budget", type=_seconds, metavar="SECONDS", help="a soft limit for the whole command"
    )
    check.add_argument(
        "--quick", action="store_true", help="one scenario, the cheap checks, 30 seconds"
    )


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


def _add_output(command: argparse.ArgumentParser) -> None:
    _add_imports(command)
    command.add_argument("--checks", metavar="A,B", help="names of checks; all by default")
    command.add_argument("--json", type=Path, metavar="FILE", help="write one record per scenario")
    command.add_argument(
        "--min-state-coverage",
        dest="floor",
        type=_percentage,
        metavar="N",
        help="fail where of a hundred leaves that moved fewer were tested",
    )
    command.add_argument("--verbose", action="store_true", help="show all that a record holds")
