"""The kinds of losses: how one leaf of a live run is broken, in place, and whether it was."""

from __future__ import annotations

import sys
from collections import OrderedDict, deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ..causes.write import is_tensor
from ..core.stream_positions import move_to, position_of
from ..state.readers.objects import dict_getter
from .graph_edits import Edges, twin_of
from .numeric_operators import OF_NUMBERS, Edit, NoMutation, require, words

STRANGER = "resumeproof_stranger"


def _container(edges: Edges, place: int) -> None:
    item = edges.value(place)
    others: dict[type, Any] = {
        list: tuple, tuple: list, dict: OrderedDict, OrderedDict: dict, deque: list,
        set: frozenset, frozenset: set,
    }  # fmt: skip
    require(type(item) in others, "no plain container")
    edges.replace(place, others[type(item)](item))


def _reordered(edges: Edges, place: int) -> None:
    item = edges.value(place)
    require(isinstance(item, dict) and len(item) > 1, "no order")
    first = next(iter(item))
    item[first] = item.pop(first)


def _dropped(edges: Edges, place: int) -> None:
    edges.drop(place)


def _extra(edges: Edges, place: int) -> None:
    item = edges.value(place)
    if isinstance(item, dict):
        item[STRANGER] = True
    elif isinstance(item, list):
        item.append(True)
    elif isinstance(item, deque):
        require(item.maxlen != 0, "holds nothing")
        item.append(True)
    elif isinstance(item, set):
        item.add(STRANGER)
    elif type(item) is tuple:
        edges.replace(place, (*item, True))
    else:
        getter = dict_getter(type(item))
        require(getter is not None, "takes no attribute")
        getter(item)[STRANGER] = True  # type: ignore[misc]


def _shifted(edges: Edges, place: int) -> None:
    item = edges.value(place)
    if isinstance(item, np.random.BitGenerator):
        item.random_raw()
    elif type(item).__module__ == "random":
        item.random()
    else:
        torch = sys.modules.get("torch")
        require(torch is not None and isinstance(item, torch.Generator), "no stream")
        torch.rand(1, generator=item)  # type: ignore[union-attr]


def _half(edges: Edges, place: int) -> None:
    item = edges.value(place)
    position = position_of(item)
    if isinstance(item, np.random.BitGenerator):
        inner = position["state"]
        if "key" in inner:
            inner["key"][len(inner["key"]) // 2 :] ^= 1
        else:
            require("state" in inner, "state of a kind not known")
            inner["state"] ^= 1 << 7
    elif type(item).__module__ == "random":
        version, state, spare = position
        middle = (len(state) - 1) // 2
        position = version, (*(n ^ 1 for n in state[:middle]), *state[middle:]), spare
    else:
        require(position is not None and is_tensor(position) and len(position) > 4000, "no stream")
        position[24 : 24 + 312 * 8 : 8] ^= 1  # half of the words of the Mersenne twister
    move_to(item, position)


def _alias_cut(edges: Edges, place: int) -> None:
    edges.put(place, twin_of(edges.value(place)))


LOCAL: Mapping[str, Edit] = MappingProxyType(
    {
        **OF_NUMBERS,
        "dropped": _dropped,
        "stream shifted": _shifted,
        "half stream": _half,
    }
)
"""On every leaf that training moved, where they apply."""

OF_OWNERS: Mapping[str, Edit] = MappingProxyType(
    {"container": _container, "reordered": _reordered, "extra": _extra}
)
"""On every container or object that holds such a leaf."""

OF_NAMES: Mapping[str, Edit] = MappingProxyType({"alias cut": _alias_cut})
"""On every name of an object that has several."""

__all__ = ["LOCAL", "OF_NAMES", "OF_OWNERS", "NoMutation", "require", "words"]
