"""Which options are in force in a scenario, and what a short run is given where nobody says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from ...core.errors import HarnessError, InvalidSubject
from ...core.randomness import preserved_streams
from .building import build_model
from .environment import make_environment
from .options import default_of, own_parameters, parameters_of
from .policies import with_classes

STARTS = 16
"""Steps of a short run before an off-policy algorithm learns; SB3 waits for 100 or more."""

_SHORT = 16  # steps of a rollout, samples of a batch
_LARGE = 32  # SB3's own values up to here are small enough for a short run
_EPISODE = 13  # steps of an episode, where a run can be saved only where one ends
_READ = ("n_steps", "learning_starts", "train_freq")


@final
@dataclass(frozen=True, kw_only=True)
class Setting:
    """What decides where a run can be visited.

    Attributes:
        fitted: option -> value that the length of the run decided.
        n_envs: environments that take a step at once.
        n_steps: steps of a rollout in each of them; 1 for what is no on-policy algorithm.
        learning_starts: steps before an off-policy algorithm learns; None for others.
        update: steps between two updates; None where an update comes at an episode's end.
    """

    fitted: Mapping[str, Any]
    n_envs: int
    n_steps: int
    learning_starts: int | None
    update: int | None


def setting_of(algorithm: type[BaseAlgorithm], given: Mapping[str, Any], length: int) -> Setting:
    """What is in force, read from a model where the class passes options on unseen.

    Raises:
        InvalidSubject: a number of steps or environments is none.
    """
    n_envs = _environments(given)
    fitted = _fitted(algorithm, given, length, n_envs)
    hidden = {name for name in _READ if name in parameters_of(algorithm)} - given.keys()
    read: Mapping[str, Any] = {}
    if hidden - own_parameters(algorithm).keys():
        fitted, read = _tried(algorithm, given, fitted)
    in_force = {
        name: {**fitted, **read, **given}.get(name, default_of(algorithm, name)) for name in _READ
    }
    starts = in_force["learning_starts"]
    on_policy = issubclass(algorithm, OnPolicyAlgorithm)
    return Setting(
        fitted=fitted,
        n_envs=n_envs,
        n_steps=_number(algorithm, "n_steps", in_force["n_steps"]) if on_policy else 1,
        learning_starts=None if starts is None else int(starts),
        update=_update(algorithm, in_force["train_freq"]),
    )


def _environments(given: Mapping[str, Any]) -> int:
    if "n_envs" in given or not callable(given["env"]):
        return _number(None, "n_envs", given.get("n_envs"))
    with preserved_streams():
        try:
            env = make_environment(given)
        except HarnessError:
            raise
        except Exception:  # whatever a foreign environment raises: building will show it
            return 1
        env.close()
        return getattr(env, "num_envs", 1)


def _fitted(algorithm: type, given: Mapping[str, Any], length: int, n_envs: int) -> dict[str, Any]:
    known = parameters_of(algorithm)
    values: dict[str, Any] = {}
    if issubclass(algorithm, OnPolicyAlgorithm):
        values = _of_rollouts(algorithm, given, n_envs)
    elif issubclass(algorithm, OffPolicyAlgorithm):
        values = {"buffer_size": length, "learning_starts": STARTS}
        if (default_of(algorithm, "batch_size") or 0) > _LARGE:
            values["batch_size"] = _SHORT
    else:
        values = {"n_delta": 2}
    if isinstance(given["env"], str) and _ends_with_episodes(algorithm, given):
        values["max_episode_steps"] = _EPISODE
        values["learning_starts"] = STARTS * n_envs
    taken = {*known, "max_episode_steps"} - given.keys()
    return {name: value for name, value in values.items() if name in taken}


def _of_rollouts(algorithm: type, given: Mapping[str, Any], n_envs: int) -> dict[str, Any]:
    """A short rollout, and a batch that divides it."""
    values: dict[str, Any] = {}
    n_steps, batch = (given.get(k, default_of(algorithm, k)) for k in ("n_steps", "batch_size"))
    if "n_steps" not in given and (n_steps or 0) > _LARGE:
        wanted = batch if "batch_size" in given and type(batch) is int else _SHORT
        n_steps = values["n_steps"] = max(_SHORT, wanted)
    if "batch_size" in given or type(batch) is not int or type(n_steps) is not int:
        return values
    rollout = n_steps * n_envs
    if batch > rollout or rollout % batch:
        sizes = (size for size in range(min(_SHORT, rollout), 1, -1) if rollout % size == 0)
        values["batch_size"] = next(sizes, rollout)
    return values


def _ends_with_episodes(algorithm: type, given: Mapping[str, Any]) -> bool:
    """Whether an update comes at an episode's end, or samples are taken of whole episodes."""
    buffer = with_classes(given).get("replay_buffer_class")
    of_episodes = isinstance(buffer, type) and issubclass(buffer, HerReplayBuffer)
    frequency = given.get("train_freq", default_of(algorithm, "train_freq"))
    return of_episodes or _update(algorithm, frequency) is None


def _update(algorithm: type, frequency: Any) -> int | None:
    """Steps between two updates; None where nobody knows them before."""
    if issubclass(algorithm, OnPolicyAlgorithm):
        return 1
    if not issubclass(algorithm, OffPolicyAlgorithm):
        return None  # ARS tries whole episodes
    if isinstance(frequency, tuple | list):
        steps, unit = frequency
        return None if getattr(unit, "value", unit) == "episode" else int(steps)
    return int(frequency or 1)


def stops_with_episodes(model: BaseAlgorithm) -> bool:
    """Whether a call of `learn()` ends at the end of an episode, wherever that is."""
    return _update(type(model), getattr(model, "train_freq", None)) is None


def _tried(
    algorithm: type[BaseAlgorithm], given: Mapping[str, Any], fitted: dict[str, Any]
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """The fitted options that the class takes, and what a model made with them holds.

    Of a class that passes on `**kwargs`, and may itself fix what is in them.
    """
    own = own_parameters(algorithm)
    plain = {name: value for name, value in fitted.items() if name in own}
    with preserved_streams():
        for attempt in (fitted, plain):
            try:
                model = build_model(algorithm, {**attempt, **given}, 0)
            except TypeError:  # several values for one keyword
                continue
            except Exception:  # whatever a foreign constructor raises: building will show it
                break
            return attempt, {k: getattr(model, k) for k in _READ if hasattr(model, k)}
    return plain, {}


def _number(algorithm: type | None, name: str, value: Any) -> int:
    value = 1 if value is None else value
    if type(value) is not int or value < 1:
        of = f" of sb3:{algorithm.__name__}" if algorithm else ""
        raise InvalidSubject(
            f"expected {name}{of} to be a whole number from 1 on, got {value!r} "
            f"({type(value).__name__}): write {name}=16"
        )
    return value
