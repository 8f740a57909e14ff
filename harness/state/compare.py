"""Compare two snapshots bit by bit: values, types, layouts, order and aliases. No tolerance."""

from collections.abc import Sequence

from ..core.exclusions import Exclusion
from .diff import differences
from .mismatch import Diff, Mismatch, MismatchKind
from .snapshot import Snapshot

__all__ = ["Diff", "Mismatch", "MismatchKind", "compare"]


def compare(expected: Snapshot, got: Snapshot, exclusions: Sequence[Exclusion] = ()) -> Diff:
    """Returns every difference between two snapshots.

    Args:
        expected: what must hold.
        got: what holds.
        exclusions: differences they cover are listed apart; `require_used` checks the unused.
    """
    excluded: list[tuple[Exclusion, Mismatch]] = []
    mismatches: list[Mismatch] = []
    # equal bytes are equal graphs; unequal bytes may be: walked in another order
    for mismatch in [] if expected.same_bytes(got) else differences(expected, got):
        rendered = str(mismatch.keypath)
        cover = next((item for item in exclusions if item.covers(rendered)), None)
        if cover is None:
            mismatches.append(mismatch)
        else:
            excluded.append((cover, mismatch))
    used = _used(exclusions, expected, got)
    return Diff(mismatches=tuple(mismatches), excluded=tuple(excluded), used=used)


def _used(exclusions: Sequence[Exclusion], *snapshots: Snapshot) -> frozenset[Exclusion]:
    if not exclusions:
        return frozenset()
    paths = {str(keypath) for snapshot in snapshots for keypath in snapshot}
    return frozenset(item for item in exclusions if any(map(item.covers, paths)))
