"""Records as text, for people. Pure functions of the JSON that `Record.to_json` writes.

A failure reads: what must hold and for whom; when it diverges and what explains it; the
differences; how many others are inert; what to do; how to run it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

RecordData: TypeAlias = Mapping[str, Any]

_SHOWN = 8
_SHOWN_OF_OWNER = 3
_SHOWN_LOST = 4
_INAPPLICABLE = " does not apply: "
_NEXT = {
    "purity": "make save() read only: it must change neither the run nor a random stream",
    "isolation": "copy what save() and load() hand over; nothing may share memory",
    "order": "match saved state to parameters by name, or refuse to load it; never by position",
    "override": "let what the caller passes at load win over the file, everywhere it is held",
    "component": "let the state be plain data that survives pickle, and load all of it",
    "strictness": "compare the entries with what is expected before loading any of them",
    "fresh_process": "keep on the run, and save, what another interpreter has otherwise: on "
    "classes, in modules and caches, in the environment, from hashes",
    "reached": "look first at what could not be put back: it may be what was lost",
    "hidden": "look for state that does not hang on the run: on a class, in a module or cache, on "
    "disk, or behind observe= or an exclusion",
    "ERROR": "correct what raised; the harness only called it",
    "FLAKY": "seed every source of numbers, and use deterministic algorithms; the checkpoint "
    "is not to blame",
    "LOST_WORK": "write the checkpoint after the state it is to hold, and load the newest",
    "UNSUPPORTED": "give the subject what the message names, or leave the check out",
}
_HEADLINES = {
    "ERROR": "checkpoint error",
    "FLAKY": "not repeatable",
    "LOST_WORK": "lost work",
    "UNSUPPORTED": "not supported",
}


# stands for a finding where the resumed run raised before any law could be judged
_RAISED: Mapping[str, Any] = {"check": "resume", "mismatches": ()}


def failure(
    record: RecordData, *, replay: str = "", verbose: bool = False, flag: str = "--ckpt-verbose"
) -> str:
    """A record that is not EXACT, as a person reads it.

    Args:
        record: the data of `Record.to_json`.
        replay: the command that runs it again.
        verbose: whether to list all that differs, inert or not.
        flag: what to pass to see that.
    """
    finding = main_finding(record)
    lines = [headline(record, finding)]
    body = [record["error"]] if record["error"] else []
    body += _findings(record, finding or _RAISED, "" if verbose else flag)
    body += notes(record.get("notes", ()), verbose)
    body.append(f"next: {next_step(record, finding)}")
    body += [f"replay: {replay}"] if replay else []
    return "\n".join([*lines, *(f"  {line}" for line in body)])


def headline(record: RecordData, finding: Mapping[str, Any] | None) -> str:
    """What must hold, and for whom."""
    title = _HEADLINES.get(record["verdict"], "checkpoint mismatch")
    check = f"{finding['check']} on " if finding else ""
    return f"{title}: {check}{record['subject']}"


def main_finding(record: RecordData) -> Mapping[str, Any] | None:
    """The finding that says most: one about the future before one about the moment."""
    findings = record["findings"]
    first = "repeat" if record["verdict"] == "FLAKY" else "resume"
    preferred = [finding for finding in findings if finding["check"] == first]
    return next(iter([*preferred, *findings]), None)


def next_step(record: RecordData, finding: Mapping[str, Any] | None) -> str:
    """What to do about it, in one line."""
    lost = [keypath_of(line) for line in causes(record)]
    attribution = record.get("attribution") or {}
    if not attribution.get("complete", True):
        return _NEXT["reached"] if attribution["unreachable"] else _NEXT["hidden"]
    if record["verdict"] in _NEXT and not (lost and record["verdict"] == "ERROR"):
        return _NEXT[record["verdict"]]
    if not lost and (finding is None or finding["check"] in _NEXT):
        return _NEXT[finding["check"] if finding else "ERROR"]
    finding = finding or _RAISED
    if len(lost) > _SHOWN_LOST:
        return f"save and restore {', '.join(_by_owner(record))}"
    return f"save and restore {_listed(lost or _candidates(record, finding))}"


def causes(record: RecordData) -> list[str]:
    """The mismatches whose loss explains the difference, where attribution has found them."""
    return list((record.get("attribution") or {}).get("causes", ()))


def _by_owner(record: RecordData) -> dict[str, list[str]]:
    """The causes by the object that holds them: `model.env`, `streams.torch`."""
    listed = causes(record)
    grouped: dict[str, list[str]] = {}
    stated = record["attribution"].get("owners") or map(keypath_of, listed)
    for owner, line in zip(stated, listed, strict=True):
        grouped.setdefault(owner, []).append(line)
    return grouped


def _causes(record: RecordData, flag: str) -> list[str]:
    listed = causes(record)
    if len(listed) <= _SHOWN_LOST:
        return listed
    most = _SHOWN if len(listed) <= _SHOWN else _SHOWN_OF_OWNER
    lines = []
    for owner, owned in _by_owner(record).items():
        if len(owned) == 1:
            lines += owned
            continue
        lines.append(f"{owner}: {len(owned)} leaves")
        lines += [f"  {line}" for line in _cut(owned, flag, most)]
    return lines


def _candidates(record: RecordData, finding: Mapping[str, Any]) -> list[str]:
    """Without attribution: what differed at the load itself, before the future spread it."""
    at_load = next((f for f in record["findings"] if f["check"] == "roundtrip"), finding)
    return [keypath_of(line) for line in at_load["mismatches"]]


def _suspects(record: RecordData, finding: Mapping[str, Any]) -> Sequence[str]:
    """Without causes: what differed at the load where nothing explains it, structure first."""
    if (record.get("attribution") or {}).get("complete", True):
        return list(finding["mismatches"])
    at_load = next((f for f in record["findings"] if f["check"] == "roundtrip"), finding)
    first = ("ALIASING", "MISSING", "UNEXPECTED", "TYPE")
    return sorted(
        at_load["mismatches"],
        key=lambda line: (keypath_of(line).startswith("streams."), not line.startswith(first)),
    )


def keypath_of(mismatch: str) -> str:
    """The KeyPath in the text of a mismatch: its second word, brackets kept whole."""
    return mismatch[10:].strip().partition("  ")[0]


def notes(told: Sequence[str], verbose: bool) -> list[str]:
    """What else is to be said; what does not apply in one line, with the reasons if verbose."""
    inapplicable = [note.partition(_INAPPLICABLE)[0] for note in told if _INAPPLICABLE in note]
    if verbose or not inapplicable:
        return list(told)
    others = [note for note in told if _INAPPLICABLE not in note]
    return [*others, f"not applicable: {', '.join(inapplicable)}"]


def _findings(record: RecordData, finding: Mapping[str, Any], flag: str) -> list[str]:
    attribution = record.get("attribution") or {}
    if finding is _RAISED and not attribution:
        return []
    save_at = record["scenario"]["save_at"]
    verb = "diverges" if finding["check"] == "resume" else "seen"
    when = f"{verb} at step {finding['step']}, " if finding is not _RAISED else ""
    when += f"saved at step {save_at}"
    if attribution:
        when += f"; {_explanation(attribution)}"
    others = [other for other in record["findings"] if other is not finding]
    shown = _causes(record, flag) if causes(record) else _cut(_suspects(record, finding), flag)
    lines = [when, *shown]
    lines += _inert(attribution.get("inert", ()), flag) if causes(record) else []
    lines += [f"not reached: {path}: {reason}" for path, reason in _unreached(attribution)]
    return lines + [f"also: {o['check']} at step {o['step']}: {_count(o)}" for o in others]


def _explanation(attribution: Mapping[str, Any]) -> str:
    if not attribution["complete"]:
        return str(attribution["summary"])
    number = len(attribution["causes"])
    of = number + len(attribution["inert"])
    if not number:
        return f"not explained by what one load lost ({of} differing leaves)"
    load = attribution.get("load", 1)
    where = f" of load {load}" if load > 1 else ""
    most = "" if attribution.get("minimal", True) else "at most "
    return f"explained by {most}{number} of {of} differing leaves{where}"


def _unreached(attribution: Mapping[str, Any]) -> Sequence[Sequence[str]]:
    return () if attribution.get("complete", True) else attribution["unreachable"]


def _cut(lines: Sequence[str], flag: str, most: int = _SHOWN) -> list[str]:
    if not flag or len(lines) <= most:
        return list(lines)
    return [*lines[:most], f"({len(lines) - most} more, see {flag})"]


def _inert(inert: Sequence[str], flag: str) -> list[str]:
    if not inert:
        return []
    if not flag:
        return ["inert:", *(f"  {keypath}" for keypath in inert)]
    return [f"(inert: {len(inert)}, see {flag})"]


def _count(finding: Mapping[str, Any]) -> str:
    number = len(finding["mismatches"])
    return f"{number} leaf differs" if number == 1 else f"{number} leaves differ"


def _listed(names: Sequence[str]) -> str:
    shown = list(dict.fromkeys(names))
    tail = f" and {len(shown) - _SHOWN_LOST} more" if len(shown) > _SHOWN_LOST else ""
    return ", ".join(shown[:_SHOWN_LOST]) + tail


def matrix(records: Sequence[RecordData]) -> list[str]:
    """Subject by save point, a word in each cell, and the totals below."""
    columns = list(dict.fromkeys(record["scenario"]["save_point"] for record in records))
    table = [["subject", *columns]]
    for subject in sorted({record["subject"] for record in records}):
        mine = [record for record in records if record["subject"] == subject]
        table.append([subject, *(_cell(mine, column) for column in columns)])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    pairs = [zip(row, widths, strict=True) for row in table]
    return [*("  ".join(c.ljust(w) for c, w in row).rstrip() for row in pairs), totals(records)]


def _cell(records: Sequence[RecordData], save_point: str) -> str:
    here = [_word(r) for r in records if r["scenario"]["save_point"] == save_point]
    counts = {word: here.count(word) for word in sorted(set(here))}
    return ", ".join(f"{word} {n}" if n > 1 else word for word, n in counts.items()) or "-"


def _word(record: RecordData) -> str:
    """The verdict; of what a test is there to find, that it was found."""
    return f"{record['verdict']} (expected)" if _expected(record) else str(record["verdict"])


def _expected(record: RecordData) -> bool:
    return bool(record.get("expected")) and record["verdict"] not in ("EXACT", "UNSUPPORTED")


def totals(records: Sequence[RecordData]) -> str:
    """How many are EXACT of those that could be checked, and how many of them showed nothing."""
    expected = sum(map(_expected, records))
    inapplicable = sum(record["verdict"] == "UNSUPPORTED" for record in records)
    exact = [record for record in records if record["verdict"] == "EXACT"]
    vacuous = sum(bool(record["vacuous"]) for record in exact)
    seconds = sum(record["seconds"] for record in records)
    tail = f"; {vacuous} more vacuous (nothing had moved that could be lost)" if vacuous else ""
    tail += f"; {inapplicable} where the check does not apply" if inapplicable else ""
    tail += f"; {expected} that their tests expect to differ" if expected else ""
    judged = len(records) - inapplicable - expected - vacuous
    return f"{len(exact) - vacuous} of {judged} scenarios EXACT{tail}; {seconds:.1f} s"
