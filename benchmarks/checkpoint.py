"""Claim: an exact checkpoint costs about what SB3's inexact one does, and loads faster.

Save and load of one model in turns with SB3's PPO of the same size, on disk; medians of per-round
ratios of wall time. Ours is flushed to the disk before save() returns, SB3's is not, so a raw
write with fsync of as many bytes stands beside them.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from resumeproof.algo import DistributionalPPO
from stable_baselines3 import PPO

# hidden layers that give about 110 kB and about 100 MB of parameters and Adam moments
SIZES = {"110 kB": ([64, 64], 15), "100 MB": ([2048, 2048], 3)}
ALIKE = {"critic": "scalar", "twin_critics": False, "optimizer": "adam", "vgs": False}
VARIANTS: dict[str, dict[str, Any]] = {"same parts as SB3": ALIKE, "default": {}}


def seconds(act: Callable[[], Any]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def flush(path: Path) -> None:
    """Waits until the file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_raw(path: Path, size: int) -> None:
    """The limit: as many bytes, written and flushed."""
    path.write_bytes(bytes(size))
    flush(path)


def save_and_flush(model: Any, path: Path) -> None:
    """What SB3 would cost if it gave the same promise."""
    model.save(path)
    flush(path)


def compare(net_arch: list[int], rounds: int, options: Any, folder: Path) -> dict[str, float]:
    """Medians of per-round ratios, and the sizes of the two files in MB."""
    arguments: dict[str, Any] = {"n_steps": 64, "policy_kwargs": {"net_arch": net_arch}}
    arguments |= {"policy": "MlpPolicy", "env": "CartPole-v1", "device": "cpu"}
    ours: Any = DistributionalPPO(**arguments, **options).learn(64)
    theirs: Any = PPO(**arguments).learn(64)
    our_file, their_file = folder / "a.zip", folder / "b.zip"
    ours.save(our_file)
    size = our_file.stat().st_size
    times: dict[str, list[float]] = {"save": [], "durable": [], "raw": [], "load": []}
    for _ in range(rounds):
        our = seconds(lambda: ours.save(our_file))
        times["save"].append(our / seconds(lambda: theirs.save(their_file)))
        times["durable"].append(our / seconds(lambda: save_and_flush(theirs, their_file)))
        times["raw"].append(our / seconds(lambda: write_raw(folder / "c.bin", size)))
        our = seconds(lambda: DistributionalPPO.load(our_file, device="cpu"))
        times["load"].append(our / seconds(lambda: PPO.load(their_file, device="cpu")))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return medians | {"ours": size / 1e6, "theirs": their_file.stat().st_size / 1e6}


def main() -> None:
    """Prints one row for each size and variant."""
    torch.set_num_threads(1)
    print("ratios of our time to        SB3 save  SB3 save+fsync  raw write+fsync  SB3 load   MB")
    with tempfile.TemporaryDirectory() as folder:
        for size, (net_arch, rounds) in SIZES.items():
            for variant, options in VARIANTS.items():
                r = compare(net_arch, rounds, options, Path(folder))
                print(
                    f"{size}, {variant:18} {r['save']:7.2f}x {r['durable']:13.2f}x "
                    f"{r['raw']:14.2f}x {r['load']:11.2f}x   {r['ours']:.2f} / {r['theirs']:.2f}"
                )


if __name__ == "__main__":
    main()
