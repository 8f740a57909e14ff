"""Claim: saving the whole run, on the disk, costs 3.6 of SB3's callback; 0.4 with a large buffer.

`ExactCheckpointCallback` against `CheckpointCallback(save_replay_buffer=True,
save_vecnormalize=True)`, each saving every 1000 steps, side by side in one process: a small PPO,
and SAC with a full replay buffer of 100,000 and of 1,000,000 transitions. SB3 does not wait for the
disk, and does not save the run; ours does both. The first save of a process writes the buffer
whole.

usage: python -m benchmarks.exact_callback [--rounds 3]
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from statistics import median
from typing import Any

import numpy as np
from resumeproof.algo import ExactCheckpointCallback
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.callbacks import CheckpointCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

EVERY, SAVES = 1000, 5


class TimedStock(CheckpointCallback):
    """SB3's, with the seconds of each save."""

    def __init__(self, folder: str) -> None:
        super().__init__(EVERY, folder, save_replay_buffer=True, save_vecnormalize=True)
        self.seconds: list[float] = []

    def _on_step(self) -> bool:
        start = time.perf_counter()
        super()._on_step()
        if self.n_calls % EVERY == 0:
            self.seconds.append(time.perf_counter() - start)
        return True


class TimedOurs(ExactCheckpointCallback):
    """Ours, likewise."""

    checkpoint_attributes = {**ExactCheckpointCallback.checkpoint_attributes}  # noqa: RUF012

    def __init__(self, folder: str) -> None:
        super().__init__(EVERY, folder)
        self.seconds: list[float] = []

    def _at_head(self, callbacks: Any) -> None:
        due, start = self._due is not None, time.perf_counter()
        super()._at_head(callbacks)
        if due:
            self.seconds.append(time.perf_counter() - start)


def small_ppo() -> Any:
    """As a first example has it."""
    env = VecNormalize(make_vec_env("CartPole-v1", seed=0))
    return PPO("MlpPolicy", env, n_steps=EVERY, batch_size=100, n_epochs=1, seed=0, device="cpu")


def sac(transitions: int) -> Any:
    """With a buffer that is full, and no updates: only saving is measured."""
    env = VecNormalize(make_vec_env("Pendulum-v1", seed=0))
    model = SAC(
        "MlpPolicy", env, buffer_size=transitions, learning_starts=10**9, seed=0, device="cpu"
    )
    rng, buffer = np.random.default_rng(0), model.replay_buffer
    for name in ("observations", "next_observations", "actions", "rewards"):
        array = getattr(buffer, name)
        array[...] = rng.standard_normal(array.shape, np.float32)
    buffer.full = True
    return model


def seconds(make: Any, timed: type[Any]) -> list[float]:
    """Of each save of one run."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        callback = timed(folder)
        make().learn(EVERY * SAVES, callback=callback)
    return callback.seconds


def main() -> None:
    """Prints one line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    cases = {
        "small PPO": small_ppo,
        "SAC, 100,000": lambda: sac(100_000),
        "SAC, 1,000,000": lambda: sac(1_000_000),
    }
    print("| case | SB3, ms | ours, ms | ratio | first save | ratio |")
    print("|---|---|---|---|---|---|")
    for name, make in cases.items():
        pairs = [(seconds(make, TimedStock), seconds(make, TimedOurs)) for _ in range(rounds)]
        later = [1000 * median(t for pair in pairs for t in pair[i][1:]) for i in (0, 1)]
        first = [1000 * median(pair[i][0] for pair in pairs) for i in (0, 1)]
        print(
            f"| {name} | {later[0]:.1f} | {later[1]:.1f} | {later[1] / later[0]:.2f} "
            f"| {first[1]:.1f} | {first[1] / first[0]:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
