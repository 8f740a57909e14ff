"""What to do about a record that is not EXACT: a line for every kind of finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from ..causes.attribution import owner_of
from ..checks import CHECKS, Aspect, aspect_of
from ..core.keypath import KeyPath
from ..state.mismatch import Mismatch, MismatchKind
from ..trial.finding import Finding
from .verdict import Record, Verdict

SHOWN_LOST = 4
"""How many leaves are named one by one; of more, what they belong to."""
_NAMED = 12
_FEW = 4
# of verdicts; what to do about a check that does not hold stands beside the check
_NEXT = {
    Verdict.ERROR: "mend the code that raised; resumeproof only called it",
    Verdict.FLAKY: "seed every source of random numbers and use deterministic algorithms; the "
    "checkpoint is not to blame",
    Verdict.LOST_WORK: "write the checkpoint after the work it is to hold, and load the newest one",
    Verdict.UNSUPPORTED: "give the subject what the message names, or leave the check out",
}
_OF_LOSSES = (Verdict.DIFFERS, Verdict.LOST_WORK)
_UNREACHED = "look first at what is listed as not reached: it may be what was lost"
_AGAIN = "run it again, with more time: what is listed as not run was not judged"
_ELSEWHERE = "save and restore it on the rank that has lost it: the loss is not on this one"
_HIDDEN = (
    "look for state that cannot be reached from the run: on a class, in a module or a cache, on "
    "disk, or hidden by observe= or by an exclusion"
)


def next_steps(record: Record, finding: Finding | None) -> list[str]:
    """Returns what to do about it: a line for every kind of loss, then one for every other check.

    Args:
        record: what was found.
        finding: of the check that leads the report.
    """
    steps = _of_verdict(record, finding)
    others = (o for o in record.findings if o is not finding and record.verdict in _OF_LOSSES)
    # those without a step of their own saw what is to be saved and restored
    own = {o.check: CHECKS[o.check].next_step for o in others if o.check in CHECKS}
    told = [f"{check}: {step}" for check, step in own.items() if step and step not in steps]
    return [*steps, *told]


def _of_verdict(record: Record, finding: Finding | None) -> list[str]:
    found = record.attribution
    lost = found.lost if found else ()
    if found is not None and not found.complete:
        return [_UNREACHED if found.unreachable else _HIDDEN]
    if found is not None and found.elsewhere and not found.causes:
        return [_ELSEWHERE]
    if record.verdict is Verdict.UNSUPPORTED and record.not_run:
        return [_AGAIN]
    if record.verdict in _NEXT and not (lost and record.verdict is Verdict.ERROR):
        return [_NEXT[record.verdict]]
    known = CHECKS.get(finding.check) if finding else None
    if known and known.next_step and not lost:
        return [known.next_step]
    if found is None or not lost:
        seen = at_load(record, finding)
        return advice(seen, beside=seen)
    return advice(lost, dict(found.stored), found.candidates)


def advice(
    lost: Sequence[Mismatch],
    stored: Mapping[str, str] = MappingProxyType({}),
    beside: Sequence[Mismatch] = (),
) -> list[str]:
    """Returns what to do about lost leaves, a line for each way in which they are wrong.

    Args:
        lost: the leaves.
        stored: KeyPath of a leaf that the file holds all the same -> its place there.
        beside: all that differs after the load.
    """
    retyped = _retyped([*lost, *beside])
    lost = [mismatch for mismatch in lost if mismatch.keypath.parent not in retyped]
    there = [mismatch for mismatch in lost if str(mismatch.keypath) in stored]
    lost = [mismatch for mismatch in lost if mismatch not in there]
    cut = [mismatch for mismatch in lost if mismatch.kind is MismatchKind.ALIASING]
    others = [mismatch for mismatch in lost if mismatch.kind is not MismatchKind.ALIASING]
    steps = []
    if retyped:
        steps.append(
            f"give the keys of {listed(map(str, retyped))} back their type: they are saved as int "
            "and loaded as str, as JSON has them"
        )
    if others:
        many = len(others) > SHOWN_LOST
        steps.append(
            f"save and restore {listed(map(owner_of, others) if many else paths_of(others))}"
        )
    if cut:
        steps.append(
            f"relink {listed(paths_of(cut))} after the load: to the object that the run holds, not "
            "to a copy of it"
        )
    if there:
        steps.append(
            f"apply {listed(paths_of(there))} from the file last in the load, after what "
            "overwrites it: it is saved"
        )
    return steps


def _retyped(mismatches: Sequence[Mismatch]) -> list[KeyPath]:
    """Returns mappings of which a key comes back as its text."""
    there = {m.keypath for m in mismatches if m.kind is MismatchKind.UNEXPECTED}
    absent = (m.keypath for m in mismatches if m.kind is MismatchKind.MISSING)
    found = (path.parent for path in absent if _as_text(path) in there)
    return list(dict.fromkeys(found))


def _as_text(keypath: KeyPath) -> KeyPath | None:
    key = keypath.segments[-1]
    if not isinstance(key, tuple) or len(key) != 1 or not isinstance(key[0], int):
        return None
    return keypath.parent.child((str(key[0]),))


def paths_of(mismatches: Sequence[Mismatch]) -> list[str]:
    """Returns where they are, as text."""
    return [str(mismatch.keypath) for mismatch in mismatches]


def at_load(record: Record, finding: Finding | None) -> Sequence[Mismatch]:
    """Returns what differed at the load, before the future spread it; otherwise what is shown.

    Noise is left out, where something else is there: nobody can save it.
    """
    at_load = (f for f in record.findings if aspect_of(f.check) == Aspect.LOADED)
    first = next(at_load, finding)
    shown = first.diff.mismatches if first else ()
    return [m for m in shown if str(m.keypath) not in record.noise] or shown


def listed(names: Iterable[str]) -> str:
    """Returns names in one line; of many the first, and how many others there are."""
    shown = list(dict.fromkeys(names))
    if len(shown) <= _NAMED + _FEW:
        return ", ".join(shown)
    return f"{', '.join(shown[:_NAMED])} and {len(shown) - _NAMED} more"
