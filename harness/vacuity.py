"""Whether a life can show a loss at all: something must have moved before the save, and after."""

from __future__ import annotations

from harness.scenario import Scenario
from harness.subjects import Subject
from harness.trial import Trial


def moves(subject: Subject, scenario: Scenario) -> bool:
    """Whether the states as built, as saved and at the end all differ."""
    return all(Trial(subject, scenario).movement)
