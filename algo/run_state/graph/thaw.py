"""A stored tree as live objects: those of the run where it has them, new ones where it has not."""

from __future__ import annotations

import enum
import functools
import types
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np
import torch

from ...checkpoint import MismatchedCheckpoint, Stored
from .natives import native_named
from .reachable import Reachable
from .shape import CONTAINERS, attributes_of, built_in_base, name_of, set_attributes

_ADVICE = (
    "expected the live environment to reach {what}, which the run's held, got none of that name: "
    "build it as the run's was, or list the class in it, checkpoint_classes = (TheClass,)"
)


@final
class Thawer:
    """Makes the objects of one checkpoint; what was one object is one again.

    Args:
        reachable: the code that may be named.
        places: what was saved elsewhere: by kind, what stands at each number.
    """

    def __init__(self, reachable: Reachable, places: Mapping[str, list[Any]]) -> None:
        self._reachable = reachable
        self._places = places
        self._made: dict[int, tuple[Any, Any]] = {}
        self._used: set[int] = set()

    def check(self, tree: Any, path: str, met: set[int] | None = None) -> None:
        """Looks up every class and every piece of code; changes nothing.

        Raises:
            MismatchedCheckpoint: the live run does not reach one of them.
        """
        met = set() if met is None else met
        if id(tree) in met:
            return
        met.add(id(tree))
        if isinstance(tree, Stored):
            self._require(tree, path)
            self.check(tree.content, path, met)
        elif isinstance(tree, dict):
            for key, item in tree.items():
                self.check(key, path, met)
                self.check(item, f"{path}[{key!r}]", met)
        elif isinstance(tree, (list, tuple, set, frozenset, deque)):
            for item in tree:
                self.check(item, path, met)

    def thaw(self, tree: Any, live: Any = None) -> Any:
        """Returns the live value for a tree that has been checked.

        Args:
            tree: what the checkpoint holds.
            live: what stands in its place now; an object of the same class is filled, not replaced.
        """
        if id(tree) in self._made:
            return self._made[id(tree)][1]
        if isinstance(tree, Stored):
            return self._keep(tree, _MAKERS[tree.kind](self, tree, live))
        if type(tree) in CONTAINERS and _needs_thawing(tree):
            return self._container(tree, live)
        if isinstance(tree, torch.Tensor):
            return self._keep(tree, self._tensor(tree, live))
        return tree

    def _require(self, stored: Stored, path: str) -> None:
        if stored.kind not in _MAKERS:
            raise MismatchedCheckpoint(
                f"{path}: expected one of {sorted(_MAKERS)}, got {stored.kind!r}: the file was not "
                "written by this version"
            )
        if stored.kind == "native" and native_named(stored.name) is None:
            raise MismatchedCheckpoint(
                f"{path} was a {stored.name}, expected its library to be loaded: build the "
                "environment as the run's was"
            )
        if stored.kind in _NAMED and self._reachable.code(stored.name) is None:
            raise MismatchedCheckpoint(f"{path}: {_ADVICE.format(what=stored.name)}")
        if stored.kind in _CLASSES:
            cls = self._reachable.code(stored.name)
            if not isinstance(cls, type) or built_in_base(cls) is None:
                raise MismatchedCheckpoint(
                    f"{path}: expected {stored.name} to be a class of Python objects, got {cls!r}"
                )

    def _keep(self, tree: Any, made: Any) -> Any:
        self._made[id(tree)] = (tree, made)
        return made

    def _container(self, tree: Any, live: Any) -> Any:
        if isinstance(tree, (tuple, frozenset, set)):
            inner = live if isinstance(live, tuple) and len(live) == len(tree) else ()
            items = [self.thaw(item, _at(inner, i)) for i, item in enumerate(tree)]
            return self._keep(tree, type(tree)(items))
        made: Any = deque(maxlen=tree.maxlen) if isinstance(tree, deque) else type(tree)()
        self._keep(tree, made)
        if isinstance(tree, dict):
            beside = live if isinstance(live, dict) else {}
            for key, item in tree.items():
                made[self.thaw(key)] = self.thaw(
                    item, None if isinstance(key, Stored) else beside.get(key)
                )
        else:
            items_now = live if isinstance(live, (list, deque)) else ()
            made.extend(self.thaw(item, _at(items_now, i)) for i, item in enumerate(tree))
        return made

    def _object(self, stored: Stored, live: Any) -> Any:
        cls = self._reachable.code(stored.name)
        if name_of(type(live)) == stored.name and self._take(live):
            made, before = live, attributes_of(live)
        else:
            made, before = object.__new__(cls), {}
        self._keep(stored, made)
        content = {name: self.thaw(kept, before.get(name)) for name, kept in stored.content.items()}
        set_attributes(made, content)
        return made

    def _tensor(self, tree: torch.Tensor, live: Any) -> torch.Tensor:
        """The live tensor with the stored values: an optimizer or a network may hold it, too."""
        if not (isinstance(live, torch.Tensor) and _fits(live, tree) and self._take(live)):
            return tree
        with torch.no_grad():
            return live.copy_(tree)

    def _parameter(self, stored: Stored, live: Any) -> torch.Tensor:
        return self._tensor(stored.content.requires_grad_(), live)

    def _take(self, live: Any) -> bool:
        """Whether no other object of the checkpoint has taken this live one yet."""
        if id(live) in self._used:
            return False
        self._used.add(id(live))
        return True

    def _container_object(self, stored: Stored, live: Any) -> Any:
        cls = self._reachable.code(stored.name)
        items, attributes = stored.content
        base: Any = built_in_base(cls)
        if base in (tuple, frozenset):
            made = base.__new__(cls, self.thaw(items, live))
        else:
            made = base.__new__(cls)
            self._keep(stored, made)
            made_items = self.thaw(items)
            base.__init__(made, *((made_items, items.maxlen) if base is deque else (made_items,)))
        if attributes:
            set_attributes(made, {n: self.thaw(kept) for n, kept in attributes.items()})
        return made

    def _value(self, stored: Stored, _live: Any) -> Any:
        cls = self._reachable.code(stored.name)
        base: Any = built_in_base(cls)
        plain, attributes = stored.content
        made = base.__new__(cls, plain)
        if attributes:
            set_attributes(made, {n: self.thaw(kept) for n, kept in attributes.items()})
        return made

    def _native(self, stored: Stored, live: Any) -> Any:
        row = native_named(stored.name)
        assert row is not None, "check() refuses names that are not in the table"
        fits = isinstance(live, row.type() or ())
        return row.put(stored.content, live if fits else None)

    def _method(self, stored: Stored, _live: Any) -> Any:
        owner, name = stored.content
        owner = self.thaw(owner)
        function = getattr(owner if isinstance(owner, type) else type(owner), name, None)
        if not callable(function) or isinstance(function, type):
            raise MismatchedCheckpoint(
                f"expected {type(owner).__name__} to have the method {name}, got {function!r}"
            )
        return getattr(owner, name)

    def _enum(self, stored: Stored, _live: Any) -> Any:
        members = self._reachable.code(stored.name)
        if not (isinstance(members, enum.EnumMeta) and stored.content in members.__members__):
            raise MismatchedCheckpoint(
                f"expected {stored.name} to have the member {stored.content!r}, got none"
            )
        return members[stored.content]

    def _code(self, stored: Stored, live: Any) -> Any:
        same = isinstance(live, (type, types.FunctionType)) and name_of(live) == stored.name
        return live if same else self._reachable.code(stored.name)

    def _module(self, stored: Stored, live: Any) -> Any:
        if isinstance(live, types.ModuleType) and live.__name__ == stored.name:
            return live
        raise MismatchedCheckpoint(
            f"expected the live environment to hold the module {stored.name} where the run's did"
        )

    def _object_array(self, stored: Stored, _live: Any) -> Any:
        shape, items = stored.content
        made = np.empty(shape, object)
        flat: list[Any] = [{} for _ in range(made.size)]
        for index, item in items.items():
            flat[index] = self.thaw(item)
        made[...] = np.fromiter(flat, object, len(flat)).reshape(shape)
        return made

    def _yours(self, stored: Stored, live: Any) -> Any:
        if callable(live) and name_of(live) == stored.name:
            return live
        raise MismatchedCheckpoint(
            f"expected your own {stored.name}, which a checkpoint does not hold, got {live!r}: "
            "pass it again under the name of its argument"
        )

    def _partial(self, stored: Stored, _live: Any) -> Any:
        function, arguments, keywords = (self.thaw(part) for part in stored.content)
        return functools.partial(function, *arguments, **keywords)

    def _defaultdict(self, stored: Stored, _live: Any) -> Any:
        factory, items = stored.content
        made: Any = defaultdict(self.thaw(factory))
        self._keep(stored, made)
        made.update(self.thaw(items))
        return made

    def _place(self, stored: Stored, _live: Any) -> Any:
        return self._places[stored.kind][stored.content]


