"""Checks of a save: it changes nothing, and nothing changes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.keypath import KeyPath
from ..core.randomness import preserved_streams
from ..files.paths import files_of, required_files
from ..state.mismatch import Diff, Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from ..trial.finding import Finding
from ..trial.trial import Trial
from .check import Aspect, Check


def purity(trial: Trial) -> Finding | None:
    """Saving changes nothing: neither the state, random streams included, nor the future.

    What a save makes or counts for itself, which no training moves and which reaches nothing up to
    the end, such as a writer that is made at the first save, is noted, and fails a subject only
    that is strict.
    """
    save, at = trial.saving
    diff = trial.compare(save.before, save.after)
    if not diff:
        return trial.future(at, loads=False)
    if trial.capabilities.strict or not reaches_nothing(trial, save.after, at, diff):
        return Finding(step=save.step, diff=diff)
    return Finding(step=save.step, diff=Diff(), notes=(left_behind("purity: saving", diff),))


PURITY = Check(
    name="purity",
    run=purity,
    looks_at=Aspect.SAVING | Aspect.FUTURE,
    next_step="let save() only read: it must not change the run, nor draw a random number",
    per_scenario=True,
    spares_library=True,
)


def reaches_nothing(trial: Trial, after: Snapshot, at: Mapping[int, Snapshot], diff: Diff) -> bool:
    """Returns whether what a save has changed is inert in the run that goes on, and no stream.

    Args:
        trial: whose run it is.
        after: the state after the save.
        at: the states at later boundaries.
        diff: what the save has changed.
    """
    if any(trial.control.is_stream(mismatch) for mismatch in diff.mismatches):
        return False
    outcome = trial.control.follow_once(after, at)
    return not (outcome.spreading or outcome.contained)


def left_behind(who: str, diff: Diff) -> str:
    """Returns, in words, what a save or a read has changed, and why it is not judged."""
    first, *others = diff.mismatches
    also = f" and {len(others)} more" if others else ""
    return (
        f"{who} changes {first.keypath}{also}, which nothing moves and which reaches "
        "nothing up to the end: not judged; strict=True judges it"
    )


def settled(trial: Trial) -> Finding:
    """What was saved is what was there when save returned: its files stay so as training goes on.

    A writer that is still at work, or that holds live tensors until later, fails.

    Raises:
        NotApplicable: no file of the checkpoint can be found when save returns.
    """
    session, step = trial.session, trial.scenario.save_at
    path = session.folder / "settled" / "0.zip"
    path.parent.mkdir()
    contents: list[dict[str, bytes]] = []

    def save_and_look(live: Any) -> None:
        session.subject.save(live, path)
        required_files(session.subject.name, path)
        contents.append(_contents(path))

    with preserved_streams():
        live = session.build()
        if step and not session.between_calls:
            session.subject.train(live, until=trial.scenario.length, visits={step: save_and_look})
        else:
            session.advance(live, 0, step)
            save_and_look(live)
            session.advance(live, step, trial.scenario.length)
    if not contents:
        raise session.not_visited(step)
    return Finding(step=step, diff=_changed(contents[0], _contents(path)))


SETTLED = Check(
    name="settled",
    run=settled,
    looks_at=Aspect.SAVING,
    next_step="let save() return only when everything is written, from copies of what trains on",
    spares_library=True,
)


def _contents(path: Any) -> dict[str, bytes]:
    return {name: file.read_bytes() for name, file in files_of(path).items()}


def _changed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Diff:
    return Diff(
        mismatches=tuple(
            Mismatch(
                keypath=KeyPath("checkpoint", (name,)),
                kind=MismatchKind.VALUE,
                type_name="file",
                expected=f"the {_size(before.get(name))} that were there when save() returned",
                got=f"{_size(after.get(name))} once training had gone on",
            )
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        )
    )


def _size(content: bytes | None) -> str:
    return "no file" if content is None else f"{len(content)} bytes"
