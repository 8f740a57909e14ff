"""The pages of the documentation as blocks: what is run, what it must print, what is only shown."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "tests/README.md")
PAGES += ("regressions/README.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")))

_BLOCK = re.compile(r"(?:^\*(?P<caption>[^*\n]+)\*\n\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
                    re.MULTILINE | re.DOTALL)  # fmt: skip
_FILE = re.compile(r"# (\w+\.py)\n")
_SECONDS = re.compile(r"\d+\.\d+ s\b")
# pytest and the command line by the interpreter that runs the tests, whatever is on the path
_SHELL = 'python() { {0} "$@"; }; resumeproof() { {0} -m resumeproof "$@"; }; '
_SHELL += 'pytest() { {0} -m pytest -p no:cacheprovider "$@"; }; '


@final
@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: the word after the fence.
        text: what is in it.
        caption: the italic line above it; says why it is not run, or that it is a drawing.
    """

    language: str
    text: str
    caption: str


def blocks(page: str) -> tuple[Block, ...]:
    """Every fenced block of a page, in order."""
    found = _BLOCK.finditer((ROOT / page).read_text())
    return tuple(
        Block(language=b["language"], text=b["text"], caption=b["caption"] or "") for b in found
    )


def fences(page: str) -> int:
    """Returns the number of fences, to see that no block has been overlooked."""
    return len(re.findall(r"^ *```", (ROOT / page).read_text(), re.MULTILINE))


def script(page: str, folder: Path) -> Path:
    """Writes the Python of a page, each file it shows by its name and all of it as one script."""
    shown = [block.text for block in blocks(page) if block.language == "python"]
    for text in shown:
        if named := _FILE.match(text):
            (folder / named[1]).write_text("\n".join(_before(shown, text)))
    whole = folder / "page.py"
    whole.write_text("\n".join(shown))
    return whole


def _before(shown: Sequence[str], text: str) -> list[str]:
    """The block of a file, and above it what the same page defined, unless that is a file, too."""
    earlier = shown[: shown.index(text)]
    return [*(block for block in earlier if not _FILE.match(block)), text]


def run(words: Sequence[str], folder: Path) -> tuple[int, str]:
    """Runs a command; returns its exit status and all it printed, in order."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        words, cwd=folder, env=environment, text=True, timeout=300, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout


def session(text: str, folder: Path) -> str:
    """What a console block prints when its commands are run, in the form of the block itself."""
    commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    shell = _SHELL.replace("{0}", shlex.quote(sys.executable))
    for command in commands:
        shown = command.replace("'", "'\\''")
        # the status of the command before is what `echo $?` shows
        shell += f"status=$?; echo '$ {shown}'; (exit $status); {command}\n"
    return run(["bash", "-c", shell], folder)[1]


def unlike(expected: str, printed: str) -> str:
    """The first line of a block that was not printed, or nothing; `...` stands for any lines."""
    wanted = [_SECONDS.sub("N s", line).rstrip() for line in expected.splitlines()]
    got = [_SECONDS.sub("N s", line).rstrip() for line in printed.splitlines()]
    pattern = "".join("(?:.*\n)*?" if line == "..." else re.escape(line) + "\n" for line in wanted)
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in got)):
        return ""
    return next((line for line in wanted if line not in (*got, "...")), "the order of the lines")
