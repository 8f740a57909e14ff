"""The processes that a run is spread over by `torch.distributed`; one, where there is no group.

They share one training: what one of them runs all must run, or it waits for them for ever.
"""

from __future__ import annotations

import sys
from typing import Any, TypeVar

T = TypeVar("T")


def _group() -> Any:
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return distributed


def count() -> int:
    """Returns how many there are."""
    group = _group()
    return group.get_world_size() if group else 1


def own() -> int:
    """Returns which of them this one is, from 0."""
    group = _group()
    return group.get_rank() if group else 0


def of_all(value: T) -> list[T]:
    """Returns what each of them has given here, by rank. All must call it."""
    if count() == 1:
        return [value]
    gathered: list[Any] = [None] * count()
    _group().all_gather_object(gathered, value)
    return gathered


def of_one(rank: int, value: T) -> T:
    """Returns what one of them has given here. All must call it; what the others give is lost."""
    if count() == 1:
        return value
    holder = [value]
    _group().broadcast_object_list(holder, src=rank)
    return holder[0]
