"""Population based training: members that train side by side, copy the better ones and explore.

Source: Jaderberg et al. 2017, https://arxiv.org/abs/1711.09846, algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
from stable_baselines3.common.type_aliases import MaybeCallback

from ..checkpoint import write
from ..maths.validation import require_whole
from ..run_state.callbacks import CallbackRun
from ..run_state.missing import InexactCheckpoint, collecting, warn_of_missing
from ..saving.part import Apply
from ..saving.paths import with_suffix
from ..saving.persistable import INEXACT
from ..saving.tree import without_unstorable
from .explore import explore_all, sample_all
from .file import prepare_member, read_population, save_member, settings_as_data, settings_from_data
from .hyperparameters import put_all, require_effect, require_explored, require_legal
from .member import Make, Member, prepare_exchange, require_apart
from .selection import SELECTIONS, warn_without_scores
from .settings import make_settings

MakeCallback = Callable[[Member], MaybeCallback]


@final
class Population:
    """Several `DistributionalPPO` that train in turns, with hyper-parameters that evolve.

    After every `interval` steps of each member the worst copy the best, everything learned
    included, and perturb the hyper-parameters that they took over. A member that is never touched
    ends bit for bit as a model of its seed that trained alone. The whole population saves and
    resumes exactly.

    Args:
        make: builds the model of a member from its seed, in an environment of its own:
            `lambda seed: DistributionalPPO("MlpPolicy", "CartPole-v1", seed=seed)`.
        size: number of members, at least 2.
        seed: decides everything that the population draws, the seeds of the members included.
        **settings: see `pbt.settings.Settings`: `explore`, `interval`, `selection`,
            `fraction`, `optimizer`, `perturb`, `resample_probability`, `fitness`.

    Attributes:
        members: the members, in order.
        round: number of rounds that are over.
        turn: how many members have trained in the present round.

    Raises:
        TypeError: an unknown setting or hyper-parameter, or `make` returned something else.
        ValueError: a setting is out of its range, or members share a model or an environment.
    """

    def __init__(self, make: Make, *, size: int = 4, seed: int = 0, **settings: Any) -> None:
        require_whole("size", size, 2)
        require_whole("seed", seed, 0)
        self.settings = make_settings(settings)
        self.generator = np.random.default_rng(seed)
        self.total_timesteps = self.round = self.turn = 0
        seeds = self.generator.integers(2**31, size=size).tolist()
        self.members = [Member(index, own, make) for index, own in enumerate(seeds)]
        require_apart(self.members)
        for member in self.members:
            require_effect(member.model, self.settings.explore, f"member {member.index}")
            member.hyperparameters = sample_all(self.settings.explore, self.generator)
            put_all(member.model, member.hyperparameters)
        self._begin_round()

    @property
    def best(self) -> Member:
        """The member with the highest score so far; the first one before any round."""
        known = [m for m in self.members if m.score is not None and not math.isnan(m.score)]
        return max(known, key=lambda member: member.score, default=self.members[0])  # type: ignore[arg-type, return-value]

    def learn(
        self,
        total_timesteps: int,
        callback: MakeCallback | None = None,
        log_interval: int | None = 1,
        tb_log_name: str = "PBT",
    ) -> Population:
        """Trains every member for `total_timesteps` environment steps, counted from its start.

        A population that was interrupted or loaded goes on where it was; call it with the same
        total. One that is done goes on when the total is raised.

        Args:
            total_timesteps: of each member.
            callback: called with each member before its training starts or resumes; returns its
                callbacks. One that asks to stop ends this call.
            log_interval: as in `DistributionalPPO.learn`.
            tb_log_name: as there; the index of the member is added.

        Raises:
            ValueError: the total is not positive, or not that of the training in progress.
        """
        for _ in self.intervals(total_timesteps, callback, log_interval, tb_log_name):
            pass
        return self

    def intervals(
        self,
        total_timesteps: int,
        callback: MakeCallback | None = None,
        log_interval: int | None = 1,
        tb_log_name: str = "PBT",
    ) -> Iterator[Member]:
        """As `learn`, in pieces: the member that has just trained for one interval, again and
        again. `save` may be called between any two of them.
        """  # noqa: D205
        require_whole("total_timesteps", total_timesteps, 1)
        if self._is_training() and total_timesteps != self.total_timesteps:
            raise ValueError(
                f"total_timesteps={total_timesteps}: the population is in the middle of "
                f"{self.total_timesteps}, on which its schedules depend; finish that first"
            )
        self.total_timesteps = total_timesteps
        return self._turns(callback, log_interval, tb_log_name)

    def exploit(self, loser: Member, donor: Member) -> None:
        """Gives the loser a copy of everything that the donor has learned.

        What that is, and what stays the loser's own, says `pbt_member.prepare_exchange`.

        Raises:
            RefusedExchange: a part does not fit the loser, which is then as it was.
            ValueError: a member with itself, or in the middle of a rollout.
        """
        self._prepare_exploit(loser, donor)()

    def explore(self, member: Member) -> None:
        """Perturbs or resamples the member's hyper-parameters; its next update uses them."""
        s = self.settings
        member.hyperparameters = explore_all(
            member.hyperparameters, s.explore, s.perturb, s.resample_probability, self.generator
        )
        put_all(member.model, member.hyperparameters)

    def save(self, path: str | Path, *, exact: bool = False) -> None:
        """Writes the whole population as one checkpoint, atomically, at any moment.

        It has the form of a model's checkpoint, one sealed file, so that the members in it are
        always of the same moment: a crash leaves the old file or the new one. May be called from
        a callback of a member that is training.

        What of a member cannot be saved is left out and told, as `DistributionalPPO.save` does.

        Raises:
            CheckpointError: with `exact`, part of a member cannot be saved; says what to write. A
                member was interrupted in the middle of a step.
        """
        missing: list[str] = []
        if exact:
            tree = self._tree()
        else:
            with collecting() as missing:
                tree = without_unstorable(self._tree(), "population")
            warn_of_missing(missing, InexactCheckpoint, INEXACT, stacklevel=2)
        target = with_suffix(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, tree, kind=type(self).__name__, missing=missing)

    def _tree(self) -> dict[str, Any]:
        return {
            "settings": settings_as_data(self.settings),
            "members": [save_member(member) for member in self.members],
            "generator": self.generator,
            "total_timesteps": self.total_timesteps,
            "round": self.round,
            "turn": self.turn,
        }

    @classmethod
    def load(
        cls,
        path: str | Path,
        make: Make,
        *,
        hyperparameters: Mapping[str, float] | None = None,
        **settings: Any,
    ) -> Population:
        """Reads a population; `learn` with the same total then resumes it.

        Args:
            path: the file.
            make: builds the members as they were built for the run; code and environments come
                from it, everything else from the file.
            hyperparameters: values that win over what every member had.
            **settings: those that win over the file; a fitness of your own is passed again.

        Raises:
            CheckpointError: the file is damaged, foreign, newer, or `make` builds other models;
                nothing has been changed then.
        """
        tree, missing = read_population(path)
        population = cls.__new__(cls)
        population.settings = settings_from_data(tree["settings"], settings)
        population.generator = tree["generator"]
        population.total_timesteps = tree["total_timesteps"]
        population.round, population.turn = tree["round"], tree["turn"]
        population.members = [
            Member(index, state["seed"], make) for index, state in enumerate(tree["members"])
        ]
        require_apart(population.members)
        explored = population.settings.explore
        prepared = [
            prepare_member(member, state, explored)
            for member, state in zip(population.members, tree["members"], strict=True)
        ]
        chosen = {name: (hyperparameters or {})[name] for name in hyperparameters or {}}
        require_legal(chosen, "hyperparameters")
        require_explored(chosen, explored)
        for member, apply in zip(population.members, prepared, strict=True):
            apply()
            member.model._missing = list(missing)
            member.hyperparameters |= chosen
            put_all(member.model, member.hyperparameters)
        return population

    def _is_training(self) -> bool:
        return self.turn > 0 or any(member.model._loop.learning for member in self.members)

    def _turns(
        self, callback: MakeCallback | None, log_interval: int | None, tb_log_name: str
    ) -> Iterator[Member]:
        total = self.total_timesteps
        begun: dict[int, CallbackRun] = {}
        while self.turn or not self._is_done():
            if self.turn == len(self.members):
                self._end_round()
                continue
            member = self.members[self.turn]
            if not member.is_done(total):
                if self.turn not in begun:
                    own = None if callback is None else callback(member)
                    begun[self.turn] = member.begin(total, own, tb_log_name)
                if not member.go_on(total, begun[self.turn], log_interval):
                    return
            self.turn += 1
            yield member

    def _is_done(self) -> bool:
        return all(member.is_done(self.total_timesteps) for member in self.members)

    def _begin_round(self) -> None:
        for member in self.members:
            member.until = member.model.num_timesteps + self.settings.interval

    def _end_round(self) -> None:
        """Scores every member, exchanges unless training is over, and begins the next round."""
        scores = [member.measure(self.settings.fitness) for member in self.members]
        drawn_before = self.generator.bit_generator.state
        try:
            pairs = self._select(scores)
            # nobody is loser and donor at once, so all can be checked before one is applied
            exploits = [self._prepare_exploit(*pair) for pair in pairs]
        except BaseException:
            self.generator.bit_generator.state = drawn_before
            raise
        self._record(scores, {loser.index: donor.index for loser, donor in pairs})
        for (loser, _), exploit in zip(pairs, exploits, strict=True):
            exploit()
            self.explore(loser)
        self.round, self.turn = self.round + 1, 0
        self._begin_round()

    def _select(self, scores: list[float]) -> list[tuple[Member, Member]]:
        """Pairs of loser and donor; none once training is over, for nobody would go on."""
        if self._is_done():
            return []
        warn_without_scores(scores)
        select = SELECTIONS[self.settings.selection]
        pairs = select(scores, self.settings.fraction, self.generator)
        return [(self.members[pair.loser], self.members[pair.donor]) for pair in pairs]

    def _prepare_exploit(self, loser: Member, donor: Member) -> Apply:
        return prepare_exchange(loser, donor, fresh_optimizer=self.settings.optimizer == "reset")

    def _record(self, scores: list[float], donors: Mapping[int, int]) -> None:
        for member, score in zip(self.members, scores, strict=True):
            member.score = score
            member.history.append(
                {
                    "timesteps": member.model.num_timesteps,
                    "score": score,
                    "hyperparameters": dict(member.hyperparameters),
                    "copied_from": donors.get(member.index),
                }
            )
