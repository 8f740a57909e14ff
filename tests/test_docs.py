"""The README is run: what it shows works, and what make offers is in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_python_of_the_readme_runs_from_top_to_bottom(tmp_path: Path) -> None:
    """All Python blocks, one after another, as a reader would paste them into one session."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    script = tmp_path / "readme.py"
    script.write_text("\n".join(blocks))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_report_of_the_readme_is_what_the_command_prints(tmp_path: Path) -> None:
    """The same lines in the same order; only the seconds may differ."""
    block = re.search(r"```console\n\$ python (.*?)\n(.*?)```", README, re.DOTALL)
    train = re.search(r"```python\n# train.py\n(.*?)```", README, re.DOTALL)
    assert block is not None
    assert train is not None
    (tmp_path / "train.py").write_text(train[1])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *block[1].split()],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    seconds = re.compile(r"\d+\.\d+ s")
    printed = seconds.sub("N s", done.stdout + done.stderr).splitlines()
    assert sorted(printed) == sorted(seconds.sub("N s", block[2]).splitlines())
    assert done.returncode == 1


def test_losses_of_the_readme_are_what_pytest_prints(tmp_path: Path) -> None:
    """The test of the README would miss just these."""
    block = re.search(r"```console\n\$ pytest --ckpt-mutate\n(.*?)```", README, re.DOTALL)
    parts = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    wanted = [part for part in parts if "class Average" in part or "# test_average.py" in part]
    (tmp_path / "test_average.py").write_text("\n".join(wanted))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--ckpt-mutate", "-p", "no:cacheprovider"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert block[1] in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("target", ["gate", "test", "lint", "bench"])
def test_make_target_says_what_it_does_and_is_documented(target: str) -> None:
    """`make` alone lists every target, and the README names it."""
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.search(rf"^make {target} +\w+", listed.stdout, re.MULTILINE)
    assert f"make {target}" in README


def test_every_folder_of_the_map_exists_and_none_is_missing() -> None:
    """The map of the README is the map of the project."""
    part = README.split("## Where things are")[1]
    for folder in ("algo", "harness", "properties", "benchmarks", "tests", "regressions"):
        assert f"{folder}/" in part
        assert (ROOT / folder).is_dir()
