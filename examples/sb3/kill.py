"""Kills the script with SIGKILL at random moments, restarts it, and compares the end.

usage: python -m examples.sb3.kill [--kills 50] [--seed 0]

One run is never killed. The others are killed until as many kills as asked for have hit a run that
was training; each goes on from its checkpoints, is killed again up to five times, and ends. Every
end is compared with that of the first: networks, optimizers, counters, statistics, bit for bit.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.save_util import load_from_pkl, load_from_zip_file

HERE = Path(__file__).parent
KILLS_IN_A_ROW = 5


def start(folder: Path) -> subprocess.Popen[bytes]:
    """The script, from its beginning or from its checkpoints."""
    begun = (folder / "checkpoints" / "latest").exists()
    script = HERE / ("train_again.py" if begun else "train.py")
    return subprocess.Popen([sys.executable, str(script), str(folder)])


def newest(folder: Path) -> set[str]:
    """The checkpoints that are there."""
    return {path.name for path in (folder / "checkpoints").glob("*.zip")}


def killed(folder: Path, delay: float) -> bool:
    """Starts the script and kills it a while after it has written; False where it ended first."""
    before = newest(folder)
    process = start(folder)
    while process.poll() is None and newest(folder) <= before:
        time.sleep(0.01)
    time.sleep(delay)
    process.kill()
    return process.wait() != 0


def end_of(folder: Path) -> list[Any]:
    """Runs the script to its end; what it left there."""
    if start(folder).wait() != 0:
        raise RuntimeError(f"expected the script to end in {folder}, got an error: see above")
    data, parameters, variables = load_from_zip_file(folder / "final.zip", device="cpu")
    normalize = vars(load_from_pkl(folder / "normalize.pkl"))
    return [
        parameters,
        variables,
        data["num_timesteps"],
        data["_n_updates"],
        data["_last_obs"],
        vars(normalize["obs_rms"]),
        vars(normalize["ret_rms"]),
    ]


def same(left: Any, right: Any) -> bool:
    """Whether two ends are equal bit for bit."""
    if isinstance(left, torch.Tensor):
        return same(left.detach().numpy(), right.detach().numpy())
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and left.tobytes() == right.tobytes()
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def campaign(kills: int, seed: int) -> tuple[int, int, int]:
    """Returns the kills that hit, the runs that were killed, and how many of them ended equal."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        whole = end_of(Path(place) / "whole")
        hits = runs = equal = 0
        while hits < kills:
            folder = Path(place) / f"run-{runs}"
            wanted = min(KILLS_IN_A_ROW, kills - hits)
            hits += sum(killed(folder, rng.uniform(0, 0.3)) for _ in range(wanted))
            equal += same(whole, end_of(folder))
            runs += 1
            shutil.rmtree(folder)
            print(f"{hits} kills, {equal} of {runs} runs ended equal", flush=True)
    return hits, runs, equal


def main() -> int:
    """Prints the count; 1 where an end differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    _hits, runs, equal = campaign(arguments.kills, arguments.seed)
    return int(equal != runs)


if __name__ == "__main__":
    raise SystemExit(main())
