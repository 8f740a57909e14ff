"""What torch's own `load_state_dict` does to everyone who calls it, found out by calling it.

| of | takes in silence | otherwise |
|---|---|---|
| a module | nothing | loads what fits, and then raises |
| an optimizer | entries too few, too many, of any shape | goes by position; shares tensors |
| a scheduler, a scaler | entries too few or too many | some raise halfway |

No user can mend that, so it fails nobody who has not declared to be strict. It is found out by
calling torch's method itself, known by its identity, on an object of the run. A class that loads in
a way of its own, on top of torch's or beside it, answers for what torch's would not have done.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, final

from ..files.damages import Path as Way
from ..files.damages import dicts_in, entry_at
from ..state.capture import walk_roots
from ..trial.trial import Trial

_LOAD = "load_state_dict"
_HOOKS = (
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


@final
@dataclass(frozen=True, kw_only=True)
class Taker:
    """An object of torch, and where the state of a run holds what it takes.

    Attributes:
        part: the live object.
        way: to the dict in the state.
    """

    part: Any
    way: Way

    @property
    def name(self) -> str:
        """How its class is called."""
        return type(self.part).__name__

    def holds(self, way: Way, *, inside: bool) -> bool:
        """Returns whether a place lies in its dict, or is this dict where `inside` is false."""
        return way[: len(self.way)] == self.way and len(way) >= len(self.way) + inside

    def takes(self, state: Any) -> bool:
        """Returns whether torch loads it from such a state of the run without an error."""
        try:
            self.load(copy.deepcopy(state))
        except Exception:  # whatever torch raises, it has not been silent
            return False
        return True

    def load(self, state: Any) -> None:
        """Loads it by torch's own method from such a state of the run, whatever its class does."""
        owner = _owner(self.part, _LOAD)
        getattr(owner, _LOAD)(self.part, entry_at(state, self.way))


def takers(trial: Trial, live: Any, state: Any) -> list[Taker]:
    """Returns every object of a run that torch can load from a dict of its state.

    Args:
        trial: says what the run is made of.
        live: the run, which nothing damaged was loaded into.
        state: as it was saved, whole.
    """
    if "torch" not in sys.modules:
        return []
    _, objects = walk_roots(trial.subject.roots(live), tuple(trial.subject.exclusions))
    places = list(dicts_in(state))
    parts = [(part, _layout(part.state_dict())) for part in _stock(objects.values())]
    return [
        Taker(part=part, way=way)
        for part, layout in parts
        for way, at in places
        if layout == _layout(at)
    ]


def _layout(state: Any) -> Any:
    """What tells one part's state from another's: its keys, and how many parameters it is for."""
    if set(state) != {"state", "param_groups"}:
        return set(state)
    groups = state["param_groups"]
    return [len(group["params"]) for group in groups if isinstance(group, dict)]


def _stock(objects: Iterable[Any]) -> Iterator[Any]:
    for item in objects:
        if not isinstance(item, type) and _owner(item, _LOAD) and _loaded_by_torch_alone(item):
            yield item


def _loaded_by_torch_alone(part: Any) -> bool:
    """Whether nobody else's code runs where torch's own method loads it."""
    torch = sys.modules["torch"]
    if not isinstance(part, torch.nn.Module):
        return not _hooked(part)
    # a module hands on to those in it, each by a method of its own
    inner = "_load_from_state_dict"
    return all(_of_torch(each, inner) and not _hooked(each) for each in part.modules())


def _owner(part: Any, method: str) -> type | None:
    """The class of torch, the very one that is there by its name, whose method it has inherited."""
    for kind in type(part).__mro__:
        if method in vars(kind) and kind.__module__.partition(".")[0] == "torch":
            module = sys.modules.get(kind.__module__)
            return kind if getattr(module, kind.__name__, None) is kind else None
    return None


def _of_torch(part: Any, method: str) -> bool:
    """Whether nobody has overridden torch's."""
    first = next((kind for kind in type(part).__mro__ if method in vars(kind)), None)
    return first is not None and first is _owner(part, method) and method not in vars(part)


def _hooked(part: Any) -> bool:
    """Whether code that is not torch's is called at a load."""
    hooks = (hook for name in _HOOKS for hook in vars(part).get(name, {}).values())
    called = (getattr(hook, "hook", hook) for hook in hooks)
    return any(str(getattr(h, "__module__", "")).partition(".")[0] != "torch" for h in called)
