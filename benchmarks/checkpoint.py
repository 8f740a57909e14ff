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
from stable_baselines3 import PPO

from algo import DistributionalPPO

# hidden layers that give about 110 kB and about 100 MB of parameters and moments
SIZES = {"110 kB": ([64, 64], 15), "100 MB": ([2048, 2048], 3)}


def seconds(act: Callable[[], Any]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def raw_write(path: Path, size: int) -> None:
    """The limit: as many bytes, written and flushed."""
    with path.open("wb") as file:
        file.write(bytes(size))
        file.flush()
        os.fsync(file.fileno())


def compare(net_arch: list[int], rounds: int, folder: Path) -> dict[str, float]:
    """Medians of per-round ratios, and the sizes of the two files."""
    ours: Any = DistributionalPPO(
        "MlpPolicy",
        "CartPole-v1",
        n_steps=64,
        device="cpu",
        policy_kwargs={"net_arch": net_arch},
    ).learn(64)
    theirs: Any = PPO(
        "MlpPolicy", "CartPole-v1", n_steps=64, device="cpu", policy_kwargs={"net_arch": net_arch}
    ).learn(64)
    our_file, their_file, raw_file = folder / "a.zip", folder / "b.zip", folder / "c.bin"
    ours.save(our_file)
    theirs.save(their_file)
    size = our_file.stat().st_size
    times: dict[str, list[float]] = {"save": [], "raw": [], "load": []}
    for _ in range(rounds):
        our = seconds(lambda: ours.save(our_file))
        their = seconds(lambda: theirs.save(their_file))
        raw = seconds(lambda: raw_write(raw_file, size))
        times["save"].append(our / their)
        times["raw"].append(our / raw)
        our = seconds(lambda: DistributionalPPO.load(our_file, device="cpu"))
        their = seconds(lambda: PPO.load(their_file, device="cpu"))
        times["load"].append(our / their)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return medians | {"ours": size / 1e6, "theirs": their_file.stat().st_size / 1e6}


def main() -> None:
    """Prints one row a size."""
    torch.set_num_threads(1)
    print("size     MB ours/SB3      save/SB3  save/(write+fsync)  load/SB3")
    with tempfile.TemporaryDirectory() as folder:
        for name, (net_arch, rounds) in SIZES.items():
            r = compare(net_arch, rounds, Path(folder))
            sizes = f"{r['ours']:.2f} / {r['theirs']:.2f}"
            print(f"{name:8} {sizes:16} {r['save']:7.2f}x {r['raw']:15.2f}x {r['load']:12.2f}x")


if __name__ == "__main__":
    main()
