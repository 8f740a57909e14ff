"""Population based training: members that train side by side, copy the better ones and explore.

Source: Jaderberg et al. 2017, https://arxiv.org/abs/1711.09846, algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from ..checkpoint import write
from ..maths.validation import require_whole
from ..run_state.callbacks import CallbackRun
from ..run_state.missing import InexactCheckpoint, collecting, warn_of_missing
from ..saving.paths import with_suffix
from ..saving.persistable import INEXACT
from ..saving.tree import without_unstorable
from .elsewhere import MakeCallback, Map, Plan, train_all
from .explore import sample_all
from .file import (
    read_population,
    restore_members,
    save_member,
    settings_as_data,
    settings_from_data,
)
from .hyperparameters import put_all, require_effect
from .lineage import Stretch, as_json_lines, as_svg, follow, schedule_of, table_of
from .member import Make, Member, prepare_exchange, require_apart
from .rounds import end_round, explore
from .settings import make_settings


@final
class Population:
    """Several `DistributionalPPO` that train in turns, with hyper-parameters that evolve.

    After every `interval` steps of each member the worst copy the best, everything learned
    included, and perturb the hyper-parameters. A member that is never touched ends bit for bit as
    a model of its seed that trained alone. The whole population saves and resumes exactly.

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
        self.settings, self._make = make_settings(settings), make
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
        *,
        map: Map | None = None,
    ) -> Population:
        """Trains every member for `total_timesteps` environment steps, counted from its start.

        One that was interrupted or loaded goes on where it was, with the same total; one that is
        done goes on when the total is raised.

        Args:
            total_timesteps: of each member.
            callback: called with each member before its training starts or resumes; returns its
                callbacks. One that asks to stop ends this call.
            log_interval: as in `DistributionalPPO.learn`.
            tb_log_name: as there; the index of the member is added.
            map: trains the members of an interval side by side in other processes, with the same
                bits: `map` of a process pool, or `lambda f, tasks: client.gather(client.map(f,
                tasks))` of a Dask client. `make` and `callback` are pickled; callbacks begin again
                in every interval, in the state that they were in. Threads will not do.

        Raises:
            ValueError: the total is not positive, or not that of the training in progress.
        """
        for _ in self.intervals(total_timesteps, callback, log_interval, tb_log_name, map=map):
            pass
        return self

    def intervals(
        self,
        total_timesteps: int,
        callback: MakeCallback | None = None,
        log_interval: int | None = 1,
        tb_log_name: str = "PBT",
        *,
        map: Map | None = None,
    ) -> Iterator[Member]:
        """As `learn`, in pieces: the member that has just trained for one interval, again and
        again. `save` may be called between any two of them.
        """  # noqa: D205
        require_whole("total_timesteps", total_timesteps, 1)
        is_training = self.turn > 0 or any(member.model._loop.learning for member in self.members)
        if is_training and total_timesteps != self.total_timesteps:
            raise ValueError(
                f"total_timesteps={total_timesteps}: the population is in the middle of "
                f"{self.total_timesteps}, on which its schedules depend; finish that first"
            )
        self.total_timesteps = total_timesteps
        return self._turns(callback, log_interval, tb_log_name, map)

    def exploit(self, loser: Member, donor: Member) -> None:
        """Gives the loser a copy of everything learned; see `pbt.member.prepare_exchange`.

        Raises:
            RefusedExchange: a part does not fit the loser, which is then as it was.
            ValueError: a member with itself, or in the middle of a rollout.
        """
        prepare_exchange(loser, donor, self.settings.optimizer == "reset")()

    def explore(self, member: Member) -> None:
        """Perturbs or resamples the member's hyper-parameters; its next update uses them."""
        explore(member, self.settings, self.generator)

    @property
    def history(self) -> list[dict[str, Any]]:
        """A row for each round and member: score, hyper-parameters, steps, and whom it copied."""
        return table_of(self.members)

    def write_history(self, path: str | Path) -> None:
        """Writes the history as JSON lines; a score that there was none of is null."""
        Path(path).write_text(as_json_lines(self.history), encoding="utf-8")

    def lineage(self) -> str:
        """Returns a picture of who copied whom, as SVG."""
        return as_svg(self.members)

    def schedule_of(self, member: Member) -> tuple[Stretch, ...]:
        """The schedule that the member's *weights* lived through, those of donors included."""
        return schedule_of(self.members, member.index)

    def replay(self, schedule: Sequence[Stretch], seed: int | None = None) -> Member:
        """Trains one new member by a schedule, alone.

        Args:
            schedule: as `schedule_of` returns it.
            seed: of the new member; left out, that of the member whose weights began it.
        """
        first = schedule[0].member
        member = Member(first, self.members[first].seed if seed is None else seed, self._make)
        require_apart([*self.members, member])
        return follow(member, schedule, max(self.total_timesteps, schedule[-1].end))

    def save(self, path: str | Path, *, exact: bool = False) -> None:
        """Writes the whole population as one sealed file, atomically, at any moment.

        May be called from a callback of a member that is training. What of a member cannot be
        saved is left out and told, as `DistributionalPPO.save` does.

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
        population.settings, population._make = settings_from_data(tree["settings"], settings), make
        population.generator = tree["generator"]
        population.total_timesteps = tree["total_timesteps"]
        population.round, population.turn = tree["round"], tree["turn"]
        population.members = restore_members(
            tree["members"], make, population.settings.explore, hyperparameters or {}
        )
        for member in population.members:
            member.model._missing = list(missing)
        return population

    def _turns(
        self, callback: MakeCallback | None, log_interval: int | None, name: str, map: Map | None
    ) -> Iterator[Member]:
        total = self.total_timesteps
        begun: dict[int, CallbackRun] = {}
        stopped: set[int] | None = None  # of the members that have trained elsewhere
        while self.turn or not self._is_done():
            if self.turn == len(self.members):
                self._end_round()
                stopped = None
                continue
            if map is not None and stopped is None:
                stopped = self._elsewhere(map, callback, log_interval, name)
            member = self.members[self.turn]
            if stopped is not None:
                if self.turn in stopped:
                    return
            elif not member.is_done(total):
                if self.turn not in begun:
                    own = None if callback is None else callback(member)
                    begun[self.turn] = member.begin(total, own, name)
                if not member.go_on(total, begun[self.turn], log_interval):
                    return
            self.turn += 1
            yield member

    def _elsewhere(
        self, map: Map, callback: MakeCallback | None, log_interval: int | None, name: str
    ) -> set[int]:
        """Trains everybody whose turn it is for one interval; returns who was asked to stop."""
        total = self.total_timesteps
        waiting = [m for m in self.members[self.turn :] if not m.is_done(total)]
        plan = Plan(
            make=self._make,
            callback=callback,
            explored=self.settings.explore,
            total_timesteps=total,
            log_interval=log_interval,
            tb_log_name=name,
        )
        return train_all(waiting, plan, map)

    def _is_done(self) -> bool:
        return all(member.is_done(self.total_timesteps) for member in self.members)

    def _begin_round(self) -> None:
        for member in self.members:
            member.until = member.model.num_timesteps + self.settings.interval

    def _end_round(self) -> None:
        """Scores every member, exchanges unless training is over, and begins the next round."""
        end_round(self.members, self.settings, self.generator, is_over=self._is_done())
        self.round, self.turn = self.round + 1, 0
        self._begin_round()
