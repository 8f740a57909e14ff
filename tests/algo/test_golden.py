"""Files that an older release wrote, with every part on: they load, and hold what was live then.

`everything.zip` was saved by a callback in mid-rollout, `population.zip` between two intervals;
the arrays beside them were read from the live objects at that moment, not from the files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from resumeproof.algo import DistributionalPPO, LogUniform, Population, Uniform
from stable_baselines3.common.callbacks import EvalCallback

from tests.algo.golden_values import read_streams, read_values
from tests.algo.small import make_env, make_model

GOLDEN = Path(__file__).parent / "golden"
SMALL: dict[str, Any] = {"policy_kwargs": {"net_arch": [4]}, "critic_kwargs": {"n_quantiles": 3}}


def read_expected(name: str) -> dict[str, npt.NDArray[Any]]:
    """The arrays that were live when the file was written."""
    with np.load(GOLDEN / name) as arrays:
        return dict(arrays)


def require_same(found: dict[str, npt.NDArray[Any]], expected: dict[str, npt.NDArray[Any]]) -> None:
    """Equal names, shapes, dtypes and bytes."""
    assert set(found) == set(expected)
    for name, array in expected.items():
        here = (found[name].dtype, found[name].shape, found[name].tobytes())
        assert here == (array.dtype, array.shape, array.tobytes()), name


def test_old_checkpoint_holds_what_was_live_when_it_was_written() -> None:
    """Weights, moments, noise, scaler, penalty, units, partial rollout, counters and streams."""
    env = make_env(normalize=True)
    model = DistributionalPPO.load(GOLDEN / "everything.zip", env=env, device="cpu")
    require_same({**read_values(model), **read_streams()}, read_expected("everything.npz"))


def test_old_checkpoint_trains_on_to_its_end_with_its_callbacks() -> None:
    """It stops where it would have, in the state that its evaluations were in."""
    env = make_env(normalize=True)
    model = DistributionalPPO.load(GOLDEN / "everything.zip", env=env, device="cpu")
    evaluation = EvalCallback(make_env(normalize=True), eval_freq=10, n_eval_episodes=2, verbose=0)
    model.learn(model.remaining_timesteps, evaluation, reset_num_timesteps=False)
    assert (model.num_timesteps, evaluation.n_calls) == (64, 64)


def test_old_population_holds_what_was_live_when_it_was_written() -> None:
    """Both members with their scores, histories and hyper-parameters."""
    explore = {"learning_rate": LogUniform(1e-4, 1e-2), "kl_penalty.target": Uniform(0.01, 0.05)}
    population = Population.load(
        GOLDEN / "population.zip", lambda seed: make_model(make_env(), seed=seed, **SMALL)
    )
    found = {
        f"{member.index}/{name}": value
        for member in population.members
        for name, value in read_values(member.model).items()
    }
    require_same(found, read_expected("population.npz"))
    known = [[m.seed, m.score, m.hyperparameters, m.history, m.until] for m in population.members]
    assert known == json.loads((GOLDEN / "population.json").read_text())
    assert population.settings.explore == explore
    assert population.learn(96).members[0].model.num_timesteps == 96
