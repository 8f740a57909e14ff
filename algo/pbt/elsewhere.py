"""One interval of a member in another process: its state travels, code and environment are made.

The exchange stays with the population: what comes back is the state after the interval, the same to
the bit as if the member had trained here. A member that cannot be saved exactly cannot travel.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from stable_baselines3.common.type_aliases import MaybeCallback

from ..checkpoint import read, write
from ..saving.part import Apply
from .explore import Prior
from .file import prepare_member, save_member
from .member import Make, Member

KIND = "Member"
MakeCallback = Callable[[Member], MaybeCallback]
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""`map(function, tasks)`: of a process pool, or of a Dask client that gathers."""


@final
@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is the same for every member of an interval.

    Attributes:
        make: builds the model of a member.
        callback: makes the callbacks of a member, or None.
        explored: the distributions of the hyper-parameters.
        total_timesteps: where the `learn()` of each member ends.
        log_interval: as in `learn()`.
        tb_log_name: as in `learn()`.
    """

    make: Make
    callback: MakeCallback | None
    explored: Mapping[str, Prior]
    total_timesteps: int
    log_interval: int | None
    tb_log_name: str


@final
@dataclass(frozen=True, kw_only=True)
class Task:
    """What another process needs to train one member: its place, its seed and its state."""

    index: int
    seed: int
    state: bytes
    plan: Plan


@final
@dataclass(frozen=True, kw_only=True)
class Result:
    """The member after the interval, as bytes, and whether it goes on."""

    state: bytes
    goes_on: bool


def pack(member: Member) -> bytes:
    """The whole member as bytes.

    Raises:
        CheckpointError: part of it cannot be saved, so that it would not be the same elsewhere.
    """
    file = io.BytesIO()
    write(file, save_member(member), kind=KIND)
    return file.getvalue()


def prepare_unpack(member: Member, state: bytes, explored: Mapping[str, Prior]) -> Apply:
    """Checks the bytes of a member; returns what puts them in place of what it is now."""
    return prepare_member(member, read(io.BytesIO(state))[1], explored)


def train_elsewhere(task: Task) -> Result:
    """Trains one member for one interval, in whichever process this is called."""
    plan = task.plan
    member = Member(task.index, task.seed, plan.make)
    prepare_unpack(member, task.state, plan.explored)()
    callback = None if plan.callback is None else plan.callback(member)
    callbacks = member.begin(plan.total_timesteps, callback, plan.tb_log_name)
    goes_on = member.go_on(plan.total_timesteps, callbacks, plan.log_interval)
    return Result(state=pack(member), goes_on=goes_on)


def train_all(members: Sequence[Member], plan: Plan, map: Map) -> set[int]:
    """Trains members elsewhere for one interval, and puts in place what comes back, all or none.

    Returns:
        The indices of those that a callback asked to stop.

    Raises:
        CheckpointError: a member cannot be saved exactly.
    """
    tasks = [Task(index=m.index, seed=m.seed, state=pack(m), plan=plan) for m in members]
    results = list(map(train_elsewhere, tasks))
    pairs = list(zip(members, results, strict=True))
    prepared = [prepare_unpack(member, result.state, plan.explored) for member, result in pairs]
    for apply in prepared:
        apply()
    return {member.index for member, result in pairs if not result.goes_on}
