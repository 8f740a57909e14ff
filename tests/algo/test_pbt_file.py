"""The file of a population: sealed, closed, and applied whole or not at all.

Contract:
- a damaged or foreign file, an entry more or less, and a `make` that builds something else are one
  clear error each, and no global stream moves;
- what the caller passes wins over the file, what PBT explored wins over what `make` says.
"""

from __future__ import annotations

import copy
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from resumeproof.algo import DistributionalPPO, LogUniform, Population, Uniform
from resumeproof.algo.checkpoint import (
    CheckpointError,
    DamagedCheckpoint,
    MismatchedCheckpoint,
    read,
    write,
)
from resumeproof.algo.pbt.file import InterruptedMember
from resumeproof.algo.run_state.streams import save_streams
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from tests.algo.populations import EXPLORE, make, make_population, snapshot_of
from tests.algo.runs import different
from tests.algo.small import make_env, make_model


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A population in the middle of its second round."""
    population = make_population()
    for _ in zip(range(3), population.intervals(96), strict=False):
        pass
    path: Path = tmp_path_factory.mktemp("population") / "population.zip"
    population.save(path)
    return path


def test_file_is_a_checkpoint_without_code(file: Path) -> None:
    """The same three entries as one model's, the kind in the manifest."""
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["manifest.json", "state.json", "tensors.safetensors"]
    assert read(file)[0]["kind"] == "Population"


def test_cut_or_altered_file_is_refused(file: Path, tmp_path: Path) -> None:
    """Wherever it is cut and whichever byte is another, before anything is built."""
    built: list[int] = []

    def noting(seed: int) -> DistributionalPPO:
        built.append(seed)
        return make(seed)

    content, path = file.read_bytes(), tmp_path / "bad.zip"
    places = range(1, len(content), len(content) // 60)
    for damaged in [content[:place] for place in places] + [
        content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :] for place in places
    ]:
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            Population.load(path, noting)
    path.write_bytes(content[:-1])
    with pytest.raises(DamagedCheckpoint):
        Population.load(path, noting)
    assert built == []


