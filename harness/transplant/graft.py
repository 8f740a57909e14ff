"""Two live runs side by side: which object of the one corresponds to which of the other."""

from __future__ import annotations

import copy
import types
import warnings
import weakref
from typing import Any, final

from ..state.snapshot import Snapshot
from .sites import Graph
from .write import Unreachable, is_tensor

_HALF_RUN = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


@final
class Counterparts:
    """What corresponds to each object of `donor` in `target`."""

    def __init__(self, donor: Graph, target: Graph) -> None:
        self.memo: dict[int, Any] = {}
        for mine, theirs in _pairs(donor.snapshot, target.snapshot):
            if mine in donor.objects and theirs in target.objects:
                self.memo[id(donor.objects[mine])] = target.objects[theirs]
        for item in donor.objects.values():
            # a tensor in the middle of an autograd graph cannot be copied; its values can
            if is_tensor(item) and not item.is_leaf:
                self.memo.setdefault(id(item), item.detach().clone())

    def graft(self, value: Any, *, own: bool = False) -> Any:
        """Returns what corresponds to a value in the target: the object there, or a copy.

        Args:
            value: an object of the donor.
            own: whether the object itself is copied, and only what it refers to looked up.

        Raises:
            Unreachable: there is no counterpart, and it cannot be copied; says why.
        """
        value = self._with_ids(value)
        if id(value) in self.memo and not own:
            return self.memo[id(value)]
        _require_copyable(value)
        memo = dict(self.memo)
        memo.pop(id(value), None)
        with warnings.catch_warnings():
            # Python 3.12 and 3.13 warn where an iterator of `itertools` is copied
            warnings.simplefilter("ignore", DeprecationWarning)
            made = copy.deepcopy(value, memo)
        if made is value and own and isinstance(value, types.FunctionType):
            raise Unreachable("a function cannot be copied: two runs would share it")
        if type(made) is not type(value):
            raise Unreachable(f"a copy of a {type(value).__name__} is a {type(made).__name__}")
        return made

    def _with_ids(self, value: Any) -> Any:
        """Returns the same, with the id of an object as that of its counterpart."""
        if type(value) is tuple and all(type(part) in (int, str) for part in value):
            return tuple(map(self._with_ids, value))
        known = self.memo.get(value) if type(value) is int else None
        return value if known is None else id(known)


def _require_copyable(value: Any) -> None:
    if isinstance(value, _HALF_RUN):
        raise Unreachable("half-run code cannot be copied, nor moved to another instruction")
    if type(value) in weakref.ProxyTypes or isinstance(value, weakref.ref):
        raise Unreachable("a weak reference belongs to the container and the run that made it")


def _pairs(donor: Snapshot, target: Snapshot) -> list[tuple[int, int]]:
    """Returns the rows of objects that have identity and stand at the same place in both graphs."""
    waiting, seen, taken = [(0, 0)], {0}, {0}
    for mine, theirs in waiting:  # grows while it is walked
        for segment, place in donor.children[mine].items():
            other = target.children[theirs].get(segment)
            if other is None:
                continue
            place, other = donor.target(place), target.target(other)
            if place in seen or other in taken or not _of_one_class(donor, place, target, other):
                continue
            seen.add(place)
            if target.kind(other).identity:  # one to one, as in a comparison
                taken.add(other)
            waiting.append((place, other))
    return [p for p in waiting[1:] if donor.kind(p[0]).identity and target.kind(p[1]).identity]


def _of_one_class(donor: Snapshot, place: int, target: Snapshot, other: int) -> bool:
    if donor.is_plain(place) or target.is_plain(other):
        return False
    return donor.type_name(place) == target.type_name(other)
