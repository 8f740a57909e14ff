"""What differs, as text: what spreads, what the file holds all the same, what is contained.

Then what every other check saw, without what was named before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..causes.attribution import Attribution, owner_of
from ..checks import RESUMED, aspect_of
from ..core.keypath import KeyPath
from ..state.mismatch import Mismatch, MismatchKind
from ..trial.finding import Finding
from .advice import SHOWN_LOST, at_load, paths_of
from .verdict import Record

_SHOWN = 8
_SHOWN_OF_OWNER = 3
_FEW = 4
_STRUCTURE = (
    MismatchKind.ALIASING,
    MismatchKind.MISSING,
    MismatchKind.UNEXPECTED,
    MismatchKind.TYPE,
)


def of_findings(record: Record, finding: Finding | None, flag: str) -> list[str]:
    """Returns the lines about all that differs, in the order of how much they say.

    Args:
        record: what was found.
        finding: the one that leads.
        flag: what shows more of it; "" to show all.
    """
    found = record.attribution
    if finding is None and found is None:
        return []
    lines, named = [_when(record, finding)], set[KeyPath]()
    shown: Sequence[Mismatch] = ()
    if found is not None and found.lost:
        lines += [*_of_lost(found, flag), *unread(found, flag)]
        named |= {m.keypath for m in (*found.candidates, *found.lost, *found.healed, *found.inert)}
    elif finding is not None:
        shown = _suspects(record, finding)
        lines += _cut(list(map(str, shown)), flag)
        named |= {mismatch.keypath for mismatch in shown}
    if found is not None and not found.complete:
        lines += [f"not reached: {path}: {reason}" for path, reason in found.unreachable]
    for other in record.findings:
        in_full = not flag and other.diff.mismatches is not shown
        if other is not finding or in_full:
            lines += _of_other(other, named, flag)
    return lines


def _when(record: Record, finding: Finding | None) -> str:
    saved = f"saved at step {record.scenario.save_at}"
    if record.attribution is not None:
        saved += f"; {_explanation(record.attribution)}"
    if finding is None:
        return saved
    verb = "diverges" if aspect_of(finding.check) == RESUMED else "seen"
    return f"{verb} at step {finding.step}, {saved}"


def _explanation(found: Attribution) -> str:
    if not found.complete:
        return str(found)
    number = len(found.causes)
    of = number + len(found.contained) + len(found.healed) + len(found.inert)
    where = f" of load {found.load}" if found.load > 1 else ""
    if number:
        most = "" if found.minimal else "at most "
        return f"explained by {most}{number} of {of} differing leaves{where}"
    if found.elsewhere:
        return f"explained by what another rank has lost ({found.elsewhere})"
    if found.contained:
        return f"{len(found.contained)} of {of} differing leaves{where} contained, nothing spreads"
    return f"not explained by what one load lost ({of} differing leaves)"


def _of_lost(found: Attribution, flag: str) -> list[str]:
    stored = dict(found.stored)
    there = [mismatch for mismatch in found.lost if str(mismatch.keypath) in stored]
    spreading, contained = (
        [mismatch for mismatch in those if mismatch not in there]
        for those in (found.causes, found.contained)
    )
    lines = _by_owner(spreading, flag)
    if there:
        places = {str(m.keypath): f"; in the file at {stored[str(m.keypath)]}" for m in there}
        lines += ["in the file, and not applied, or overwritten later:"]
        lines += _indented(_by_owner(there, flag, places))
    if contained:
        lines += ["contained (wrong up to the end, and reaching nothing else):"]
        lines += _indented(_by_owner(contained, flag))
    return lines


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _by_owner(
    lost: Sequence[Mismatch], flag: str, places: Mapping[str, str] | None = None
) -> list[str]:
    def text(mismatch: Mismatch) -> str:
        return f"{mismatch}{(places or {}).get(str(mismatch.keypath), '')}"

    if len(lost) <= SHOWN_LOST:
        return list(map(text, lost))
    most = _SHOWN if len(lost) <= _SHOWN else _SHOWN_OF_OWNER
    by_owner: dict[str, list[str]] = {}
    for mismatch in lost:
        by_owner.setdefault(owner_of(mismatch), []).append(text(mismatch))
    lines = []
    for owner, owned in by_owner.items():
        if len(owned) == 1:
            lines += owned
            continue
        lines.append(f"{owner}: {len(owned)} leaves")
        lines += _indented(_cut(owned, flag, most))
    return lines


def _suspects(record: Record, finding: Finding) -> Sequence[Mismatch]:
    """Without causes: what differed at the load where nothing explains it, structure first."""
    if record.attribution is None or record.attribution.complete:
        return finding.diff.mismatches
    return sorted(
        at_load(record, finding),
        key=lambda m: (m.keypath.segments[:1] == ("streams",), m.kind not in _STRUCTURE),
    )


def _cut(lines: Sequence[str], flag: str, most: int = _SHOWN) -> list[str]:
    """Returns the first lines and how many more there are, where that saves more than a few."""
    if not flag or len(lines) <= most + _FEW:
        return list(lines)
    return [*lines[:most], f"({len(lines) - most} more, see {flag})"]


def unread(found: Attribution | None, flag: str) -> list[str]:
    """Returns what was lost and is right again at the end, or that nothing reads: counted or named.

    Args:
        found: which leaves explain the difference.
        flag: what names them; "" to name them.
    """
    if found is None:
        return []
    kept = {"healed": found.healed, "inert": found.inert}
    if flag:
        counts = ", ".join(f"{word}: {len(those)}" for word, those in kept.items() if those)
        return [f"({counts}, see {flag})"] if counts else []
    return [
        line
        for word, those in kept.items()
        if those
        for line in (f"{word}:", *_indented(paths_of(those)))
    ]


def _of_other(finding: Finding, named: set[KeyPath], flag: str) -> list[str]:
    """Returns what another check saw; names what was named already, or lies within it, no more."""
    mismatches = finding.diff.mismatches
    new = [m for m in mismatches if not (flag and _is_named(m.keypath, named))]
    named |= {mismatch.keypath for mismatch in new}
    number = len(mismatches)
    head = f"{finding.check} at step {finding.step}: {number} "
    head += "leaf differs" if number == 1 else "leaves differ"
    if not new:
        return [f"also: {head}, {'' if number == 1 else 'all '}counted above"]
    again = f", {number - len(new)} of them counted above" if len(new) < number else ""
    return [f"also: {head}{again}", *_indented(_cut(list(map(str, new)), flag))]


def _is_named(keypath: KeyPath, named: set[KeyPath]) -> bool:
    segments = keypath.segments
    return any(KeyPath(*segments[:end]) in named for end in range(1, len(segments) + 1))