def _at(items: Any, index: int) -> Any:
    return items[index] if index < len(items) else None


def _fits(live: torch.Tensor, stored: torch.Tensor) -> bool:
    return all(
        getattr(live, fact) == getattr(stored, fact)
        for fact in ("shape", "dtype", "device", "requires_grad")
    )


def _needs_thawing(tree: Any, met: frozenset[int] = frozenset()) -> bool:
    if isinstance(tree, (Stored, torch.Tensor)):
        return True
    if type(tree) not in CONTAINERS or id(tree) in met:
        return False
    met = met | {id(tree)}
    inner = [*tree.keys(), *tree.values()] if isinstance(tree, dict) else tree
    return any(_needs_thawing(item, met) for item in inner)


PLACES = ("level", "module", "optimizer")
"""What may be saved elsewhere: environments, networks and optimizers of the run."""

_CLASSES = ("object", "container", "value")
_NAMED = (*_CLASSES, "enum", "code")
_MAKERS: dict[str, Callable[[Thawer, Stored, Any], Any]] = {
    "object": Thawer._object,
    "container": Thawer._container_object,
    "value": Thawer._value,
    "native": Thawer._native,
    "method": Thawer._method,
    "enum": Thawer._enum,
    "code": Thawer._code,
    "python module": Thawer._module,
    "partial": Thawer._partial,
    "defaultdict": Thawer._defaultdict,
    "object array": Thawer._object_array,
    "parameter": Thawer._parameter,
    "yours": Thawer._yours,
    **dict.fromkeys(PLACES, Thawer._place),
}
