"""Claim: comparing, capturing and whole scenarios cost about what the bare work underneath costs.

Every line is a ratio of two things measured in turns in one run, on one thread.

usage: python -m benchmarks.instrument [checks [NAME...]]    (checks: `benchmarks.default_check`)
"""

from __future__ import annotations

import ctypes
import os
import pickle
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from resumeproof.algo import DistributionalPPO
from resumeproof.core.randomness import preserved_streams
from resumeproof.core.scenario import Scenario
from resumeproof.state.capture import capture
from resumeproof.state.compare import compare
from resumeproof.state.snapshot import Snapshot
from resumeproof.subjects.sb3 import WALL_CLOCK, Sb3Subject, sb3
from resumeproof.verdicts.runner import run, run_many
from resumeproof.verdicts.verdict import Record, Verdict
from stable_baselines3 import PPO

from benchmarks import default_check

_MEMCMP = ctypes.CDLL(None).memcmp
_MEMCMP.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
SMALL = {"n_steps": 16, "batch_size": 16, "n_epochs": 1}


def seconds(act: Callable[[], Any]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def in_turns(rounds: int, *acts: Callable[[], Any]) -> list[float]:
    """Median seconds of each, all measured once in every round."""
    for act in acts:
        act()
    times = [[seconds(act) for act in acts] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def show(what: str, ratio: float, goal: str, detail: str = "") -> None:
    """One line of the table."""
    print(f"{what:58} {ratio:6.2f}x   {goal:14} {detail}", flush=True)


def available_bytes() -> int:
    """Memory that can be had without swapping."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def tree(megabytes: int) -> dict[str, torch.Tensor]:
    """Tensors of 1 MB and one of the rest, as a state dict holds them."""
    small = {f"layer.{i}.weight": torch.rand(512, 512) for i in range(min(megabytes // 2, 50))}
    return small | {"embedding": torch.rand((megabytes - len(small)) * 262_144)}


def compare_trees(megabytes: int, rounds: int) -> None:
    """Two equal snapshots against one memcmp of as many bytes, and what others do."""
    if available_bytes() < megabytes * 5_000_000:
        print(f"compare at {megabytes} MB: skipped, too little free memory")
        return
    ours = [tree(megabytes)]
    ours.append({name: tensor.clone() for name, tensor in ours[0].items()})
    snapshots = [capture(item, name="state") for item in ours]
    arenas = [ctypes.cast(s.arena, ctypes.c_void_p).value for s in snapshots]
    size = len(snapshots[0].arena)
    times = in_turns(
        rounds,
        lambda: _MEMCMP(*arenas, size),
        lambda: _require_equal(*snapshots),
        lambda: all(torch.equal(a, ours[1][name]) for name, a in ours[0].items()),
        lambda: torch.testing.assert_close(*ours, rtol=0, atol=0, equal_nan=True),
    )
    others = f"torch.equal {times[2] / times[0]:.2f}x, assert_close {times[3] / times[0]:.2f}x"
    show(f"compare {megabytes} MB / memcmp", times[1] / times[0], "goal 1.10x", others)


def _require_equal(expected: Snapshot, got: Snapshot) -> None:
    if compare(expected, got):
        raise AssertionError("equal trees must compare equal")


def model() -> PPO:
    """A small PPO that has been trained."""
    with preserved_streams():
        return PPO("MlpPolicy", "CartPole-v1", seed=0, device="cpu", **SMALL).learn(64)


def compare_live(rounds: int) -> None:
    """Capture and compare of two live models against torch.equal over their tensors."""
    ours = [model(), model()]
    states = [m.policy.state_dict() for m in ours]
    moments = [m.policy.optimizer.state_dict()["state"] for m in ours]

    def snapshot(live: PPO) -> Snapshot:
        return capture(live, name="model", exclusions=WALL_CLOCK)

    snapshots = [snapshot(m) for m in ours]
    _require_equal(*snapshots)

    def equal() -> None:
        for name, tensor in states[0].items():
            torch.equal(tensor, states[1][name])
        for key, entry in moments[0].items():
            for name, tensor in entry.items():
                torch.equal(tensor, moments[1][key][name])

    times = in_turns(
        rounds,
        equal,
        lambda: compare(*snapshots),
        lambda: compare(snapshot(ours[0]), snapshot(ours[1])),
        lambda: pickle.dumps(ours[0]),
        lambda: capture(ours[0]),
        lambda: compare(*(capture(pair) for pair in zip(states, moments, strict=True))),
    )
    tensors = len(states[0]) + sum(map(len, moments[0].values()))
    rows = f"{len(snapshots[0].rows)} rows of the graph, against {tensors} tensors"
    show("compare two snapshots of PPO / torch.equal loop", times[1] / times[0], "goal 1.00x", rows)
    show("live compare of its tensors / torch.equal loop", times[5] / times[0], "goal 1.00x")
    show("live compare of the whole PPO / torch.equal loop", times[2] / times[0], "-")
    milliseconds = f"{times[4] * 1e3:.2f} ms"
    show(
        "capture of a live PPO / pickle.dumps(model)",
        times[4] / times[3],
        "goal 0.35x",
        milliseconds,
    )


def subject(**options: Any) -> Sb3Subject:
    """Our algorithm, with which every arm is run and every comparison is strict."""
    return sb3(DistributionalPPO, env="CartPole-v1", strict=True, **options)


def bare(under_test: Sb3Subject, lengths: list[int]) -> None:
    """Training alone: runs of these lengths, one after another."""
    for length in lengths:
        scenario = Scenario(length=length, save_at=0)
        under_test.train(under_test.build(scenario), until=length, visits={})


def exact(records: Iterable[Record]) -> None:
    """Runs them all; each must have done all its arms."""
    for record in records:
        if record.verdict is not Verdict.EXACT:
            raise AssertionError(f"{record.verdict}: {record.error or record.findings}")


def scenarios(what: str, under_test: Sb3Subject, length: int, rounds: int) -> None:
    """Whole scenarios with strict comparison against the training in them.

    A scenario trains three times: uninterrupted, saving, and from the save point to the end.
    """
    points = list(range(length // 16, length, length // 8))
    many = [Scenario(length=length, save_at=point) for point in points]
    tails = [length - point for point in points]
    one = many[len(many) // 2]
    times = in_turns(
        rounds,
        lambda: bare(under_test, [length, length, length - one.save_at]),
        lambda: exact([run(under_test, one)]),
        lambda: bare(under_test, [length, *tails]),
        lambda: exact(run_many(under_test, many)),
        lambda: exact(run(under_test, item) for item in many),
        lambda: bare(under_test, [length, length, *tails]),
    )
    count = len(points)
    show(f"{what}: one scenario / its bare training", times[1] / times[0], "goal 1.05x")
    show(f"{what}: {count} save points / 1 run + {count} tails", times[3] / times[2], "goal 1.05x")
    # beside the reference another run is saved at every point and goes on: `purity` asks for it
    show(f"{what}: {count} save points / 2 runs + {count} tails", times[3] / times[5], "-")
    show(f"{what}: {count} save points, shared / not shared", times[3] / times[4], "-")


def main() -> None:
    """Prints one line a claim."""
    torch.set_num_threads(1)
    compare_trees(100, 9)
    compare_trees(1000, 5)
    compare_live(30)
    scenarios("8 units, 128 steps", subject(**SMALL, policy_kwargs={"net_arch": [8]}), 128, 3)
    usual = {"n_steps": 256, "batch_size": 64, "n_epochs": 10}
    scenarios("64x64 units, 1,024 steps", subject(**usual), 1024, 3)


if __name__ == "__main__":
    if sys.argv[1:2] == ["checks"]:
        default_check.main(sys.argv[2:])
    else:
        main()
