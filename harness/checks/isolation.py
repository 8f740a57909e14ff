"""Checks of isolation: a loaded run shares nothing that training moves with anyone else."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from ..core.errors import NotApplicable
from ..core.exclusions import Exclusion
from ..core.keypath import KeyPath
from ..core.randomness import preserved_streams
from ..state.capture import capture_roots
from ..state.compare import Diff
from ..state.diff import changed
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from ..trial.finding import Finding
from ..trial.trial import Trial
from .check import Aspect, Check
from .states import restore, state_of, trained
from .stock_torch import takers

_SIDES = ("loaded", "saved")
_BUILDS = ("built", "rebuilt")


def isolation(trial: Trial) -> Finding:
    """The loaded run shares nothing that training moves with the saved run, or with its state.

    What is shared may be, where training puts another one in its stead: the loaded run is trained
    on, and what then has changed in the saved run, or in its state, was not its own. A run that is
    saved at its end has no such training left. Of a subject that is strict, tensors and arrays must
    not be shared where they move in a run, whether in place or not.

    What two fresh builds in one process share already, such as a logger or a table of the program,
    is not what a load has made common. What torch's own `load_state_dict` shares with a state, an
    optimizer with the tensors in it, is noted, and fails a subject only that is strict.
    """
    moved = _moved(trial) if trial.capabilities.strict else set()
    by_file = tuple(_shared(trial, *_by_file(trial), moved))
    in_memory, notes = _shared_in_memory(trial, moved)
    diff = Diff(mismatches=(*by_file, *in_memory))
    return Finding(step=trial.scenario.save_at, diff=diff, notes=notes)


ISOLATION = Check(
    name="isolation",
    run=isolation,
    looks_at=Aspect.SHARED,
    next_step="copy what save() and load() hand over: two runs must not share what changes",
    spares_library=True,
)


def _by_file(trial: Trial) -> tuple[dict[str, object], Any]:
    """What a run is made of that was saved, and a run that was loaded beside it."""
    others: dict[str, object] = {}
    loaded: list[Any] = []

    def load_beside(live: object) -> None:
        path = trial.session.folder / "isolation.zip"
        trial.session.write(live, path)
        others["saved"] = dict(trial.subject.roots(live))
        loaded.append(trial.expected.load(path))

    with preserved_streams():
        trial.session.visit(trial.session.build(), 0, trial.scenario.save_at, load_beside)
    return others, loaded[0]


def _shared_in_memory(
    trial: Trial, moved: Iterable[KeyPath]
) -> tuple[list[Mismatch], tuple[str, ...]]:
    """What a run shares with the state that it loaded, and notes on what torch's loads share."""
    try:
        source = trained(trial, trial.scenario.seed)
        target = trained(trial, trial.session.other_seed)
        with preserved_streams():
            state = state_of(trial, source)
            untouched = copy.deepcopy(state)  # some loads write into the state they are given
            restore(trial, target, state)
    except NotApplicable:
        return [], ()
    others = {"saved": dict(trial.subject.roots(source)), "state": state}
    shared = list(_shared(trial, others, target, moved))
    if not shared or trial.capabilities.strict:
        return shared, ()
    of_torch = _shared_by_torch(trial, target, untouched)
    names = {of_torch[m.keypath] for m in shared if m.keypath in of_torch}
    return [m for m in shared if m.keypath not in of_torch], tuple(map(_note, sorted(names)))


def _shared_by_torch(trial: Trial, target: Any, state: Any) -> dict[KeyPath, str]:
    """What the run shares with another such state after torch's own loads of it, and by whom.

    It is told by the objects that load in this way, called alone: what a run takes by itself, or
    beside them, is its own doing.
    """
    found: dict[KeyPath, str] = {}
    for taker in takers(trial, target, state):
        with suppress(Exception):  # of a class that has a state of its own torch takes nothing
            taker.load(state)
        cut = [e.below("loaded") for e in trial.subject.exclusions]
        both = {"state": state, "loaded": dict(trial.subject.roots(target))}
        members = [m for _, m in _groups(capture_roots(both, cut)) if _crosses(m)]
        for path in (path for group in members for path, _ in group if _loaded(path)):
            found.setdefault(path, taker.name)
    return found


def _note(name: str) -> str:
    return (
        f"isolation: torch's own load_state_dict of {name} takes tensors of the state as they are, "
        "so that both move together: not judged; strict=True judges it"
    )


def _moved(trial: Trial) -> set[KeyPath]:
    course, saved = trial.uninterrupted, trial.saving[0].after
    diffs = (trial.compare(course.fresh, saved), trial.compare(saved, course.at[max(course.at)]))
    return {mismatch.keypath for diff in diffs for mismatch in diff.mismatches}


