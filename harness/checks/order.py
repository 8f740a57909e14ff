"""Checks of order: state belongs to names, whatever order, groups or wrapper they come in."""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..core.errors import NotApplicable
from ..core.keypath import PARAMETER, KeyPath
from ..core.randomness import preserved_streams
from ..files.damages import dicts_in, entry_at, path_of
from ..state.capture import walk_roots
from ..state.compare import Diff
from ..state.mismatch import Mismatch, MismatchKind
from ..state.snapshot import Snapshot
from ..trial.finding import Finding
from ..trial.trial import Trial
from .check import Aspect, Check, Cost
from .states import Targets, restore, stated, trained
from .stock_torch import takers

PREFIXES = ("module.", "_orig_mod.")
"""What wrappers for parallel and for compiled modules put before every name."""
_MAX_DICTS = 6


def order(trial: Trial) -> Finding:
    """With its parameters in another order a run loads right, or refuses; never by position.

    A run that was trained apart is made to load the state

    - with the parameters of every group of its optimizers in reverse order,
    - with every such group in two, the later parameters first,
    - with another name for all entries of a module's state, as its wrappers make them.

    In the first two what is looked at is what stands under a parameter as its key, as in
    `optimizer.state`; in the last, the whole run. What an optimizer keeps beside that in lists of
    its own, in the order of its parameters, is not judged: nothing says which order is meant.
    Where torch's own `load_state_dict` of an optimizer goes by position, this is noted, and fails
    a subject only that is strict.

    Raises:
        NotApplicable: there is no state in memory, no such optimizer and no such module.
    """
    wanted, state = stated(trial)
    targets = Targets(trial, lambda: trained(trial, trial.session.other_seed))
    plain, _ = targets.whole()
    with preserved_streams():
        restore(trial, plain, copy.deepcopy(state))
        loaded = trial.session.capture(plain)
    prefixed = list(_prefixed(state, _names(trial, plain)))
    if not prefixed and not _groups(trial, plain):
        raise NotApplicable(
            f"{trial.subject.name} has no optimizer with parameters to reorder, and no module "
            "whose state is an entry of its own"
        )
    found: list[Mismatch] = []
    notes: tuple[str, ...] = ()
    for how in _LAYOUTS:
        found, notes = _rearranged(trial, how, state, (wanted, loaded), targets)
        if found or notes:  # by position is by position in both
            break
    wrong = (*found, *_renamed(trial, prefixed, loaded, targets))
    return Finding(step=trial.scenario.save_at, diff=Diff(mismatches=wrong), notes=notes)


ORDER = Check(
    name="order",
    run=order,
    looks_at=Aspect.STATE,
    next_step="match saved state to parameters by name, never by position; or refuse to load it",
    cost=Cost.HIGH,
    spares_library=True,
)


def _rearranged(
    trial: Trial, how: str, state: Any, snapshots: tuple[Snapshot, Snapshot], targets: Targets
) -> tuple[list[Mismatch], tuple[str, ...]]:
    """What stands wrong after a load into such a run, and notes on what torch's loads do to it."""
    wanted, loaded = snapshots
    target, _ = targets.whole()
    _rearrange(trial, target, how)
    got = _after(trial, target, state)
    if got is None:
        return [], ()
    known = {m.keypath for m in trial.compare(wanted, loaded).mismatches}
    found = [
        dataclasses.replace(m, got=f"{m.got}, where the optimizer's parameters are {how}")
        for m in trial.compare(wanted, got).mismatches
        if _of_a_name(m) and m.keypath not in known
    ]
    if not found or trial.capabilities.strict:
        return found, ()
    return _without_torchs_own(trial, how, state, (got, found), targets)


def _without_torchs_own(
    trial: Trial, how: str, state: Any, seen: tuple[Snapshot, list[Mismatch]], targets: Targets
) -> tuple[list[Mismatch], tuple[str, ...]]:
    """What does not come so by torch's own loads, called alone; and a note for each of these."""
    got, found = seen
    target, _ = targets.whole()
    parts = takers(trial, target, state)
    _rearrange(trial, target, how)
    before = trial.session.capture(target)
    own, names = found, set()
    # one after another: of two optimizers alike, each may take the other's state as well
    for taker in parts:
        taker.takes(state)
        alone = trial.session.capture(target)
        otherwise, moved = (
            [m.keypath for m in trial.compare(one, alone).mismatches] for one in (got, before)
        )
        left = [m for m in own if _below(m, otherwise) or not _below(m, moved)]
        names |= {taker.name} if len(left) < len(own) else set()
        own = left
    return own, tuple(map(_note, sorted(names)))


