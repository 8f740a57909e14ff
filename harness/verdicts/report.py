"""Records as text, for people. Pure functions of a `Record`.

A failure reads: what must hold and for whom; when it diverges and what explains it; the
differences, those that spread first; how many others are inert; what other checks saw; what was not
tested, is noise or was expected; what to do, a line for every kind; how to run it again.
"""

from __future__ import annotations

from ..checks import RESUMED, aspect_of
from ..trial.finding import Finding
from .advice import listed, next_steps
from .findings import of_findings, unread
from .verdict import Record, Verdict

_HEADLINES = {
    Verdict.ERROR: "checkpoint error",
    Verdict.FLAKY: "not repeatable",
    Verdict.LOST_WORK: "lost work",
    Verdict.UNSUPPORTED: "not supported",
}


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
    body += of_findings(record, finding, "" if verbose else flag)
    # where nothing was judged, the reasons are all there is to tell
    body += notes(record, verbose or record.verdict is Verdict.UNSUPPORTED)
    body += _counts(record) if verbose else []
    body += [f"next: {step}" for step in next_steps(record, finding)]
    body += [f"replay: {replay}"] if replay else []
    return "\n".join([headline(record, finding), *(f"  {line}" for line in body)])


def exact(record: Record, *, verbose: bool = False) -> list[str]:
    """Returns what there is to say of a record that is EXACT, in lines."""
    if not verbose:
        return notes(record, verbose)
    return [*unread(record.attribution, ""), *notes(record, verbose), *_counts(record)]


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
    """Returns what else is to be said, what may hide a loss first; with all reasons if verbose."""
    told = _coverage(record, verbose) + _noise(record, verbose) + _expected(record, verbose)
    told += [f"first operation that differs: {record.operation}"] if record.operation else []
    told += record.notes
    told += _spared(record, verbose)
    told += [f"not run, for want of time: {', '.join(record.not_run)}"] if record.not_run else []
    if verbose:
        return [*told, *map(str, record.skipped)]
    names = ", ".join(skipped.check for skipped in record.skipped)
    return [*told, *([f"not applicable: {names}"] if names else [])]


def _counts(record: Record) -> list[str]:
    """What a record holds in numbers, and which exclusions it has used."""
    moved = "not known" if record.moved is None else f"{record.moved}, then {record.moved_later}"
    told = [f"{record.compared} leaves compared; moved before the save and after it: {moved}"]
    if found := record.attribution:
        told.append(f"causes searched for in {found.evaluations} runs, {found.seconds:.2f} s")
    if record.better_save_at:
        told.append(f"more shows with --save-at {', '.join(map(str, record.better_save_at))}")
    if record.used:
        told.append(f"exclusions that covered something: {', '.join(sorted(record.used))}")
    return told


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
