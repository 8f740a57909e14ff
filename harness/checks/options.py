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
from .check import Aspect, Check, Cost


def override(trial: Trial) -> Finding:
    """What the caller passes explicitly at a load wins over the file, and all else is the file's.

    Where an option reaches is what it changes in a fresh build: there the loaded run must be as
    that build, everywhere else as loaded without the option. One that reaches nothing fails: of
    an option that nobody reads, every load looks right.
    """
    options, load_with = trial.capabilities.overrides, trial.capabilities.load_with
    if not options or load_with is None:
        raise NotApplicable(
            f"{trial.subject.name} claims no options that win over the file: write overrides="
            "{'lr': 0.01}, or give it `overrides` and `load_with(source, scenario, overrides)` in "
            "its capabilities"
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
    spares_library=True,
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
    wrong += [m for m in outside if m.keypath not in reach]
    return trial.control.lasting(Diff(mismatches=tuple(wrong))) if wrong else []


def _built(trial: Trial, options: Any) -> Snapshot:
    merged = {**trial.scenario.options, **options}
    with preserved_streams():
        live = trial.session.build(dataclasses.replace(trial.scenario, options=merged))
        return trial.session.capture(live)


def _loaded(trial: Trial, load_with: Callable[..., Any], options: Any) -> Snapshot:
    with preserved_streams():
        poison(trial.session.other_seed)
        # into a fresh run: what a used one has done to an option is not asked about
        scenario = dataclasses.replace(trial.scenario, into="fresh")
        path = trial.saving[0].path
        return trial.session.capture(load_with(path, scenario, options))


def in_force(trial: Trial) -> Finding:
    """An option that was given stays in force: no training puts back what it had changed.

    Where an option lives is what it changes in a fresh build. A plain value there that in the end
    is what a fresh build without the option holds, as in the run without it, was put back.

    Raises:
        NotApplicable: the subject names no options.
    """
    options = trial.capabilities.overrides
    if not options:
        raise NotApplicable(
            f"{trial.subject.name} claims no options that stay in force: write overrides="
            "{'lr': 0.01}, or give it `overrides` in its capabilities"
        )
    plain = trial.uninterrupted
    end = plain.at[max(plain.at)]
    faults: list[Mismatch] = []
    for name, value in options.items():
        built, trained = _built_and_trained(trial, {name: value})
        still = [
            mismatch.keypath
            for state in (plain.fresh, end)
            for mismatch in trial.compare(state, trained, worded=False).mismatches
        ]
        faults += [
            _put_back(mismatch, name, value)
            for mismatch in trial.compare(plain.fresh, built).mismatches
            if _is_plain(built, mismatch.keypath)
            and not any(mismatch.keypath.startswith(path) for path in still)
        ]
    return _finding(trial, faults)


IN_FORCE = Check(
    name="in_force",
    run=in_force,
    looks_at=Aspect.OPTIONS,
    next_step="let training read the option that was given, not what it was built from",
    cost=Cost.HIGH,
    spares_library=True,
)


def _built_and_trained(trial: Trial, options: Mapping[str, Any]) -> tuple[Snapshot, Snapshot]:
    """The states of a run with other options, as built and at the end."""
    session = trial.session
    merged = {**trial.scenario.options, **options}
    with preserved_streams():
        live = session.build(dataclasses.replace(trial.scenario, options=merged))
        built = session.capture(live)
        session.advance(live, 0, trial.scenario.length)
        return built, session.capture(live)


def _is_plain(snapshot: Snapshot, keypath: KeyPath) -> bool:
    place = snapshot.resolve(keypath)
    return place is not None and snapshot.is_plain(place)


def _put_back(mismatch: Mismatch, name: str, value: Any) -> Mismatch:
    return dataclasses.replace(
        mismatch,
        expected=f"{mismatch.got}, as {name}={value!r} has built it, to stay in force",
        got="the value of a build without the option, once the run was trained",
    )
