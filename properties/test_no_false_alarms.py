"""Our algorithm against itself: where nothing differs, nothing is reported."""

from __future__ import annotations

from typing import Any

import pytest
from resumeproof.core.randomness import preserved_streams, seed_all
from resumeproof.core.scenario import Scenario
from resumeproof.state.capture import capture_roots, capture_streams
from resumeproof.state.compare import compare
from resumeproof.state.snapshot import Snapshot
from resumeproof.subjects.sb3 import Sb3Subject

from properties.combinations import subjects

LENGTH = 64


def trained(subject: Sb3Subject) -> Any:
    """A run of the subject after some updates, the global streams as they were."""
    with preserved_streams():
        seed_all(0)
        live = subject.build(Scenario(length=LENGTH, save_at=LENGTH))
        subject.train(live, until=LENGTH, visits={})
    return live


def picture(subject: Sb3Subject, live: Any) -> Snapshot:
    """All that its checks compare."""
    return capture_roots(subject.roots(live), tuple(subject.exclusions))


@pytest.mark.parametrize("name", subjects())
def test_one_run_captured_twice_is_the_same(name: str) -> None:
    """Looking changes no leaf and moves no stream."""
    subject = subjects()[name]
    live = trained(subject)
    streams, before = capture_streams(), picture(subject, live)
    assert not compare(before, picture(subject, live))
    assert capture_streams() == streams


@pytest.mark.parametrize("name", subjects())
def test_two_runs_of_one_seed_are_the_same(name: str) -> None:
    """In every leaf that is not knowingly left out."""
    subject = subjects()[name]
    diff = compare(picture(subject, trained(subject)), picture(subject, trained(subject)))
    assert not diff, str(diff)
