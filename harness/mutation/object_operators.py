"""Operators on objects as such: containers, attributes, aliases, random streams."""

from __future__ import annotations

import sys
from collections import OrderedDict, deque
from typing import Any

import numpy as np

from ..core.stream_positions import move_to, position_of
from ..state.readers.objects import dict_getter
from ..transplant.write import is_tensor
from .graph_edits import attributes_of, twin_of
from .operator import Operand, Operator, Scope, require, unless

STRANGER = "resumeproof_stranger"


def _container(operand: Operand) -> None:
    item = operand.value
    others: dict[type, Any] = {
        list: tuple, tuple: list, dict: OrderedDict, OrderedDict: dict, deque: list,
        set: frozenset, frozenset: set,
    }  # fmt: skip
    require(type(item) in others, "no plain container")
    operand.replace(others[type(item)](item))


def _reordered(operand: Operand) -> None:
    item = operand.value
    require(isinstance(item, dict) and len(item) > 1, "no order")
    first = next(iter(item))
    item[first] = item.pop(first)


def _dropped(operand: Operand) -> None:
    operand.edges.drop(operand.place)


def _extra(operand: Operand) -> None:
    item = operand.value
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
        operand.replace((*item, True))
    else:
        getter = dict_getter(type(item))
        require(getter is not None, "takes no attribute")
        getter(item)[STRANGER] = True  # type: ignore[misc]


def _shifted(operand: Operand) -> None:
    item = operand.value
    if isinstance(item, np.random.BitGenerator):
        item.random_raw()
    elif type(item).__module__ == "random":
        item.random()
    else:
        torch = sys.modules.get("torch")
        require(torch is not None and isinstance(item, torch.Generator), "no stream")
        torch.rand(1, generator=item)  # type: ignore[union-attr]


def _half(operand: Operand) -> None:
    item = operand.value
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


def _alias_cut(operand: Operand) -> None:
    operand.put(twin_of(operand.value))


def _unlisted(operand: Operand) -> None:
    keypath = operand.mutant.keypath
    del attributes_of(operand.edges.graph.object_at(keypath.parent))[keypath.segments[-1]]


# where an operator would only find that it does not apply; each try costs a load
_MAY_BE_STREAM = unless(
    *("int", "bool", "float", "str", "bytes", "NoneType", "dict", "list", "tuple"), numeric=False
)

OPERATORS = (
    Operator(name="dropped", apply=_dropped),
    Operator(name="stream shifted", apply=_shifted, applies=_MAY_BE_STREAM),
    Operator(name="half stream", apply=_half, applies=_MAY_BE_STREAM),
    Operator(name="container", apply=_container, scope=Scope.OWNER),
    Operator(name="reordered", apply=_reordered, scope=Scope.OWNER),
    Operator(name="extra", apply=_extra, scope=Scope.OWNER),
    Operator(name="alias cut", apply=_alias_cut, scope=Scope.NAME),
    Operator(name="not in the snapshot", apply=_unlisted, scope=Scope.UNLISTED),
)
