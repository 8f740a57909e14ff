"""Ways out of one run into another beside its files: parameters, pickle, deepcopy.

A run is taken when it is saved, and made again, as often as asked, when it is loaded.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

from ..core.errors import InvalidScenario
from ..core.randomness import Streams
from ..subjects.capabilities import capabilities_of
from ..subjects.protocol import Subject

Again = Callable[[Callable[[], Any], Callable[[], Any]], Any]
"""Makes the run again: `again(load, stranger)`, the run in the file and one of another seed."""

BESIDE_FILES = ("parameters", "pickle", "deepcopy")


def take(subject: Subject, live: Any, medium: str) -> Again | None:
    """What a medium takes from a live run; None where the file is all there is.

    Copies of a run do not hold the global random streams, so their positions go along.
    """
    if medium == "parameters":
        return _parameters(subject, live)
    if medium not in BESIDE_FILES:
        return None
    streams = Streams.save()
    if medium == "pickle":
        stored = pickle.dumps(live)
        return lambda load, stranger: _after(streams, lambda: pickle.loads(stored))
    held = copy.deepcopy(live)
    return lambda load, stranger: _after(streams, lambda: copy.deepcopy(held))


def _parameters(subject: Subject, live: Any) -> Again:
    offered = capabilities_of(subject)
    state, restore = offered.state, offered.restore
    if state is None or restore is None:
        raise InvalidScenario(
            f"expected a medium that {subject.name} has, got medium='parameters' without "
            "`state` and `restore` in its capabilities: choose medium='file'"
        )
    stored = pickle.dumps(state(live))

    def again(load: Callable[[], Any], stranger: Callable[[], Any]) -> Any:
        foreign = copy.deepcopy(state(stranger()))
        target = load()
        # the stranger's spoil what the file has brought: only set_parameters can mend it
        restore(target, foreign)
        restore(target, pickle.loads(stored))
        return target

    return again


def _after(streams: Streams, make: Callable[[], Any]) -> Any:
    made = make()
    streams.restore()
    return made