def _shared(
    trial: Trial, others: dict[str, object], loaded: Any, moved: Iterable[KeyPath]
) -> Iterator[Mismatch]:
    cut = [e.below(side) for side in _SIDES for e in trial.subject.exclusions]
    both = {**others, "loaded": dict(trial.subject.roots(loaded))}
    snapshot = capture_roots(both, cut)
    crossing = [(what, members) for what, members in _groups(snapshot) if _crosses(members)]
    if crossing:
        common = _common(trial, both, cut)
        crossing = [(what, m) for what, m in crossing if not common & {path for path, _ in m}]
    touched = set(_bulk(snapshot, moved))
    if any(touched.isdisjoint(row for _, row in members) for _, members in crossing):
        touched |= _trained_elsewhere(trial, snapshot, others, loaded, cut)
    for what, members in crossing:
        if touched.isdisjoint(row for _, row in members):
            continue
        # of those who hold it, another run says more than a state
        other = min((path for path, _ in members if not _loaded(path)), key=_is_state)
        for path, row in members:
            if _loaded(path):
                yield Mismatch(
                    keypath=path,
                    kind=MismatchKind.ALIASING,
                    type_name=snapshot.type_name(row),
                    expected=f"{what} of its own",
                    got=f"what {other} holds",
                    other=other,
                )


def _common(trial: Trial, both: dict[str, Any], cut: Sequence[Exclusion]) -> set[KeyPath]:
    """Every name of what two fresh builds share, too: it belongs to the process."""
    with preserved_streams():
        built = [trial.session.build() for _ in _BUILDS]
    fresh = {s: dict(trial.subject.roots(live)) for s, live in zip(_BUILDS, built, strict=True)}
    cut = [*cut, *(e.below(side) for side in _BUILDS for e in trial.subject.exclusions)]
    # beside what is judged, in one walk: an object is the same one, and memory the same memory
    snapshot = capture_roots({**both, **fresh}, cut)
    everywhere = [m for _, m in _groups(snapshot) if {*_BUILDS} <= {p.segments[0] for p, _ in m}]
    return {path for members in everywhere for path, _ in members}


def _groups(snapshot: Snapshot) -> Iterator[tuple[str, list[tuple[KeyPath, int]]]]:
    """What is shared, and by whom: the KeyPath of each name, and the row of what it names."""
    names: dict[int, list[int]] = {}
    for place in snapshot.places:
        if snapshot.is_alias(place):
            target = snapshot.target(place)
            names.setdefault(target, [target]).append(place)
    for target, places in names.items():
        yield "an object", [(snapshot.keypath(place), target) for place in places]
    for group in snapshot.memory:
        yield "memory", [(snapshot.keypath(row), row) for row, _ in group]


def _crosses(members: Sequence[tuple[KeyPath, int]]) -> bool:
    return {_loaded(path) for path, _ in members} == {True, False}


def _loaded(path: KeyPath) -> bool:
    return path.segments[0] == "loaded"


def _is_state(path: KeyPath) -> bool:
    return path.segments[0] == "state"


def _bulk(snapshot: Snapshot, moved: Iterable[KeyPath]) -> Iterator[int]:
    """The rows of data in the loaded run that stand where training moves some, in a run alone."""
    for keypath in moved:
        root, *rest = keypath.segments or ("",)
        segments = ("loaded", (str(root),), *rest)
        passed = list(_passed(snapshot, KeyPath(*segments)))
        if len(passed) == len(segments) and snapshot.kind(passed[-1]).bulk:
            yield passed[-1]


def _trained_elsewhere(
    trial: Trial,
    snapshot: Snapshot,
    others: dict[str, object],
    loaded: Any,
    cut: Sequence[Exclusion],
) -> set[int]:
    """The rows of what changes outside the loaded run when that is trained on, and its owners."""
    before = capture_roots(others, cut)
    with preserved_streams():
        # a run that cannot go on is for `resume` to report: what it has moved by then counts here
        with suppress(Exception):
            trial.subject.train(loaded, until=trial.scenario.length, visits={})
        after = capture_roots(others, cut)
    touched: set[int] = set()
    for keypath in changed(before, after):
        passed = list(_passed(snapshot, keypath))
        # a value gives way to another one: who changes is the last object that can
        while passed and not snapshot.kind(passed[-1]).identity:
            passed.pop()
        touched.update(passed)
    return touched


def _passed(snapshot: Snapshot, keypath: KeyPath) -> Iterator[int]:
    """The objects on the way down to it, as far as there are any."""
    place = 0
    for segment in keypath.segments:
        found = snapshot.children[place].get(segment)
        if found is None or snapshot.is_plain(found):
            return
        place = snapshot.target(found)
        yield place
