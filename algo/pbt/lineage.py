"""Where the weights of a member come from: its schedule, the history as a table, and a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

from .hyperparameters import put_all
from .member import Member


@final
@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of the life of some weights: who trained them, from when to when, and with what.

    Attributes:
        member: index of the member that trained them.
        start: environment steps of these weights at the beginning.
        end: those at the end.
        hyperparameters: the values in force, by name.
    """

    member: int
    start: int
    end: int
    hyperparameters: dict[str, float]


def schedule_of(members: Sequence[Member], index: int) -> tuple[Stretch, ...]:
    """What the weights of a member lived through, from their first step on.

    A member that has copied another goes on with the life of the donor's weights: the schedule
    follows the weights, not the member.
    """
    lives: list[tuple[int, int, dict[str, float]]] = []
    current, member = index, members[index]
    trained = member.model.num_timesteps - _steps(member, len(member.history))
    lives.append((current, trained, dict(member.hyperparameters)))
    for place in reversed(range(len(member.history))):
        donor = members[current].history[place]["copied_from"]
        current = current if donor is None else donor
        steps = _steps(members[current], place + 1) - _steps(members[current], place)
        lives.append((current, steps, dict(members[current].history[place]["hyperparameters"])))
    return tuple(_joined(reversed(lives)))


def _steps(member: Member, rounds: int) -> int:
    """Environment steps of a member after so many rounds."""
    return int(member.history[rounds - 1]["timesteps"]) if rounds else 0


def _joined(lives: Iterator[tuple[int, int, dict[str, float]]]) -> Iterator[Stretch]:
    start = 0
    for member, steps, hyperparameters in lives:
        if steps:
            end = start + steps
            yield Stretch(member=member, start=start, end=end, hyperparameters=hyperparameters)
            start = end


def follow(member: Member, schedule: Sequence[Stretch], total_timesteps: int) -> Member:
    """Trains a new member with the hyper-parameters of each stretch, for as long as it lasted."""
    put_all(member.model, schedule[0].hyperparameters)
    callbacks = member.begin(total_timesteps)
    for stretch in schedule:
        member.hyperparameters, member.until = dict(stretch.hyperparameters), stretch.end
        put_all(member.model, member.hyperparameters)
        member.go_on(total_timesteps, callbacks)
    return member


def table_of(members: Sequence[Member]) -> list[dict[str, Any]]:
    """The history of every member, a row for each round and member, in order of the rounds."""
    rounds = max((len(member.history) for member in members), default=0)
    return [
        {"round": place, "member": member.index, **member.history[place]}
        for place in range(rounds)
        for member in members
        if place < len(member.history)
    ]


def as_json_lines(rows: Sequence[dict[str, Any]]) -> str:
    """One row a line; a score that is no number, for there was none, is null."""
    lines = (json.dumps({k: _plain(v) for k, v in row.items()}, allow_nan=False) for row in rows)
    return "".join(f"{line}\n" for line in lines)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


_LEFT, _TOP, _ROUND, _ROW = 60, 24, 48, 32


def as_svg(members: Sequence[Member]) -> str:
    """A picture: a line for each member, a point for each round, and an arrow for each copy."""
    rounds = max((len(member.history) for member in members), default=0)
    width, height = _LEFT + _ROUND * (rounds + 1), _TOP + _ROW * len(members)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        '<defs><marker id="a" markerWidth="7" markerHeight="7" refX="6" refY="3" orient="auto">'
        '<path d="M0,0 L6,3 L0,6 z" fill="#c33"/></marker></defs>',
    ]
    for member in members:
        parts += _row(member)
    return "\n".join([*parts, "</svg>", ""])


def _row(member: Member) -> Iterator[str]:
    y = _TOP + _ROW * member.index
    end = _LEFT + _ROUND * len(member.history)
    yield f'<text x="4" y="{y + 4}">member {member.index}</text>'
    yield f'<line x1="{_LEFT}" y1="{y}" x2="{end}" y2="{y}" stroke="#999"/>'
    for place, entry in enumerate(member.history, 1):
        x, score = _LEFT + _ROUND * place, entry["score"]
        shown = "none" if math.isnan(score) else f"{score:.4g}"
        yield f'<circle cx="{x}" cy="{y}" r="4"><title>score {shown}</title></circle>'
        if entry["copied_from"] is not None:
            donor = _TOP + _ROW * entry["copied_from"]
            yield (
                f'<line x1="{x}" y1="{donor}" x2="{x + _ROUND // 4}" y2="{y}" stroke="#c33" '
                'marker-end="url(#a)"/>'
            )
