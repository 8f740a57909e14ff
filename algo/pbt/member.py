"""One member of a population: a model, its own random streams, and what PBT knows about it.

A member trains in pieces of one `learn()`, with its own streams in place of the global ones, so
that it ends bit for bit as a model of the same seed that trained alone, whoever trained between.
It knows no scheduler: whoever drives members, here or elsewhere, calls `begin` and `go_on`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, final

from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.utils import set_random_seed

from ..checkpoint import CheckpointError
from ..ppo.distributional_ppo import DistributionalPPO
from ..ppo.learning import advance, start_learning
from ..run_state.attributes import environments
from ..run_state.callbacks import CallbackRun
from ..run_state.loop import IDLE
from ..run_state.streams import prepare_streams, preserved_streams, save_streams
from ..saving.part import Apply
from ..saving.registry import parts_of
from .hyperparameters import put_all

# the episodes that the weights have lived through lately
_WINDOWS = ("ep_info_buffer", "ep_success_buffer")
Make = Callable[[int], DistributionalPPO]
Fitness = Callable[[DistributionalPPO], float]


class RefusedExchange(CheckpointError):
    """A member cannot take what another has learned; nothing of it has changed.

    You see it when: `make` builds members that differ in critic, network, optimizer or components.
    What to do: build all members alike, but for their seed.
    """


@final
class Member:
    """A model that trains within a population.

    Attributes:
        index: its place in the population.
        seed: of the model, of its environment and of its streams.
        model: the model itself; it predicts and saves like any other.
        hyperparameters: what the population chose for it, by name.
        score: of the last round, or the donor's after an exchange; None before the first round.
        history: one entry a round: `timesteps`, `score`, the `hyperparameters` it had, and
            `copied_from`, the index of the donor or None.
        until: environment steps at which its interval ends.
        streams: the states of its random streams, or None while it trains: then they are in place.
    """

    def __init__(self, index: int, seed: int, make: Make) -> None:
        self.index, self.seed = index, seed
        with preserved_streams():
            set_random_seed(seed)
            self.model = make(seed)
            _require_usable(self.model, index, seed)
            self.streams: dict[str, Any] | None = save_streams()
        self.hyperparameters: dict[str, float] = {}
        self.score: float | None = None
        self.history: list[dict[str, Any]] = []
        self.until = 0

    def __repr__(self) -> str:
        return f"Member({self.index}, score={self.score}, {self.hyperparameters})"

    @contextmanager
    def own_streams(self) -> Iterator[None]:
        """The member's streams in place of the global ones, which go on afterwards untouched.

        Raises:
            RuntimeError: the member is training right now.
        """
        if self.streams is None:
            raise RuntimeError(
                f"member {self.index} is training: change it between intervals, not from its "
                "callbacks"
            )
        with preserved_streams():
            prepare_streams(self.streams)()
            self.streams = None
            try:
                yield
            finally:
                self.streams = save_streams()

    def begin(
        self, total_timesteps: int, callback: MaybeCallback = None, tb_log_name: str = "PBT"
    ) -> CallbackRun:
        """Starts or resumes the `learn()` that ends at `total_timesteps` of this member.

        Returns:
            The callbacks, for `go_on`.
        """
        model, name = self.model, f"{tb_log_name}_{self.index}"
        with self.own_streams():
            afresh = model.num_timesteps == 0 and not model._loop.learning
            rest = total_timesteps - model.num_timesteps
            return start_learning(model, rest, callback, afresh, name, False)[1]

    def go_on(
        self, total_timesteps: int, callbacks: CallbackRun, log_interval: int | None = None
    ) -> bool:
        """Trains to the end of the interval.

        Returns:
            False when a callback asked to stop.
        """
        with self.own_streams():
            try:
                over = advance(self.model, total_timesteps, callbacks, log_interval, self.until)
            except Exception as error:
                error.add_note(f"raised by member {self.index} with {self.hyperparameters}")
                raise
        return not over or self.is_done(total_timesteps)

    def is_done(self, total_timesteps: int) -> bool:
        """Whether it has trained that long, the update after the last rollout included."""
        return self.model.num_timesteps >= total_timesteps and self.model._loop.phase == IDLE

    def measure(self, fitness: Fitness) -> float:
        """The fitness of the model; whatever is drawn to find it moves no stream of the member.

        Raises:
            TypeError: the fitness is not a number.
        """
        assert self.streams is not None
        with preserved_streams():
            prepare_streams(self.streams)()
            score = fitness(self.model)
        if isinstance(score, bool) or not hasattr(score, "__float__"):
            raise TypeError(
                f"fitness(model) returned {score!r} ({type(score).__name__}) for member "
                f"{self.index}: expected a number, higher for a better member"
            )
        return float(score)

    def record(self, score: float, donor: int | None) -> None:
        """Notes the round that is over, before anything is exchanged."""
        self.score = score
        self.history.append(
            {
                "timesteps": self.model.num_timesteps,
                "score": score,
                "hyperparameters": dict(self.hyperparameters),
                "copied_from": donor,
            }
        )

    def save(self, path: Any) -> None:
        """Writes this member alone, as `model.save` does, with its own streams in place.

        Raises:
            CheckpointError: as `DistributionalPPO.save`.
        """
        with self.own_streams():
            self.model.save(path)


def prepare_exchange(loser: Member, donor: Member, fresh_optimizer: bool) -> Apply:
    """Checks that the loser can take everything learned and chosen of the donor.

    What is exchanged is every part of the registry that is marked as learned, for these are only
    right together: the moments and the noise of the optimizer, the gradient statistics, the KL
    controller and the units of the returns belong to the weights, and so do the last episodes, of
    which the fitness is made. What stays is the run: streams, environment (with the statistics of a
    `VecNormalize`), counters.

    Args:
        loser: the member that takes.
        donor: the member that gives; it is not changed.
        fresh_optimizer: let the optimizer start afresh instead of taking the donor's state.

    Returns:
        What puts a copy in place, which shares nothing with the donor. Nothing has changed yet.

    Raises:
        RefusedExchange: a part does not fit the loser; names it.
        ValueError: a member with itself, or in the middle of a rollout.
    """
    idle = loser.streams is not None and loser.model._loop.phase == IDLE
    if loser is donor or not idle:
        raise ValueError(
            f"member {loser.index} cannot copy member {donor.index}: expected two members, the "
            f"copying one between rollouts, got {loser.model._loop.phase!r}; use intervals()"
        )
    states, streams = donor.model.get_parameters(), loser.streams
    if fresh_optimizer:
        optimizer, streams = _fresh_optimizer(loser)
        states["policy.optimizer"] |= optimizer
    restore = _prepare(loser, donor, states)
    windows = {name: copy.deepcopy(getattr(donor.model, name)) for name in _WINDOWS}

    def apply() -> None:
        restore()
        loser.streams, loser.score = streams, donor.score
        loser.hyperparameters = dict(donor.hyperparameters)
        put_all(loser.model, loser.hyperparameters)
        vars(loser.model).update(windows)

    return apply


def _prepare(loser: Member, donor: Member, states: dict[str, Any]) -> Apply:
    prepared = []
    for part in parts_of(type(loser.model)):
        if part.learned:
            try:
                prepared.append(part.prepare(loser.model, states[part.name]))
            except (CheckpointError, ValueError) as error:
                raise RefusedExchange(
                    f"member {loser.index} cannot take {part.name!r} of member {donor.index}, so "
                    f"it has taken nothing ({error}): let make() build all members alike"
                ) from error

    def apply() -> None:
        for restore in prepared:
            restore()

    return apply


def _fresh_optimizer(member: Member) -> tuple[dict[str, Any], dict[str, Any]]:
    """The state of a new optimizer over the same groups, and the member's streams after it.

    Its noise is seeded from the member's own stream, as that of every new optimizer is.
    """
    (part,) = (part for part in parts_of(type(member.model)) if part.name == "policy.optimizer")
    policy = member.model.policy
    current = policy.optimizer
    with preserved_streams():
        prepare_streams(member.streams or {})()
        kind: Any = type(current)
        policy.optimizer = kind([dict(group) for group in current.param_groups])
        try:
            state = part.save(member.model)
        finally:
            policy.optimizer = current
        streams = save_streams()
    # the groups hold hyper-parameters, which come from the donor like all others
    return {name: state[name] for name in ("states", "entries", "own")}, streams


def _require_usable(model: object, index: int, seed: int) -> None:
    """Checks what `make` returned.

    Raises:
        TypeError: it is no DistributionalPPO.
        ValueError: it has no environment or another seed, or is in the middle of a `learn()`.
    """
    if not isinstance(model, DistributionalPPO):
        raise TypeError(
            f"make returned {type(model).__name__} for member {index}: expected a DistributionalPPO"
        )
    problem = None
    if model.env is None:
        problem = "without an environment"
    elif model._loop.learning:
        problem = "in the middle of a learn()"
    elif model.seed != seed:
        # without it the environment would be seeded by the system, and no run could be repeated
        problem = f"with the seed {model.seed} instead of {seed}"
    if problem is not None:
        raise ValueError(
            f"make returned a model {problem} for member {index}: expected one in an environment "
            "of its own, not training, with the seed that make got: "
            "DistributionalPPO(..., seed=seed)"
        )


def require_apart(members: list[Member]) -> None:
    """Checks that no two members hold the same model or environment.

    Raises:
        ValueError: they do, so that training one would move the other.
    """
    owners: dict[int, int] = {}
    for member in members:
        for thing in (member.model, member.model.policy, *_environments_of(member.model.env)):
            owner = owners.setdefault(id(thing), member.index)
            if owner != member.index:
                raise ValueError(
                    f"members {owner} and {member.index} share one {type(thing).__name__}: make() "
                    "must build a new model and a new environment at every call"
                )


def _environments_of(env: Any) -> list[Any]:
    inside = [inner for value in vars(env).values() for inner in environments(value)]
    return [env, *(deeper for inner in inside for deeper in _environments_of(inner))]
