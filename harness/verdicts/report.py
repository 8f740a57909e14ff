"""Records as text, for people. Pure functions of a `Record`.

A failure reads: what must hold and for whom; when it diverges and what explains it; the
differences; how many others are inert; what to do; how to run it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..causes.attribution import Attribution, owner_of
from ..checks import RESUMED, aspect_of
from ..state.mismatch import Mismatch, MismatchKind
from ..trial.finding import Finding
from .advice import SHOWN_LOST, at_load, listed, next_step, paths_of
from .verdict import Record, Verdict

_SHOWN = 8
_SHOWN_OF_OWNER = 3
_FEW = 2
_HEADLINES = {
    Verdict.ERROR: "checkpoint error",
    Verdict.FLAKY: "not repeatable",
    Verdict.LOST_WORK: "lost work",
    Verdict.UNSUPPORTED: "not supported",
}
_STRUCTURE = (
    MismatchKind.ALIASING,
    MismatchKind.MISSING,
    MismatchKind.UNEXPECTED,
    MismatchKind.TYPE,
)


def failure(
    record: Record, *, replay: str = "", verbose: bool = False, flag: str = "--ckpt-verbose"
) -> str:
    """Returns a record that is not EXACT as a person reads it.

    Args:
        record: what to tell.
        replay: the command that runs it again.
        verbose: whether to list all that differs, inert or not.
        flag: what to pass to see that.
    """
    finding = main_finding(record)
    body = [record.error] if record.raised else []
    body += _differences(record, finding, "" if verbose else flag)
    # where nothing was judged, the reasons are all there is to tell
    body += notes(record, verbose or record.verdict is Verdict.UNSUPPORTED)
    body.append(f"next: {next_step(record, finding)}")
    body += [f"replay: {replay}"] if replay else []
    return "\n".join([headline(record, finding), *(f"  {line}" for line in body)])


def headline(record: Record, finding: Finding | None) -> str:
    """Returns what must hold, and for whom."""
    title = _HEADLINES.get(record.verdict, "checkpoint mismatch")
    check = f"{finding.check} on " if finding else ""
    return f"{title}: {check}{record.subject}"


def main_finding(record: Record) -> Finding | None:
    """Returns the finding that says most: about the future rather than about the moment."""
    flaky = record.verdict is Verdict.FLAKY
    preferred = [f for f in record.findings if not flaky and aspect_of(f.check) == RESUMED]
    return next(iter([*preferred, *record.findings]), None)


def notes(record: Record, verbose: bool) -> list[str]:
    """Returns what else is to be said; what does not apply in one line, with reasons if verbose."""
    operation = [f"first operation that differs: {record.operation}"] if record.operation else []
    told = [*record.notes, *operation, *_noise(record, verbose), *_coverage(record, verbose)]
    told += _expected(record, verbose)
    told += _spared(record, verbose)
    told += [f"not run, for want of time: {', '.join(record.not_run)}"] if record.not_run else []
    if verbose:
        return [*map(str, record.skipped), *told]
    names = ", ".join(skipped.check for skipped in record.skipped)
    return [*told, *([f"not applicable: {names}"] if names else [])]


def _coverage(record: Record, verbose: bool) -> list[str]:
    coverage = record.state_coverage
    if coverage is None or not record.untested:
        return []
    named = ", ".join(record.untested) if verbose else listed(record.untested)
    better = record.better_save_at[:1]
    where = f"; --save-at {better[0]} meets most of them" if better else ""
    return [
        f"state coverage {coverage[0]} of {coverage[1]}: moved, but at the fresh value at every "
        f"save: {named}{where}"
    ]


def _spared(record: Record, verbose: bool) -> list[str]:
    if verbose or not record.spared:
        return list(map(str, record.spared))
    names = ", ".join(dict.fromkeys(spared.check for spared in record.spared))
    return [f"seen, and held only against what is strict: {names}"]


def _expected(record: Record, verbose: bool) -> list[str]:
    back = [item for item in record.expected if item.leaves]
    unexplained = record.attribution is not None and not record.attribution.complete
    why_not = [item.why_not for item in back if item.why_not and (verbose or unexplained)]
    failed = [f"expected to be lost, and could not be put back: {reason}" for reason in why_not]
    by_reason: dict[str, list[str]] = {}
    for item in back:
        by_reason.setdefault(item.reason, []).append(item.pattern)
    told = []
    for reason, patterns in by_reason.items():
        losses = "1 expected loss" if len(patterns) == 1 else f"{len(patterns)} expected losses"
        named = ", ".join(patterns) if verbose else listed(patterns)
        told.append(f"{losses} put back ({reason}): {named}")
    return [*told, *failed]


def _noise(record: Record, verbose: bool) -> list[str]:
    count = len(record.noise)
    if not count:
        return []
    leaves = "1 leaf differs" if count == 1 else f"{count} leaves differ"
    were = "was" if count == 1 else "were"
    named = ", ".join(record.noise) if verbose else listed(record.noise)
    return [f"{leaves} between two identical runs and {were} not judged: {named}"]


def _differences(record: Record, finding: Finding | None, flag: str) -> list[str]:
    found = record.attribution
    if finding is None and found is None:
        return []
    others = [other for other in record.findings if other is not finding]
    lines = [_when(record, finding)]
    if found is not None and found.lost:
        lines += [*_lost(found.causes, found, flag), *_contained(found, flag)]
        lines += _inert(found, flag)
    elif finding is not None:
        lines += _cut(list(map(str, _suspects(record, finding))), flag)
    if found is not None and not found.complete:
        lines += [f"not reached: {path}: {reason}" for path, reason in found.unreachable]
    return lines + [f"also: {o.check} at step {o.step}: {_count(o)}" for o in others]


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
    if found.contained:
        return f"{len(found.contained)} of {of} differing leaves{where} contained, nothing spreads"
    return f"not explained by what one load lost ({of} differing leaves)"


def _contained(found: Attribution, flag: str) -> list[str]:
    if not found.contained:
        return []
    lines = _lost(found.contained, found, flag)
    return ["contained (wrong up to the end, and reaching nothing else):", *_indented(lines)]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _lost(lost: Sequence[Mismatch], found: Attribution, flag: str) -> list[str]:
    stored = dict(found.stored)
    if len(lost) <= SHOWN_LOST:
        return [_with_place(mismatch, stored) for mismatch in lost]
    most = _SHOWN if len(lost) <= _SHOWN else _SHOWN_OF_OWNER
    by_owner: dict[str, list[str]] = {}
    for mismatch in lost:
        by_owner.setdefault(owner_of(mismatch), []).append(_with_place(mismatch, stored))
    lines = []
    for owner, owned in by_owner.items():
        if len(owned) == 1:
            lines += owned
            continue
        lines.append(f"{owner}: {len(owned)} leaves")
        lines += [f"  {line}" for line in _cut(owned, flag, most)]
    return lines


def _with_place(mismatch: Mismatch, stored: Mapping[str, str]) -> str:
    place = stored.get(str(mismatch.keypath))
    there = f"; the file holds it, at {place}: the load does not apply it, or overwrites it later"
    return f"{mismatch}{there if place else ''}"


def _suspects(record: Record, finding: Finding) -> Sequence[Mismatch]:
    """Without causes: what differed at the load where nothing explains it, structure first."""
    if record.attribution is None or record.attribution.complete:
        return finding.diff.mismatches
    return sorted(
        at_load(record, finding),
        key=lambda m: (m.keypath.segments[:1] == ("streams",), m.kind not in _STRUCTURE),
    )


def _cut(lines: Sequence[str], flag: str, most: int = _SHOWN) -> list[str]:
    if not flag or len(lines) <= most + _FEW:  # to say that they are cut takes a line, too
        return list(lines)
    return [*lines[:most], f"({len(lines) - most} more, see {flag})"]


def _inert(found: Attribution, flag: str) -> list[str]:
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


def _count(finding: Finding) -> str:
    number = len(finding.diff.mismatches)
    return f"{number} leaf differs" if number == 1 else f"{number} leaves differ"
