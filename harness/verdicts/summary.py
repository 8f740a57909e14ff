"""Many records as text: a matrix, and the totals."""

from __future__ import annotations

from collections.abc import Sequence

from .verdict import Record, Verdict


def matrix(records: Sequence[Record], expected: Sequence[Record] = ()) -> list[str]:
    """Returns subject by save point, a word in each cell, and the totals below.

    Args:
        records: to be judged.
        expected: of tests that are there to find what these show.
    """
    every = [*records, *expected]
    columns = list(dict.fromkeys(record.scenario.save_point for record in every))
    table = [["subject", *columns]]
    for subject in sorted({record.subject for record in every}):
        cells = (_cell(subject, column, records, expected) for column in columns)
        table.append([subject, *cells])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    pairs = [zip(row, widths, strict=True) for row in table]
    lines = ("  ".join(c.ljust(w) for c, w in row).rstrip() for row in pairs)
    return [*lines, totals(records, expected)]


def _cell(
    subject: str, save_point: str, records: Sequence[Record], expected: Sequence[Record]
) -> str:
    def here(record: Record) -> bool:
        return record.subject == subject and record.scenario.save_point == save_point

    words = [record.verdict.value for record in records if here(record)]
    words += [_word(record) for record in expected if here(record)]
    counts = {word: words.count(word) for word in sorted(set(words))}
    return ", ".join(f"{word} {n}" if n > 1 else word for word, n in counts.items()) or "-"


def _word(record: Record) -> str:
    """The verdict; of what a test is there to find, that it was found."""
    return f"{record.verdict.value} (expected)" if _differs(record) else record.verdict.value


def _differs(record: Record) -> bool:
    return record.verdict not in (Verdict.EXACT, Verdict.UNSUPPORTED)


def totals(records: Sequence[Record], expected: Sequence[Record] = ()) -> str:
    """Returns how many are EXACT of those that could be checked, and how many showed nothing.

    Args:
        records: to be judged.
        expected: of tests that are there to find what these show.
    """
    every = [*records, *expected]
    known = sum(map(_differs, expected))
    inapplicable = sum(record.verdict is Verdict.UNSUPPORTED for record in every)
    exact = sum(record.verdict is Verdict.EXACT for record in every)
    vacuous = sum(record.vacuous for record in every)
    seconds = sum(record.seconds for record in every)
    tail = f"; {vacuous} more vacuous (nothing had moved that could be lost)" if vacuous else ""
    tail += f"; {inapplicable} where the check does not apply" if inapplicable else ""
    tail += f"; {known} that their tests expect to differ" if known else ""
    tail += _coverage(every)
    judged = len(every) - inapplicable - known - vacuous
    return f"{exact - vacuous} of {judged} scenarios EXACT{tail}; {seconds:.1f} s"


def _coverage(records: Sequence[Record]) -> str:
    """The state coverage of all subjects together: what no scenario of a subject has tested."""
    subjects = {record.subject for record in records}
    counts = [_coverage_of(subject, records) for subject in sorted(subjects)]
    moved = sum(moved or 0 for moved, _ in counts)
    untested = sum(len(untested) for _, untested in counts)
    return f"; state coverage {moved - untested} of {moved}" if untested else ""


def _coverage_of(subject: str, records: Sequence[Record]) -> tuple[int | None, tuple[str, ...]]:
    """How many leaves moved, None where nothing has shown it, and which no scenario has tested."""
    known = [r for r in records if r.subject == subject and r.state_moved is not None]
    if not known:
        return None, ()
    left = set.intersection(*(set(record.untested) for record in known))
    return max(record.state_moved or 0 for record in known), tuple(sorted(left))


def below_floor(records: Sequence[Record], floor: float) -> tuple[str, ...]:
    """Returns a line for each subject of whose state too little was tested, with what was not.

    Args:
        records: of all scenarios.
        floor: how many of a hundred leaves that moved are to be saved at another value than their
            fresh one, in one scenario at least.
    """
    lines = []
    for subject in sorted({r.subject for r in records if r.verdict is not Verdict.UNSUPPORTED}):
        moved, untested = _coverage_of(subject, records)
        if moved is None:
            lines.append(
                f"{subject}: state coverage is not known, expected {floor:g}%: run `purity` and "
                "`resume`, which show what moves"
            )
        elif 100 * (moved - len(untested)) < floor * moved:
            lines.append(
                f"{subject}: state coverage {moved - len(untested)} of {moved}, expected "
                f"{floor:g}%: save where these are not fresh: {', '.join(untested)}"
            )
    return tuple(lines)
