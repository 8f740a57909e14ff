"""Runs to load into, again and again, that are trained once as long as they can be put right."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, final

from ..state.snapshot import Snapshot
from ..transplant.patch import Transplant
from ..transplant.sites import Graph, sites
from ..trial.trial import Trial

_MAX_ROUNDS = 4


@final
class Targets:
    """A run that is whole each time that it is asked for, whatever was loaded into it since.

    What a load has changed is put back from another such run. If it then is bit for bit as it was,
    it serves again; otherwise, and if it has trained on, a new one is made.

    Args:
        trial: whose runs they are.
        make: makes one.
    """

    def __init__(self, trial: Trial, make: Callable[[], Any]) -> None:
        self.trial = trial
        self.make = make
        self._current: tuple[Any, Snapshot] | None = None

    def whole(self) -> tuple[Any, Snapshot]:
        """Returns the run, and its state."""
        if self._current is None or not self._mend(*self._current):
            live = self.make()
            self._current = live, self.trial.session.capture(live)
        return self._current

    def give_up(self) -> None:
        """Has a new one made next time: this one trains on, which may move what nobody sees."""
        self._current = None

    @cached_property
    def _donor(self) -> Graph:
        return self.trial.session.graph(self.make())

    def _mend(self, live: Any, before: Snapshot) -> bool:
        """Returns whether it is as it was again; nothing is wrong with one that is not."""
        session = self.trial.session
        for _ in range(_MAX_ROUNDS):  # what is put back uncovers an order of keys
            graph = session.graph(live)
            differs = self.trial.compare(before, graph.snapshot, worded=False).mismatches
            if not differs:
                return True
            Transplant(self._donor, graph).put_all(sites(differs, self._donor, graph))
        return False
