"""The search for causes where a run is spread over several ranks, which must train in step.

Each rank searches in turn among what it has lost itself. Meanwhile the others put back all that
they have lost, and resume with it whenever the one that searches does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ..core.randomness import preserved_streams
from . import ranks
from .attribution import Attribution
from .resuming import Resuming

_OVER = "over"


def search_in_turn(resuming: Resuming, search: Callable[[], Attribution]) -> Attribution:
    """Returns what the search finds on this rank, which has had its turn when all have.

    Args:
        resuming: the loads of this rank; all ranks must call this with the same cycle.
        search: looks for the causes among what this rank has lost.
    """
    with preserved_streams():
        # they need a run of the donor, which all ranks must train at the same time
        candidates = resuming.candidates
    found: list[Attribution] = []
    for turn in range(ranks.count()):
        if turn != ranks.own():
            _follow(turn, lambda until: resuming.resume_with(candidates, until))
            continue
        resuming.before_run = lambda until: ranks.of_one(ranks.own(), ("", until)) and None
        found.append(search())
        resuming.before_run = lambda until: None
        ranks.of_one(ranks.own(), (_OVER, None))
    return dataclasses.replace(found[0], elsewhere=_elsewhere(found[0]))


def _follow(rank: int, resume: Callable[[int | None], object]) -> None:
    while True:
        what, until = ranks.of_one(rank, ("", None))
        if what == _OVER:
            return
        resume(until)


def _elsewhere(found: Attribution) -> str:
    causes = ranks.of_all([str(mismatch.keypath) for mismatch in found.causes])
    others = [
        f"rank {rank}: {', '.join(lost)}"
        for rank, lost in enumerate(causes)
        if lost and rank != ranks.own()
    ]
    return "; ".join(others)
