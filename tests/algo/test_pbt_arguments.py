"""Whatever a population cannot do is refused before it does anything, with the value."""

from __future__ import annotations

from typing import Any

import pytest
from resumeproof.algo import DistributionalPPO, Population

from tests.algo.populations import make, make_population
from tests.algo.small import make_env, make_model

shared_env = make_env("Pendulum-v1")
shared_model = make_model()
BARE: dict[str, Any] = {"_init_setup_model": False}


def hand_out_one(seed: int) -> DistributionalPPO:
    """The same model for everybody."""
    shared_model.seed = seed
    return shared_model


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"size": 1}, ValueError, "expected size to be a whole number of at least 2, got size=1"),
        ({"size": 0}, ValueError, "size=0"),
        ({"size": 2.0}, ValueError, "size=2.0"),
        ({"size": True}, ValueError, "size=True"),
        ({"seed": -1}, ValueError, "seed=-1"),
        ({"interval": 0}, ValueError, r"a whole number of at least 1, got interval=0 \(int\)"),
        ({"interval": 10.0}, ValueError, "interval=10.0"),
        ({"selection": "best"}, ValueError, "tournament.*got selection='best'"),
        ({"optimizer": "adam"}, ValueError, "reset.*got optimizer='adam'"),
        ({"fraction": 0.0}, ValueError, "fraction=0.0"),
        ({"fraction": 0.6}, ValueError, r"a number in \(0, 0.5\], got fraction=0.6"),
        ({"fraction": float("nan")}, ValueError, "fraction=nan"),
        ({"perturb": ()}, ValueError, r"perturb=\(\)"),
        ({"perturb": (0.0, 1.2)}, ValueError, "positive factors"),
        ({"perturb": 1.2}, ValueError, "perturb=1.2"),
        ({"perturb": (float("inf"),)}, ValueError, "positive factors"),
        ({"resample_probability": 1.5}, ValueError, "resample_probability=1.5"),
        ({"fitness": 3}, ValueError, "expected fitness to be a function of a model, got fitness=3"),
        ({"explore": [1]}, TypeError, r"explore=\[1\]"),
        ({"intervall": 3}, TypeError, "'intervall' .did you mean 'interval'"),
        ({"make": lambda seed: None}, TypeError, "NoneType.*expected a DistributionalPPO"),
        (
            {"make": lambda seed: make_model(shared_env, seed=seed)},
            ValueError,
            "members 0 and 1 share one DummyVecEnv",
        ),
        ({"make": lambda seed: make_model(seed=3)}, ValueError, r"seed 3.*seed=seed"),
        ({"make": hand_out_one}, ValueError, "members 0 and 1 share one DistributionalPPO"),
        (
            {
                "make": lambda seed: DistributionalPPO(
                    "MlpPolicy", None, _init_setup_model=False, seed=seed
                )
            },
            ValueError,
            "without an environment",
        ),
    ],
)
def test_wrong_argument_is_refused(options: Any, error: Any, message: str) -> None:
    """With its value and what was expected."""
    with pytest.raises(error, match=message):
        make_population(**options)


def test_explore_is_required() -> None:
    """Without it there is nothing to evolve."""
    with pytest.raises(TypeError, match="misses explore, such as"):
        Population(make)


@pytest.mark.parametrize("total", [0, -1, 1.5, True])
def test_wrong_total_is_refused_at_once(total: Any) -> None:
    """By intervals() too, before the first turn."""
    with pytest.raises(ValueError, match=r"at least 1, got total_timesteps="):
        make_population().intervals(total)


@pytest.mark.parametrize("score", [None, "high", True])
def test_fitness_must_be_a_number(score: Any) -> None:
    """And whatever it returned is in the message."""
    with pytest.raises(TypeError, match=r"fitness.model. returned .* for member 0"):
        make_population(fitness=lambda _: score).learn(32)