def _below(mismatch: Mismatch, paths: Iterable[KeyPath]) -> bool:
    return any(mismatch.keypath.startswith(path) for path in paths)


def _note(name: str) -> str:
    return (
        f"order: torch's own load_state_dict of {name} matches parameters by position: not judged; "
        "strict=True judges it"
    )


def _rearrange(trial: Trial, live: Any, how: str) -> None:
    for param_groups in _groups(trial, live):
        param_groups[:] = [made for group in param_groups for made in _LAYOUTS[how](group)]


def _reverse(group: dict[str, Any]) -> list[dict[str, Any]]:
    group["params"].reverse()  # in place: some optimizers hold the very list a second time
    return [group]


def _split(group: dict[str, Any]) -> list[dict[str, Any]]:
    params = group["params"]
    half = len(params) // 2
    return [{**group, "params": part} for part in (params[half:], params[:half]) if part]


_LAYOUTS: dict[str, Callable[[dict[str, Any]], list[dict[str, Any]]]] = {
    "in reverse order": _reverse,
    "in two groups instead of one": _split,
}


def _renamed(
    trial: Trial, prefixed: list[tuple[KeyPath, str, Any]], loaded: Snapshot, targets: Targets
) -> Iterator[Mismatch]:
    for keypath, prefix, state in prefixed:
        got = _after(trial, targets.whole_run(), state)
        if got is not None and (diff := trial.compare(loaded, got)):
            yield Mismatch(
                keypath=keypath,
                kind=MismatchKind.VALUE,
                type_name="state",
                expected=f"names that begin with {prefix!r} to be refused, or taken without it",
                got=f"another state, in silence: {diff.mismatches[0]}",
            )


def _prefixed(state: Any, modules: list[tuple[set[str], set[str]]]) -> Iterator[Any]:
    """Copies of a state in which a dict with the names of a module has them with a prefix."""
    places = [
        path
        for path, at in dicts_in(state)
        if any(parameters <= set(at) <= names for parameters, names in modules)
    ]
    for path in places[:_MAX_DICTS]:
        for prefix in PREFIXES:
            changed = copy.deepcopy(state)
            at = entry_at(changed, path)
            items = [(f"{prefix}{name}", value) for name, value in at.items()]
            at.clear()
            at.update(items)
            yield path_of(path), prefix, changed


def _after(trial: Trial, target: Any, state: Any) -> Snapshot | None:
    """A run after it has loaded a copy of a state; None if it refuses, in whatever words."""
    with preserved_streams():
        try:
            restore(trial, target, copy.deepcopy(state))
        except NotApplicable:
            raise
        except Exception:  # whatever it raises, it has not been silent
            return None
        return trial.session.capture(target)


def _groups(trial: Trial, live: Any) -> list[list[dict[str, Any]]]:
    """The parameter groups of every optimizer that has more than one parameter in a group."""
    torch = sys.modules.get("torch")
    found = [] if torch is None else _kind(trial, live, torch.optim.Optimizer)
    every = [item.param_groups for item in found]
    return [groups for groups in every if any(len(group["params"]) > 1 for group in groups)]


def _names(trial: Trial, live: Any) -> list[tuple[set[str], set[str]]]:
    """The names of every module's parameters, and of these and its buffers together."""
    torch = sys.modules.get("torch")
    found: list[tuple[set[str], set[str]]] = []
    for module in [] if torch is None else _kind(trial, live, torch.nn.Module):
        parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
        buffers = {name for name, _ in module.named_buffers(remove_duplicate=False)}
        if parameters | buffers:
            found.append((parameters, parameters | buffers))
    return found


def _kind(trial: Trial, live: Any, kind: type) -> list[Any]:
    _, objects = walk_roots(trial.subject.roots(live), tuple(trial.subject.exclusions))
    return [item for item in objects.values() if isinstance(item, kind)]


def _of_a_name(mismatch: Mismatch) -> bool:
    """Whether it is about the state kept for a parameter, known by a name and not by its place."""
    labels = [part for part in mismatch.keypath.segments if isinstance(part, tuple)]
    named = any(part[0] == PARAMETER and "[" not in str(part[-1]) for part in labels)
    return named and mismatch.kind is not MismatchKind.ALIASING
