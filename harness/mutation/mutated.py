"""The subject whose load breaks one thing; all else is its own, so that checks run unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from ..core.scenario import Scenario
from ..state.capture import global_streams
from ..subjects.protocol import Subject
from ..transplant.sites import Graph, graph_of
from .graph_edits import Edges
from .mutant import Mutant
from .operator import NoMutation, Operand
from .operators import OPERATORS


@final
class Mutated:
    """A subject whose load breaks one thing; all else is delegated.

    Args:
        subject: what is loaded.
        mutant: what to break; nothing if None.
        donors: the run in other states, by the name an operator asks for.

    Attributes:
        broken: how many loads have been broken so far.
    """

    def __init__(
        self, subject: Subject, mutant: Mutant | None, donors: Mapping[str, Graph]
    ) -> None:
        self.subject: Any = subject
        self.mutant = mutant
        self.donors = donors
        self.saved: Any = None
        self.broken = 0

    def __getattr__(self, name: str) -> Any:
        if name == "subject":  # not yet set, where another process unpickles this
            raise AttributeError(name)
        return getattr(self.subject, name)

    def save(self, live: Any, target: Any) -> None:
        """Saves as the subject does; what was saved may be shared with what is loaded."""
        self.saved = live
        self.subject.save(live, target)

    def load(self, source: Any, scenario: Scenario) -> Any:
        """Loads as the subject does; then one thing is broken.

        Raises:
            NoMutation: it would stay as it is.
            Unreachable: the live object does not take it.
        """
        live = self.subject.load(source, scenario)
        if self.mutant is not None:
            self._break(live, self.mutant)
            self.broken += 1
        return live

    def graph(self, live: Any) -> Graph:
        """Returns a run as it is now, with the global streams."""
        roots = {**self.subject.roots(live), "streams": global_streams()}
        return graph_of(roots, tuple(self.subject.exclusions))

    def _saved_graph(self) -> Graph:
        if self.saved is None:
            raise NoMutation("nothing was saved beside it")
        return self.graph(self.saved)

    def _break(self, live: Any, mutant: Mutant) -> None:
        operator = OPERATORS[mutant.operator]
        operand = Operand(
            edges=Edges(self.graph(live)),
            mutant=mutant,
            donor=self.donors.get(operator.donor),
            saved=self._saved_graph,
            exclusions=self.subject.exclusions,
        )
        operator.apply(operand)
