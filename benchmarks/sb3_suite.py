"""Claim: SB3's own tests of PPO pass with DistributionalPPO in its place, or it is known why not.

The tests are those of the source distribution of the SB3 that is installed here, fetched from the
package index; none of them is kept. A failure that is not explained below makes the exit status 1,
and so does an explanation of a test that passes.

usage: python -m benchmarks.sb3_suite [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

# the beginning of a test's name -> why it fails
EXPLAINED: Mapping[str, str] = {
    "test_gae.py::test_gae_computation": (
        "has SB3's policy with a critic of its own: refused, for nothing here could train it"
    ),
    "test_run.py::test_ppo[-0.2": (
        "wants AssertionError for clip_range_vf=-0.2; gets ValueError with name, value and range"
    ),
    "test_run.py::test_ppo_warnings": "wants the advice to use the CPU for SB3's own policy class",
    "test_save_load.py::test_save_load[": (
        "takes every part of get_parameters() for a dict of tensors: one may be None, or numbers"
    ),
    "test_save_load.py::test_set_env": (
        "loads a run of one environment into two: refused, or afresh with force_reset=True"
    ),
    "test_save_load.py::test_exclude_include_saved_params": (
        "excludes the attribute verbose: what can be excluded are parts of the run"
    ),
    "test_save_load.py::test_load_invalid_object": "damages the pickle in the file: there is none",
    "test_save_load.py::test_cast_lr_schedule": (
        "loads a lambda from the file: code is not state, and is passed again"
    ),
    "test_save_load.py::test_save_load_backward_compatible": "loads a lambda from the file, too",
    "test_save_load.py::test_save_load_clip_range_portable": (
        "wants SB3's FloatSchedule: here a schedule is plain data of another class"
    ),
    "test_tensorboard.py::test_tensorboard": (
        "wants the folder PPO_1: the log is named after the class"
    ),
    "test_train_eval_mode.py::test_a2c_ppo_collect_rollouts_with_batch_norm": (
        "calls collect_rollouts, whose loop could not be resumed in mid-rollout"
    ),
}


def unpack(folder: Path) -> None:
    """Fetches and unpacks the source distribution; one that lies there is used again."""
    if (folder / "tests").is_dir():
        return
    version = importlib.metadata.version("stable-baselines3")
    command = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--no-binary", ":all:", f"stable-baselines3=={version}", "--dest", str(folder)]
    subprocess.run([sys.executable, *command], check=True)
    (found,) = folder.glob("stable_baselines3-*.tar.gz")
    with tarfile.open(found) as archive:
        archive.extractall(folder, filter="data")
    (inner,) = folder.glob("stable_baselines3-*/")
    for name in ("tests", "pyproject.toml"):
        (inner / name).rename(folder / name)


def run(folder: Path) -> list[dict[str, str]]:
    """Runs the tests of PPO; what each said."""
    results = folder / "results.jsonl"
    results.unlink(missing_ok=True)
    root = Path(__file__).resolve().parent.parent
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider",
         "-p", "benchmarks.sb3_plugin", "tests"],
        cwd=folder,
        env={
            **os.environ, "SB3_SUITE_RESULTS": str(results), "PYTHONPATH": os.pathsep.join(paths)
        },
        check=False,
    )  # fmt: skip
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def explanation(test: str) -> str | None:
    """The name under which a failure is explained."""
    found = [known for known in EXPLAINED if test.removeprefix("tests/").startswith(known)]
    return found[0] if found else None


def report(results: Sequence[Mapping[str, str]]) -> bool:
    """Prints the table; whether every failure is explained and every explanation needed."""
    failed = [result for result in results if result["outcome"] == "failed"]
    for outcome in ("passed", "failed", "skipped"):
        print(f"{outcome}: {sum(r['outcome'] == outcome for r in results)} of {len(results)}")
    print("\n| test of SB3 | fails | because it |\n|---|---|---|")
    for known, why in EXPLAINED.items():
        count = sum(explanation(result["test"]) == known for result in failed)
        print(f"| `{known}{']' if '[' in known else ''}` | {count} | {why} |")
    strange = [result for result in failed if explanation(result["test"]) is None]
    stale = EXPLAINED.keys() - {explanation(result["test"]) for result in failed}
    for result in strange:
        print(f"not explained: {result['test']}: {result['error']}")
    for known in sorted(stale):
        print(f"explained, and passes: {known}")
    return not strange and not stale


def main() -> int:
    """Fetches, runs and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("reports/sb3-suite"))
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    unpack(folder)
    return 0 if report(run(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
