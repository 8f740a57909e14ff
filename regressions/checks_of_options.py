"""The check of options: what is passed explicitly is in force, for as long as the run goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from resumeproof.algo.checkpoint import CheckpointError
from resumeproof.core.randomness import poison
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.sb3 import Sb3Subject
from resumeproof.trial.trial import Trial

from regressions.cases import Case, Found

# a value that nothing has without a word, and that changes every update
OPTIONS: dict[str, Any] = {
    "gamma": 0.9,
    "ent_coef": 0.03,
    "learning_rate": 0.00123,
    "optimizer_kwargs": {"lr": 0.00123},
}


def options(subject: Sb3Subject, case: Case) -> Iterable[Found]:
    """What the caller passes reaches more than its own record, and holds where it reaches.

    What it reaches are the leaves that it changes in a fresh build and that no training moves.
    """
    given = {case.option: OPTIONS[case.option] if case.value is None else case.value}
    explicit = with_options(case.scenario, given)
    until = min(subject.boundaries(dataclasses.replace(explicit, length=10_000)))
    trial = Trial(subject, explicit)
    plain_fresh, plain_trained, plain = _course(trial, subject, case.scenario, until)
    fresh, trained, live = _course(trial, subject, explicit, until)
    moved = {m.keypath for m in trial.compare(plain_fresh, plain_trained).mismatches}
    reach = {m.keypath for m in trial.compare(plain_fresh, fresh).mismatches} - moved
    later = {"trained": trained, "loaded": _resumed(trial, subject, explicit, live, {})}
    with _refused_by_name(given):
        later["given to load"] = _resumed(trial, subject, case.scenario, plain, given)
    for when, snapshot in later.items():
        for m in trial.compare(fresh, snapshot).mismatches:
            if m.keypath in reach:
                yield Found(check="options", place=str(m.keypath), text=f"{when}: {m}")
    record = f"model.{case.option}"
    effect = [str(m.keypath) for m in trial.compare(plain_trained, trained).mismatches]
    if all(place.startswith(record) for place in effect):
        yield Found(check="options", place=record, text=f"{given} changes no bit of training")


def with_options(scenario: Scenario, given: Mapping[str, Any]) -> Scenario:
    """The scenario with these options on top of its own."""
    return dataclasses.replace(scenario, options={**scenario.options, **given})


@contextmanager
def _refused_by_name(given: Mapping[str, Any]) -> Iterator[None]:
    """What a run under way can no longer take may be refused, if the message says what."""
    try:
        yield
    except CheckpointError as error:
        names = [name for value in given.values() if isinstance(value, dict) for name in value]
        if not all(repr(name) in str(error) for name in names or given):
            raise


def _course(
    trial: Trial, subject: Sb3Subject, scenario: Scenario, until: int
) -> tuple[Any, Any, Any]:
    live = trial.session.build(scenario)
    fresh = trial.session.capture(live)
    subject.train(live, until=until, visits={})
    return fresh, trial.session.capture(live), live


def _resumed(
    trial: Trial, subject: Sb3Subject, scenario: Scenario, live: Any, given: Mapping[str, Any]
) -> Any:
    """Saved, loaded with what is given there, and trained for as long again."""
    path = trial.session.folder / "options.zip"
    subject.save(live, path)
    poison(scenario.seed)
    loaded = subject.load_with(path, scenario, given)
    subject.train(loaded, until=2 * live.num_timesteps, visits={})
    return trial.session.capture(loaded)
