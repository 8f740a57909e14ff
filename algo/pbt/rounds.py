"""The end of a round: scores, who copies whom, and the hyper-parameters that are tried next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .explore import explore_all
from .hyperparameters import put_all
from .member import Member, prepare_exchange
from .selection import SELECTIONS, warn_without_scores
from .settings import Settings


def end_round(
    members: Sequence[Member],
    settings: Settings,
    generator: np.random.Generator,
    *,
    is_over: bool,
) -> None:
    """Scores every member and, unless training is over, exchanges; on any error, neither.

    Args:
        members: of the population, each at the end of its interval.
        settings: of the population.
        generator: of the population; where it was, if an exchange is refused.
        is_over: nobody would go on with a copy.

    Raises:
        RefusedExchange: a part does not fit a loser.
    """
    scores = [member.measure(settings.fitness) for member in members]
    drawn_before = generator.bit_generator.state
    try:
        pairs = [] if is_over else _select(members, scores, settings, generator)
        # nobody is loser and donor at once, so all can be checked before one is applied
        exploits = [prepare_exchange(*pair, settings.optimizer == "reset") for pair in pairs]
    except BaseException:
        generator.bit_generator.state = drawn_before
        raise
    donors = {loser.index: donor.index for loser, donor in pairs}
    for member, score in zip(members, scores, strict=True):
        member.record(score, donors.get(member.index))
    for (loser, _), exploit in zip(pairs, exploits, strict=True):
        exploit()
        explore(loser, settings, generator)


def explore(member: Member, settings: Settings, generator: np.random.Generator) -> None:
    """Perturbs or resamples the member's hyper-parameters; its next update uses them."""
    member.hyperparameters = explore_all(
        member.hyperparameters,
        settings.explore,
        settings.perturb,
        settings.resample_probability,
        generator,
    )
    put_all(member.model, member.hyperparameters)


def _select(
    members: Sequence[Member],
    scores: list[float],
    settings: Settings,
    generator: np.random.Generator,
) -> list[tuple[Member, Member]]:
    """Pairs of loser and donor."""
    warn_without_scores(scores)
    pairs = SELECTIONS[settings.selection](scores, settings.fraction, generator)
    return [(members[pair.loser], members[pair.donor]) for pair in pairs]
