"""What newcomers write wrong, and the message each gets: one table for the tests and for the docs.

A row is what was written, and the message, in which `...` stands for what is long or differs
between machines. Each shows the value, says what was expected, and what to write instead.
`PYTHONPATH=tests/harness/examples python -m tests.harness.mistakes` writes `docs/mistakes.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import example_loops as loops
import resumeproof as rp
from stable_baselines3 import PPO

_SHORT = "--length 12 --save-at 6 --checks purity"
_LOOP = "check example_loops:Trainer"
_SB3 = "check stable_baselines3:PPO"
_CHECKS = "completeness, component, fresh_process, ..., strictness"


class Mistake(NamedTuple):
    """What was written, and the message that it gets."""

    written: str
    message: str


COMMANDS = [
    Mistake("", "expected a command, check, diff, replay, list, ...got ''"),
    Mistake("chekc", "expected a command, ..., got 'chekc'; did you mean check?"),
    Mistake("check", "the following arguments are required: TARGET; see resumeproof check --help"),
    Mistake(
        f"{_LOOP} --chekcs purity",
        "expected options that check takes, got '--chekcs purity'; did you mean --checks?",
    ),
    Mistake("check PPO", "expected TARGET as module:name, got 'PPO': write stable_baselines3:PPO"),
    Mistake(
        "check train.py:Trainer",
        "expected TARGET as module:name, got 'train.py:Trainer', a file: write train:Trainer",
    ),
    Mistake(
        "check no_such:Trainer",
        "expected a module that can be imported, got 'no_such' (No module named 'no_such'): run "
        "from the folder it lies in, or install it",
    ),
    Mistake(
        "check example_loops:Trainr",
        "expected a name in example_loops, got 'Trainr': it has ...; did you mean Trainer?",
    ),
    Mistake(
        "check example_loops:DATA",
        "expected a subject, an SB3 algorithm or a class with step, save and load as "
        "'example_loops:DATA', got tensor(...: write a module attribute made by sb3(...), "
        "component(...) or loop(...), or register an adapter beside these: subject, ...sb3, class",
    ),
    Mistake(
        "check example_loops:Scaler", "... got the class Scaler without step, save, load: write ..."
    ),
    Mistake(_SB3, "expected an environment for PPO, got none: write --env ID"),
    Mistake(
        f"{_SB3} --env CartPol-v1",
        "expected stable_baselines3:PPO to be built with options={'env': 'CartPol-v1'}, got "
        "NameNotFound: ... Did you mean: `CartPole`?; correct --env or -s: ...",
    ),
    Mistake(
        f"{_SB3} --env CartPole-v1 -s n_stps=16",
        "expected options that PPO takes, got n_stps: it takes ...; did you mean n_steps?",
    ),
    Mistake(
        f"{_SB3} --env CartPole-v1 -s n_steps=many",
        "expected n_steps of sb3:PPO to be a whole number from 1 on, got 'many' (str): write "
        "n_steps=16",
    ),
    Mistake(
        f"{_LOOP} -s sed=3",
        "expected example_loops:Trainer to be built with options={'sed': 3}, got TypeError: ...; "
        "correct --env or -s: example_loops:Trainer takes seed, batch",
    ),
    Mistake(f"{_LOOP} -s seed", "expected -s KEY=VALUE, got 'seed': write -s n_steps=16"),
    Mistake(
        f"{_LOOP} --checks resme",
        f"expected a list of names of checks in --checks, got 'resme': choose from {_CHECKS}; did "
        "you mean resume?",
    ),
    Mistake(f"{_LOOP} --length many", "argument --length: expected a whole number, got 'many'"),
    Mistake(
        f"{_LOOP} --length 12 --save-at 13",
        "expected save_at to be 0 to length=12, got save_at=13: save earlier",
    ),
    Mistake(
        f"{_LOOP} {_SHORT} --cycles 3 --gap 5",
        "expected gap to be 0 or more, with the last save, at step 16, within length=12, got "
        "gap=5: save sooner",
    ),
    Mistake(
        f"{_LOOP} {_SHORT} --medium tape",
        "expected medium to be one of file, memory, ..., got medium='tape': choose one of these",
    ),
    Mistake(
        f"{_LOOP} --cycles 2",
        "expected --save-at N with --cycles, got --cycles 2 alone: without it two scenarios of the "
        "subject's own are run",
    ),
    Mistake(
        f"{_LOOP} --budget 0",
        "argument --budget: expected a number of seconds above 0, as 60, got '0'",
    ),
    Mistake(
        f"{_LOOP} --min-state-coverage 101",
        "argument --min-state-coverage: expected a number from 0 to 100, got '101'",
    ),
    Mistake(
        f"{_LOOP} --expect run.order",
        "expected --expect 'PATTERN=reason' or --expect sb3, got 'run.order': write --expect "
        "'model._last_obs=SB3 resets at every learn()'",
    ),
    Mistake(
        f"{_LOOP} {_SHORT} --expect run.ordr=shuffled",
        "expected every expected loss of loop:Trainer to be lost, got nothing is at 'run.ordr': "
        "remove this line, so that expected_losses={}",
    ),
    Mistake(
        f"{_LOOP} --expect **=all",
        "expected a pattern that names a KeyPath, got pattern='**': to expect that everything is "
        "lost judges nothing",
    ),
    Mistake(
        f"{_LOOP} --baseline none.toml",
        "expected a file for --baseline, got 'none.toml': no such file; write one with "
        "--update-baseline",
    ),
    Mistake(
        f"{_LOOP} --update-baseline",
        "expected --baseline FILE with --update-baseline, got no file: write --baseline "
        "losses.toml",
    ),
    Mistake(
        f"{_LOOP} --baseline known.toml --update-baseline --quick",
        "expected --update-baseline to see all that is lost, got --quick beside it: leave it out, "
        "and check against the baseline afterwards",
    ),
    Mistake(
        f"{_LOOP} --json nowhere/report.jsonl",
        "expected a file in an existing folder for --json, got 'nowhere/report.jsonl': make "
        "'nowhere' first",
    ),
    Mistake(
        f"{_LOOP} --json .",
        "expected a file that can be written for --json, got '.': Is a directory; name another one",
    ),
    Mistake(
        "replay none.json",
        "expected a file of stored cases, got 'none.json': no such file; write one with `check "
        "TARGET --json FILE`",
    ),
    Mistake("diff a.zip b.zip", "expected a checkpoint file, got 'a.zip': no such file"),
]


def _loop(**wrong: Any) -> Any:
    kind = loops.Trainer
    right = {"make": kind, "step": kind.step, "save": kind.save, "load": kind.load}
    return rp.loop(**{**right, **wrong})


_USED = ("Scenario", "check_resume", "loop", "parametrize_with_checks", "sb3")
NAMES = {
    **{name: getattr(rp, name) for name in _USED},
    "PPO": PPO,
    "Trainer": loops.Trainer,
    "trainer": _loop(),
    "parts": {name: getattr(loops.Trainer, name) for name in ("step", "save", "load")},
}
"""What the Python below refers to."""

PYTHON = [
    Mistake(
        "check_resume(PPO)",
        "expected a subject, got <class '...PPO'> (ABCMeta) without build, ...: write "
        "loop(make=Trainer, ...), component(factory, step=...) or sb3(Algorithm, env=...)",
    ),
    Mistake(
        "check_resume(trainer, checks='resume')",
        f"expected a list of names of checks in checks=, got 'resume': choose from {_CHECKS}...",
    ),
    Mistake(
        "check_resume(trainer, scenarios=[12])",
        "expected a list of scenarios and a list of checks, got scenarios=[12]: write "
        "scenarios=[Scenario(...)] and checks=['resume'], or leave them out",
    ),
    Mistake(
        "Scenario(length='12', save_at=6)",
        "expected length to be an int, got length='12': write a whole number",
    ),
    Mistake(
        "Scenario(length=12, save_at=6, options=['batch'])",
        "expected options to be a mapping, got options=['batch']: write options={'batch': 8}",
    ),
    Mistake(
        "sb3('PPO', env='CartPole-v1')",
        "expected the class of an SB3 algorithm, got 'PPO' (str): write sb3(PPO, "
        "env='CartPole-v1')",
    ),
    Mistake(
        "check_resume(sb3(PPO, env='CartPol-v1'))",
        "expected sb3:PPO to be built, got NameNotFound: Environment `CartPol` doesn't exist. ...: "
        "correct what it is made of: the arguments of sb3(...), component(...) or loop(...)",
    ),
    Mistake(
        "loop(make=Trainer(), **parts)",
        "expected make= to be callable, got <...Trainer object at ...> (Trainer): write "
        "make=Trainer, or make=lambda seed: Trainer(seed)",
    ),
    Mistake(
        "loop(make=Trainer, **{**parts, 'load': lambda: None})",
        "expected load= to need 1 or 2 positional arguments, got <function ...>, which needs 0: "
        "write load(live, source) or load(source)",
    ),
    Mistake(
        "loop(make=Trainer, **parts, expected_losses=['run.order'])",
        "expected expected_losses to map KeyPath patterns to reasons, got ['run.order'] (list): "
        "write {'model._last_obs': 'SB3 resets at every learn()'}",
    ),
    Mistake(
        "check_resume(loop(make=Trainer, **parts, exclusions=['run.order']))",
        "expected exclusions=[Exclusion(...)], got 'run.order' (str): write "
        "Exclusion(pattern='run.order', reason='why it is not state')",
    ),
    Mistake(
        "parametrize_with_checks(trainer)",
        "expected a list of subjects, got ...: write [sb3(PPO, env='CartPole-v1')]",
    ),
    Mistake(
        "parametrize_with_checks([trainer], expected_failures={'resme': 'a bug'})",
        "expected a list of names of checks in expected_failures=, got 'resme': choose from "
        f"{_CHECKS}; did you mean resume?",
    ),
]

FLAGS = [
    Mistake(
        "--ckpt-report nowhere/report.jsonl",
        "expected a file in an existing folder for --ckpt-report, got 'nowhere/report.jsonl': make "
        "'nowhere' first",
    ),
    Mistake(
        "--ckpt-mutate --ckpt-mutate-every 0",
        "argument --ckpt-mutate-every: expected a whole number from 1 on, got '0': write 10",
    ),
    Mistake(
        "--ckpt-min-state-coverage all",
        "argument --ckpt-min-state-coverage: expected a number from 0 to 100, got 'all': write 95",
    ),
    Mistake(
        "-o ckpt_profile=fast",
        "expected ckpt_profile to be one of ckpt-dev, ckpt-ci, ckpt-nightly, got 'fast'",
    ),
]

PAGE = Path(__file__).parents[2] / "docs" / "mistakes.md"
_HEAD = """\
# Mistakes, and what is said of them

A message shows what was got, says what was expected, and what to write instead. A command that
cannot be used ends with exit status 2, pytest with 4; neither shows a traceback. `...` stands for
what is long. The tests hold every line; `tests/harness/mistakes.py` writes this page.
"""


def page() -> str:
    """The table as a page of the documentation."""
    commands = [row._replace(written=f"resumeproof {row.written}".strip()) for row in COMMANDS]
    flags = [row._replace(written=f"pytest {row.written}") for row in FLAGS]
    parts = {"In the shell": commands, "In Python": PYTHON, "In pytest": flags}
    return _HEAD + "".join(_part(title, rows) for title, rows in parts.items())


def _part(title: str, rows: Sequence[Mistake]) -> str:
    lines = [f"| `{row.written}` | {_code(row.message)} |" for row in rows]
    return "\n".join([f"\n## {title}", "", "| written | said |", "|---|---|", *lines, ""])


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


if __name__ == "__main__":
    PAGE.write_text(page())
