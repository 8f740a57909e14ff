"""The laws a checkpoint must keep, one short function each: a Trial in, a Diff out.

A check raises what the subject raises, and `NotApplicable` where the subject offers nothing to
check; it never passes in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..core.errors import NotApplicable
from ..state.compare import Diff
from ..trial.trial import Trial
from .files import damaged_files_fail, idempotence
from .fresh_process import fresh_process
from .isolation import isolation
from .options import override
from .order import order
from .states import component, damaged_states_fail

Check = Callable[[Trial], Diff]


def purity(trial: Trial) -> Diff:
    """Saving changes nothing: neither the state, random streams included, nor the future."""
    save, at = trial.saving
    trial.step = save.step
    return trial.compare(save.before, save.after) or trial.future(at)


def roundtrip(trial: Trial) -> Diff:
    """After every cycle of saving and loading the live state is the one that was saved."""
    for load in trial.resumed.loads:
        trial.step = load.step
        if diff := trial.compare(load.saved, load.loaded):
            return diff
    if trial.resumed.error is not None and len(trial.resumed.loads) < trial.scenario.cycles:
        raise trial.resumed.error
    return Diff()


def resume(trial: Trial) -> Diff:
    """The resumed run and the one that never stopped agree at every boundary after the save."""
    return trial.future(trial.resumed.at)


def completeness(trial: Trial) -> Diff:
    """Nothing that training moved is as in a fresh build after the load: that was forgotten."""
    load = trial.resumed.loads[0]
    lost = trial.compare(load.saved, load.loaded).mismatches
    differs = {m.keypath for m in trial.compare(trial.uninterrupted.fresh, load.loaded).mismatches}
    return Diff(mismatches=tuple(m for m in lost if m.keypath not in differs))


def strictness(trial: Trial) -> Diff:
    """A damaged file is an error or loads as the intact one, a damaged state always an error."""
    reasons: list[str] = []
    for law in (damaged_files_fail, damaged_states_fail):
        try:
            if diff := law(trial):
                return diff
        except NotApplicable as reason:
            reasons.append(str(reason))
    if len(reasons) == 2:  # nothing has been looked at
        raise NotApplicable("; ".join(reasons))
    return Diff()


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            purity,
            roundtrip,
            idempotence,
            isolation,
            order,
            override,
            resume,
            completeness,
            strictness,
            fresh_process,
            component,
        )
    }
)

__all__ = ["CHECKS", "Check", "NotApplicable"]
