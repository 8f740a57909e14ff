"""Hyper-parameters: drawn and perturbed within their bounds, and used by the very next update.

Contract:
- a value put into a live model trains, saves and loads as one given to the constructor;
- what a population explored outlasts any number of saves and loads.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from resumeproof.algo import Choice, DistributionalPPO, LogUniform, Population, Uniform
from resumeproof.algo.pbt.explore import Prior, explore_all, priors_as_data, priors_from_data
from resumeproof.algo.pbt.hyperparameters import HYPERPARAMETERS, put_all
from resumeproof.algo.run_state.streams import preserved_streams
from resumeproof.algo.saving.configuration import save_configuration

from tests.algo.runs import different, snapshot
from tests.algo.small import make_env, make_model

WEIGHTS = "model.policy.action_net.weight"
PRIORS: list[Prior] = [Uniform(-1.0, 2.0), LogUniform(1e-5, 1e-2), Choice((1, 4, 9, 16))]
# a value for each, far enough from the default of `make_model` to change a short run
VALUES: dict[str, float] = {
    "learning_rate": 5e-3,
    "clip_range": 1e-6,
    "clip_range_vf": 1e-6,
    "ent_coef": 0.3,
    "vf_coef": 0.1,
    "gamma": 0.5,
    "gae_lambda": 0.5,
    "max_grad_norm": 0.01,
    "target_kl": 1e-6,
    "n_epochs": 3,
    "batch_size": 8,
    "optimizer_kwargs.weight_decay": 0.1,
    "vgs_kwargs.floor": 1.0,
    "kl_penalty.target": 0.5,
}


def fresh(**options: Any) -> DistributionalPPO:
    """A small model in Pendulum."""
    return make_model(make_env("Pendulum-v1"), **options)


def constructed(name: str, value: float) -> DistributionalPPO:
    """A model that got the value as an argument."""
    argument, _, inner = name.partition(".")
    if argument == "vgs_kwargs":
        return fresh(vgs_kwargs={"warmup_steps": 2, inner: value})
    return fresh(**{argument: {inner: value} if inner else value})


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_value_put_into_a_model_is_the_one_that_trains(name: str) -> None:
    """The run equals, bit for bit, that of a model built with it, and differs from one without."""
    value = VALUES[name]
    model = fresh()
    put_all(model, {name: value})
    got = snapshot(model.learn(48))
    expected = constructed(name, value)
    assert save_configuration(model) == save_configuration(expected)
    assert different(snapshot(expected.learn(48)), got) == []
    assert WEIGHTS in different(snapshot(fresh().learn(48)), got)


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_value_put_into_a_model_outlasts_three_loads(name: str, tmp_path: Path) -> None:
    """Changed in the middle of training, saved and loaded thrice, the run ends as without."""
    model = fresh().learn(32)
    put_all(model, {name: VALUES[name]})
    model.save(tmp_path / "0")
    for cycle in range(3):
        loaded = DistributionalPPO.load(
            tmp_path / str(cycle), env=make_env("Pendulum-v1"), device="cpu"
        )
        loaded.save(tmp_path / str(cycle + 1))
    assert save_configuration(loaded) == save_configuration(model)
    with preserved_streams():
        expected = snapshot(model.learn(32, reset_num_timesteps=False))
    loaded.learn(32, reset_num_timesteps=False)
    assert different(expected, snapshot(loaded)) == []


@pytest.mark.parametrize("optimizer_kwargs", [None, {"lr": 0.5}, {"lr": 0.5, "sigma": 0.0}])
def test_explored_learning_rate_is_the_one_of_every_step(
    optimizer_kwargs: Any, tmp_path: Path
) -> None:
    """Of every step of the optimizer, also where optimizer_kwargs held an lr, also after loads."""
    used: list[tuple[int, float]] = []

    def make(seed: int) -> DistributionalPPO:
        model = make_model(seed=seed, optimizer_kwargs=optimizer_kwargs, vgs=False, vgs_kwargs=None)
        model.policy.optimizer.register_step_pre_hook(
            lambda optimizer, *_: used.append((model.seed, optimizer.param_groups[0]["lr"]))  # type: ignore[arg-type]
        )
        return model

    rates = LogUniform(1e-4, 1e-2)
    population = Population(make, size=2, interval=16, explore={"learning_rate": rates})
    seen: set[float] = set()
    path = tmp_path / "population"
    for _ in range(8):  # a new population after every interval of one member
        for member in population.intervals(64):
            rate = member.hyperparameters["learning_rate"]
            assert {lr for seed, lr in used if seed == member.seed} == {rate}
            assert member.model.policy.optimizer.param_groups[0]["lr"] == rate
            seen.add(rate)
            break
        used.clear()
        population.save(path)
        population = Population.load(path, make)
    assert population.learn(64).round == 4
    assert len(seen) > 2


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("resample_probability", [0.0, 0.5, 1.0])
def test_exploring_stays_within_the_bounds(prior: Prior, resample_probability: float) -> None:
    """However often it is perturbed, by whatever factors."""
    generator = np.random.default_rng(0)
    values = {"x": prior.sample(generator)}
    for _ in range(500):
        values = explore_all(values, {"x": prior}, (0.3, 4.0), resample_probability, generator)
        assert prior.low <= values["x"] <= prior.high
        assert not isinstance(prior, Choice) or values["x"] in prior.values


def test_perturbing_multiplies_by_one_of_the_factors() -> None:
    """Each of them occurs; a choice moves to its neighbour."""
    generator = np.random.default_rng(0)
    prior, choice = LogUniform(1e-5, 1e5), Choice((1, 4, 9))
    assert {prior.perturb(1.0, (0.8, 1.25), generator) for _ in range(50)} == {0.8, 1.25}
    assert {choice.perturb(4, (0.8, 1.25), generator) for _ in range(50)} == {1, 9}
    assert {choice.perturb(9, (0.8, 1.25), generator) for _ in range(50)} == {4, 9}


def test_resampling_draws_from_the_whole_range() -> None:
    """LogUniform by orders of magnitude, Uniform by value; perturbing alone stays near."""
    generator = np.random.default_rng(0)
    logarithms = [math.log10(LogUniform(1e-6, 1e-2).sample(generator)) for _ in range(2000)]
    assert [round(float(q)) for q in np.quantile(logarithms, [0, 0.25, 0.5, 0.75, 1])] == [
        -6, -5, -4, -3, -2
    ]  # fmt: skip
    assert {Choice((1, 2, 3)).sample(generator) for _ in range(50)} == {1, 2, 3}


def test_distributions_survive_as_data() -> None:
    """Every kind, with its bounds."""
    priors = {str(index): prior for index, prior in enumerate(PRIORS)}
    assert priors_from_data(priors_as_data(priors)) == priors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(1.0, 1.0), r"low < high, got Uniform\(low=1.0, high=1.0\)"),
        (lambda: Uniform(0.0, math.inf), "finite"),
        (lambda: Uniform(math.nan, 1.0), "finite"),
        (lambda: Uniform(True, 2), "finite"),
        (lambda: LogUniform(0.0, 1.0), "positive"),
        (lambda: Choice((1,)), "two or more rising numbers"),
        (lambda: Choice((2, 1)), "rising"),
        (lambda: Choice(("a", "b")), "numbers"),  # type: ignore[arg-type]
    ],
)
def test_impossible_distribution_is_refused(make: Any, message: str) -> None:
    """With its bounds in the message."""
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("explore", "error", "message"),
    [
        ({}, TypeError, r"explore=\{\}.*expected hyper-parameters"),
        ({"lr": Uniform(0.1, 1)}, TypeError, "unknown keyword 'lr'.*learning_rate"),
        ({"gamma": 0.9}, TypeError, r"explore\['gamma'\]=0.9 is float: expected Uniform"),
        ({"gamma": Uniform(0.5, 1.5)}, ValueError, r"reaches 1.5: expected.*\[0, 1\]"),
        ({"learning_rate": Uniform(0, 1)}, ValueError, r"reaches 0: expected.*\(0, inf\)"),
        ({"n_epochs": Uniform(1, 9)}, ValueError, "whole numbers, such as Choice"),
        ({"n_epochs": Choice((1.5, 2))}, ValueError, "reaches 1.5: expected whole"),
        ({"batch_size": Choice((1, 2))}, ValueError, r"reaches 1: expected.*\[2, inf\)"),
    ],
)
def test_what_cannot_be_explored_is_refused(explore: Any, error: Any, message: str) -> None:
    """Before any model is built."""
    with pytest.raises(error, match=message):
        Population(lambda seed: make_model(seed=seed), explore=explore)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vgs_kwargs.floor", {"vgs": False, "vgs_kwargs": None}, "needs a gradient scaler"),
        ("kl_penalty.target", {"kl_penalty": False}, "needs a KL penalty"),
        ("learning_rate", {"learning_rate": lambda _: 1e-3}, "a constant learning_rate"),
        ("clip_range", {"clip_range": lambda _: 0.2}, "a constant clip_range"),
    ],
)
def test_hyperparameter_without_effect_is_refused(name: str, options: Any, message: str) -> None:
    """A population that explored it would explore nothing, or undo the user's schedule."""
    explore = {name: Uniform(0.1, 0.2)}
    with pytest.raises(ValueError, match=message):
        Population(lambda seed: make_model(seed=seed, **options), size=2, explore=explore)
