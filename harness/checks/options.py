"""Checks of options passed at a load: they win over the file, and change nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..core.errors import NotApplicable
from ..core.keypath import KeyPath
from ..core.randomness import poison, preserved_streams
from ..state.compare import Diff
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from ..trial.finding import Finding
from ..trial.trial import Trial
from .check import Aspect, Check


def override(trial: Trial) -> Finding:
    """What the caller passes explicitly at a load wins over the file, and all else is the file's.

    Where an option reaches is what it changes in a fresh build: there the loaded run must be as
    that build, everywhere else as loaded without the option. One that reaches nothing fails: of
    an option that nobody reads, every load looks right.
    """
    options, load_with = trial.capabilities.overrides, trial.capabilities.load_with
    if not options or load_with is None:
        raise NotApplicable(
            f"{trial.subject.name} has no `overrides` (options to pass) and "
            "`load_with(source, scenario, overrides)` in its capabilities"
        )
    fresh, changed = _built(trial, {}), _built(trial, options)
    if silent := _silent(trial, fresh, options):
        return _finding(trial, silent)
    plain, explicit = _loaded(trial, load_with, {}), _loaded(trial, load_with, options)
    reach = {m.keypath for m in trial.compare(fresh, changed).mismatches}
    return _finding(trial, _elsewhere(trial, (plain, changed, explicit), reach))


OVERRIDE = Check(
    name="override",
    run=override,
    looks_at=Aspect.OPTIONS,
    next_step="after reading the file, set what the caller passed to load() wherever it is held",
)


def _finding(trial: Trial, mismatches: Iterable[Mismatch]) -> Finding:
    return Finding(step=trial.scenario.save_at, diff=Diff(mismatches=tuple(mismatches)))


def _silent(trial: Trial, fresh: Snapshot, options: Mapping[str, Any]) -> list[Mismatch]:
    return [
        Mismatch(
            keypath=KeyPath("options", (name,)),
            kind=MismatchKind.VALUE,
            type_name=type(value).__name__,
            expected="an option that reaches something; where it is in force, pass another value",
            got=f"{value!r} changes nothing in a fresh build",
        )
        for name, value in options.items()
        if not trial.compare(fresh, _built(trial, {name: value}))
    ]


def _elsewhere(
    trial: Trial, snapshots: tuple[Snapshot, ...], reach: set[KeyPath]
) -> list[Mismatch]:
    plain, changed, explicit = snapshots
    inside = trial.compare(changed, explicit).mismatches
    outside = trial.compare(plain, explicit).mismatches
    wrong = [m for m in inside if m.keypath in reach]
    return wrong + [m for m in outside if m.keypath not in reach]


def _built(trial: Trial, options: Any) -> Snapshot:
    merged = {**trial.scenario.options, **options}
    with preserved_streams():
        live = trial.session.build(dataclasses.replace(trial.scenario, options=merged))
        return trial.session.capture(live)


def _loaded(trial: Trial, load_with: Callable[..., Any], options: Any) -> Snapshot:
    with preserved_streams():
        poison(trial.session.other_seed)
        path = trial.saving[0].path
        return trial.session.capture(load_with(path, trial.scenario, options))
