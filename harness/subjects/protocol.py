"""What can be put under test: an adapter is one file, a subject one small object.

| method | promise |
|---|---|
| `build(scenario)` | a fresh run, seeded by the scenario |
| `train(live, until, visits)` | goes on to `until` steps; calls `visits[t](live)` when t are done |
| `save(live, target)` | writes the run to a path or a binary stream |
| `load(source, scenario)` | the run read back into a *poisoned* target: used, otherwise seeded |
| `roots(live)` | the objects whose graphs are the run's state, by name |
| `boundaries(scenario)` | the steps at which two runs are compared |

A subject may offer more in a member `capabilities`, a `subjects.capabilities.Capabilities`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..core.errors import InvalidSubject
from ..core.exclusions import Exclusion
from ..core.scenario import Scenario

MEMBERS = ("build", "train", "save", "load", "roots", "boundaries")
"""The methods that make a subject."""

Visits = Mapping[int, Callable[[Any], None]]


class Subject(Protocol):
    """Something that can be built, trained, saved and loaded; no base class is needed."""

    @property
    def name(self) -> str:
        """How reports call it, such as `sb3:PPO`."""

    @property
    def exclusions(self) -> Sequence[Exclusion]:
        """What is knowingly not compared, each with its reason."""

    def build(self, scenario: Scenario) -> Any:
        """A fresh run, seeded by the scenario."""

    def train(self, live: Any, *, until: int, visits: Visits) -> None:
        """Trains until `until` steps are done in all; calls `visits[t](live)` on the way."""

    def save(self, live: Any, target: Any) -> None:
        """Writes the run to a path or a binary stream."""

    def load(self, source: Any, scenario: Scenario) -> Any:
        """The run read back into a poisoned target."""

    def roots(self, live: Any) -> Mapping[str, Any]:
        """The objects whose graphs are the state of the run."""

    def boundaries(self, scenario: Scenario) -> Sequence[int]:
        """The steps at which two runs are compared."""


def is_subject(found: object) -> bool:
    """Whether it has every method of a subject, and is no class of one."""
    return not isinstance(found, type) and all(hasattr(found, name) for name in MEMBERS)


def require_subject(found: Any) -> Subject:
    """The same, if it is a subject.

    Raises:
        InvalidSubject: it lacks a method; says which, and how a subject is made.
    """
    if is_subject(found):
        subject: Subject = found
        return subject
    absent = [name for name in MEMBERS if not hasattr(found, name)]
    lacking = f" without {', '.join(absent)}" if absent else ", a class"
    raise InvalidSubject(
        f"expected a subject, got {found!r} ({type(found).__name__}){lacking}: write "
        "loop(make=Trainer, step=Trainer.step, save=Trainer.save, load=Trainer.load), "
        "component(factory, step=...) or sb3(Algorithm, env=...)"
    )
