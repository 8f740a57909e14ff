"""The project as others get it: a wheel, and environments that hold what its metadata names.

An environment is a real one, empty but for the wheel and links to the installed packages that its
extras require, and those that these require in turn: what was forgotten there is not found.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import final

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "harness", "algo")


def build_wheel(folder: Path) -> Path:
    """Builds the wheel from a copy of the sources, without the network; a build leaves traces."""
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pyc*"))
        else:
            shutil.copy(ROOT / name, source / name)
    flags = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    _run([sys.executable, "-m", "pip", "wheel", "--quiet", *flags, str(source)])
    (wheel,) = folder.glob("*.whl")
    return wheel


@final
@dataclass(frozen=True, kw_only=True)
class Environment:
    """An environment of its own; `bin` holds its interpreter and its scripts."""

    bin: Path

    def run(
        self, *command: str, cwd: Path, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Runs a script of the environment in a folder, and nothing of ours on the path."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST"))}
        environment = {**kept, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        words = [str(self.bin / command[0]), *command[1:]]
        return subprocess.run(
            words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout,
            check=False,
        )  # fmt: skip


def make_environment(folder: Path, wheel: Path, *extras: str) -> Environment:
    """Makes an environment with the wheel and what these extras of it require."""
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    python = folder / "bin" / "python"
    install = ["--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    _run([sys.executable, "-m", "pip", *install, str(wheel)])
    (site,) = folder.glob("lib/python*/site-packages")
    (metadata,) = site.glob("resumeproof-*.dist-info/METADATA")
    for name in sorted(closure(_required(metadata.read_text()), extras)):
        _link(name, site)
    return Environment(bin=folder / "bin")


def closure(requirements: Sequence[str], extras: Sequence[str]) -> set[str]:
    """The distributions that requirements and extras name, and all that those require."""
    found: set[str] = set()
    waiting = [*_wanted(requirements, extras)]
    while waiting:
        requirement = waiting.pop()
        if requirement.name in found:
            continue
        if requirement.name == "resumeproof":
            waiting += _wanted(requirements, [*requirement.extras])
            continue
        try:
            required = distribution(requirement.name).requires or []
        except PackageNotFoundError:  # of another platform, or older than what is built in
            continue
        found.add(requirement.name)
        waiting += _wanted(required, [*requirement.extras])
    return found


def _wanted(requirements: Sequence[str], extras: Sequence[str]) -> Iterator[Requirement]:
    for requirement in map(Requirement, requirements):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def _required(metadata: str) -> list[str]:
    start = "Requires-Dist: "
    return [line.removeprefix(start) for line in metadata.splitlines() if line.startswith(start)]


def _link(name: str, site: Path) -> None:
    installed = distribution(name)
    tops = {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}
    for top in tops:
        if not (site / top).exists():
            (site / top).symlink_to(Path(str(installed.locate_file(top))))


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