def _edit(place: str, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(tree: Any) -> None:
        inner = tree
        for key in filter(None, place.split("/")):
            inner = inner[int(key) if key.isdigit() else key]
        change(inner)

    return apply


def _drop(place: str, key: str) -> Callable[[Any], Any]:
    return _edit(place, lambda entry: entry.pop(key))


def _add(place: str) -> Callable[[Any], Any]:
    return _edit(place, lambda entry: entry.update(surplus=1))


SAYS_WHAT = r"expected|missing|unknown|does not fit"
PLACES = {
    "": ["settings", "members", "generator", "total_timesteps", "round", "turn"],
    "settings": ["interval", "explore", "fitness"],
    "members/1": ["seed", "hyperparameters", "score", "history", "until", "run"],
    "members/1/hyperparameters": ["ent_coef"],
    "members/1/run": ["configuration", "spaces", "parts"],
    "members/1/run/configuration": ["n_epochs"],
    "members/1/run/parts": ["policy", "vgs", "streams", "environment", "loop"],
    "members/1/run/parts/streams": ["numpy"],
    "members/1/run/parts/policy/tensors": ["log_std"],
    "members/1/run/parts/policy.optimizer": ["own"],
}
CHANGES = {
    **{f"no {key} in {place}": _drop(place, key) for place, keys in PLACES.items() for key in keys},
    **{f"more in {place}": _add(place) for place in PLACES},
    "one member": _edit("members", lambda members: members.pop()),
    "turn": lambda tree: tree.update(turn=3),
    "generator": lambda tree: tree.update(generator=5),
    "round": lambda tree: tree.update(round="1"),
    "score": _edit("members/0", lambda member: member.update(score="high")),
    "other prior": _edit("settings/explore", lambda priors: priors.update(ent_coef=["Beta", 1, 2])),
    "illegal value": _edit("members/0/hyperparameters", lambda h: h.update(learning_rate=-1.0)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_file_with_other_entries_is_refused(name: str, file: Path, tmp_path: Path) -> None:
    """At every level, missing or surplus; the global streams are where they were."""
    tree = copy.deepcopy(read(file)[1])
    CHANGES[name](tree)
    write(tmp_path / "odd.zip", tree, kind="Population")
    before = str(save_streams())
    with pytest.raises(
        (CheckpointError, ValueError), match=r"expected|missing|unknown|does not fit"
    ):
        Population.load(tmp_path / "odd.zip", make)
    assert str(save_streams()) == before


def test_file_of_one_model_is_told_from_that_of_a_population(file: Path, tmp_path: Path) -> None:
    """Each loader says what the file is."""
    make_model().save(tmp_path / "model")
    with pytest.raises(MismatchedCheckpoint, match="holds a DistributionalPPO, expected a Popul"):
        Population.load(tmp_path / "model", make)
    with pytest.raises(MismatchedCheckpoint, match=r"missing=\['conf.*unknown=\['generator'"):
        DistributionalPPO.load(file, env=make_env("Pendulum-v1"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_epochs": 4}, r"member 0 with n_epochs=4 \(saved: 2\), expected"),
        ({"vgs": False, "vgs_kwargs": None}, "vgs=False"),
        ({"gamma": 0.5, "batch_size": 8}, r"batch_size=8 .*gamma=0.5"),
        ({"policy_kwargs": {"net_arch": [9]}}, "net_arch"),
        ({"optimizer": "adam"}, "optimizer='adam'"),
    ],
)
def test_make_that_builds_other_models_is_refused(options: Any, message: str, file: Path) -> None:
    """Another configuration would be another run."""

    def make_other(seed: int) -> DistributionalPPO:
        return make_model(make_env("Pendulum-v1"), seed=seed, **options)

    with pytest.raises(MismatchedCheckpoint, match=message):
        Population.load(file, make_other)


def test_make_with_another_environment_is_refused(file: Path) -> None:
    """Other spaces, other wrappers, another number."""
    for env, message in (
        (lambda: make_env(), "observation_space"),
        (lambda: make_env("Pendulum-v1", normalize=True), "VecNormalize"),
        (lambda: make_env("Pendulum-v1", n_envs=2), "DummyVecEnv > "),
    ):
        with pytest.raises(MismatchedCheckpoint, match=message):
            Population.load(file, lambda seed, env=env: make_model(env(), seed=seed))


def test_where_output_goes_is_the_callers_business(file: Path, tmp_path: Path) -> None:
    """Another log folder is no other run."""
    Population.load(
        file,
        lambda seed: make_model(
            make_env("Pendulum-v1"), seed=seed, tensorboard_log=str(tmp_path), verbose=0
        ),
    )


def test_settings_that_are_passed_win_over_the_file(file: Path) -> None:
    """One by one; all others are the file's."""
    bounds = {"learning_rate": LogUniform(1e-3, 1e-2), "ent_coef": Uniform(0.0, 0.5)}
    loaded = Population.load(file, make, interval=16, selection="tournament", explore=bounds)
    settings = loaded.settings
    assert (settings.interval, settings.selection, settings.explore) == (16, "tournament", bounds)
    assert settings.optimizer == "copy"
    assert Population.load(file, make).settings.explore == EXPLORE
    with pytest.raises(MismatchedCheckpoint, match="only the distributions can be changed"):
        Population.load(file, make, explore={"gamma": Uniform(0.9, 1.0)})
    with pytest.raises(TypeError, match=r"'intervall' .did you mean"):
        Population.load(file, make, intervall=16)


def test_hyperparameters_that_are_passed_win_over_the_file(file: Path) -> None:
    """For every member, in the very next update; those not passed are what PBT explored."""
    before = [member.hyperparameters for member in Population.load(file, make).members]
    loaded = Population.load(file, make, hyperparameters={"learning_rate": 0.0123})
    for member, was in zip(loaded.members, before, strict=True):
        assert member.hyperparameters == {**was, "learning_rate": 0.0123}
        assert member.model.policy.optimizer.param_groups[0]["lr"] == 0.0123
    next(iter(loaded.intervals(96)))
    for member in loaded.members:
        assert member.model.policy.optimizer.param_groups[0]["lr"] == 0.0123
    with pytest.raises(ValueError, match=r"hyperparameters=\['gamma'\] are not explored"):
        Population.load(file, make, hyperparameters={"gamma": 0.9})
    with pytest.raises(ValueError, match="reaches -1"):
        Population.load(file, make, hyperparameters={"learning_rate": -1})


def longest(model: DistributionalPPO) -> float:
    """A fitness of the user's own."""
    return float(model.num_timesteps)


def test_fitness_of_ones_own_is_passed_again(tmp_path: Path) -> None:
    """It is code, which the file only names."""
    make_population(fitness=longest).save(tmp_path / "population")
    with pytest.raises(MismatchedCheckpoint, match=r"'yours: longest'.*fitness=\.\.\."):
        Population.load(tmp_path / "population", make)
    loaded = Population.load(tmp_path / "population", make, fitness=longest)
    assert loaded.settings.fitness is longest


def test_error_in_a_callback_leaves_a_population_that_resumes_exactly(tmp_path: Path) -> None:
    """A step is complete before a callback sees it, in a population as in a model."""

    class Interrupt(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps == 40:
                raise KeyboardInterrupt
            return True

    whole = make_population().learn(96)
    population = make_population()
    with pytest.raises(KeyboardInterrupt):
        population.learn(96, lambda member: Interrupt() if member.index == 1 else None)
    population.save(tmp_path / "population")
    for resumed in (Population.load(tmp_path / "population", make), population):
        resumed.learn(96)
        for mine, same in zip(whole.members, resumed.members, strict=True):
            assert different(snapshot_of(mine), snapshot_of(same)) == []
            assert mine.history == same.history


class Torn(gym.Wrapper[Any, Any, Any, Any]):
    """Raises in one step, after the environment has moved."""

    def step(self, action: Any) -> Any:
        """The inner step, and then the error."""
        self.env.step(action)
        raise KeyboardInterrupt


def test_interrupted_step_is_no_state_to_save(tmp_path: Path) -> None:
    """The environment has moved and the rollout has not; the file before stays."""

    def make_torn(seed: int) -> DistributionalPPO:
        env = DummyVecEnv([lambda: Torn(Monitor(gym.make("Pendulum-v1")))])
        return make_model(env, seed=seed)

    population = make_population(make_torn)
    population.save(tmp_path / "population")
    content = (tmp_path / "population.zip").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        population.learn(96)
    with pytest.raises(InterruptedMember, match="an environment step of member 0 was interrupted"):
        population.save(tmp_path / "population")
    assert (tmp_path / "population.zip").read_bytes() == content


def test_part_that_cannot_be_saved_leaves_the_old_file(tmp_path: Path) -> None:
    """An attribute that nobody claims, in the last member."""
    population = make_population()
    population.save(tmp_path / "population")
    content = (tmp_path / "population.zip").read_bytes()
    population.members[1].model.plot = object()  # type: ignore[attr-defined]
    with pytest.raises(CheckpointError, match=r"DistributionalPPO\.plot is claimed by no part"):
        population.save(tmp_path / "population", exact=True)
    assert (tmp_path / "population.zip").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["population.zip"]


def test_make_that_lacks_what_is_explored_is_refused(tmp_path: Path) -> None:
    """A scaler whose floor evolves, and a model built without it."""
    explore = {"vgs_kwargs.floor": Uniform(0.1, 1.0)}
    make_population(explore=explore).save(tmp_path / "population")

    def make_without(seed: int) -> DistributionalPPO:
        return make_model(make_env("Pendulum-v1"), seed=seed, vgs=False, vgs_kwargs=None)

    with pytest.raises(ValueError, match="needs a gradient scaler, which member 0 has not"):
        Population.load(tmp_path / "population", make_without)
