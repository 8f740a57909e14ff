"""Writing to a live object as directly as capture reads it: no property and no `__setattr__`."""

from __future__ import annotations

import sys
import types
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Any, final

from ..core.keypath import Segment
from ..state.readers.objects import dict_getter

_PARTS = ("_parameters", "_buffers", "_modules")


@final
class Unreachable(Exception):
    """A difference cannot be put back into the live object; the text says why."""


def assign(owner: Any, segment: Segment, key: Any, value: Any) -> None:
    """Sets the item or attribute of `owner` behind a segment.

    Args:
        owner: the live object.
        segment: as in its KeyPath.
        key: of a mapping, the key itself.
        value: what to put there.

    Raises:
        Unreachable: an owner of this kind does not take it.
    """
    if isinstance(segment, tuple) and isinstance(owner, dict):
        owner[key] = value
    elif isinstance(segment, int) and isinstance(owner, list | deque):
        owner[segment] = value
    elif isinstance(segment, str) and not segment.startswith("<"):
        _set_attribute(owner, segment, value)
    else:
        raise Unreachable(f"{type(owner).__name__} does not take {segment!r}")


def _set_attribute(owner: Any, name: str, value: Any) -> None:
    if isinstance(owner, types.CellType):
        owner.cell_contents = value
        return
    getter = dict_getter(type(owner))
    own = getter(owner) if getter else {}
    for part in _PARTS:
        if part in own and name in own[part]:
            own[part][name] = value
            return
    if getter and (name in own or not hasattr(type(owner), name)):
        own[name] = value
    else:  # slots, and fields of extension types such as the gradient of a tensor
        object.__setattr__(owner, name, value)


def remove(owner: Any, segment: Segment, key: Any) -> None:
    """Deletes the item or attribute of `owner` behind a segment.

    Raises:
        Unreachable: an owner of this kind cannot lose it.
    """
    if isinstance(segment, tuple) and isinstance(owner, dict):
        del owner[key]
    elif segment in ("grad", "_backward_hooks"):  # fields of a tensor
        setattr(owner, str(segment), None)
    elif isinstance(segment, str):
        object.__delattr__(owner, segment)
    else:
        raise Unreachable(f"{type(owner).__name__} cannot lose {segment!r}")


def reorder(owner: dict[Any, Any], keys: Sequence[Any]) -> None:
    """Puts the items of a mapping in the order of these keys; they are all of its keys.

    Raises:
        Unreachable: they are not.
    """
    items = dict(items_of(owner))
    if len(items) != len(keys) or not all(key in items for key in keys):
        raise Unreachable("its keys are not those whose order is to be put back")
    kind = OrderedDict if isinstance(owner, OrderedDict) else dict
    kind.clear(owner)
    for key in keys:
        kind.__setitem__(owner, key, items[key])


def items_of(owner: dict[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """Returns keys and values as capture reads them: `move_to_end` changes an order of its own."""
    return OrderedDict.items(owner) if isinstance(owner, OrderedDict) else dict.items(owner)


def is_tensor(item: object) -> Any:
    """Returns whether it is a tensor, without importing torch for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(item, torch.Tensor)
