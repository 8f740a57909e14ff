"""Question: which ways of comparing two states tell right from wrong?

Every case is a pair of states of which is known, by hand, whether a resumed run may have one in
place of the other. Four judges say "same" or "differs", or raise because they cannot compare such
things: ours, `torch.equal`, `torch.testing.assert_close` without tolerance, and numpy's
`assert_array_equal`. A judge that raises is neither right nor wrong: it saw nothing.

usage: python -m benchmarks.correctness
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from resumeproof.state.capture import capture
from resumeproof.state.compare import compare

from tests.harness.compare_cases import CASES

SAME, DIFFERS, CANNOT = "same", "differs", "cannot"
Judge = Callable[[Any, Any], bool]


def by_harness(expected: Any, got: Any) -> bool:
    """Two pictures of the live graphs, compared."""
    return not compare(capture(expected), capture(got))


def by_assert_close(expected: Any, got: Any) -> bool:
    """With the tolerances at zero and NaN equal to NaN, as strict as it gets."""
    try:
        torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True, check_stride=True)
    except AssertionError:
        return False
    return True


def by_numpy(expected: Any, got: Any) -> bool:
    """With shape and dtype to agree, which is not the default."""
    try:
        np.testing.assert_array_equal(got, expected, strict=True)
    except AssertionError:
        return False
    return True


JUDGES: dict[str, Judge] = {
    "resumeproof": by_harness,
    "torch.equal": torch.equal,
    "assert_close(0, 0)": by_assert_close,
    "assert_array_equal": by_numpy,
}


def verdict(judge: Judge, expected: Any, got: Any) -> str:
    """What the judge says of a pair."""
    try:
        return SAME if judge(expected, got) else DIFFERS
    except Exception:  # each raises what it likes where it cannot compare
        return CANNOT


def main() -> None:
    """Prints a line for each case, wrong answers marked, and the count of right ones."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    print(f"| case | truth | {' | '.join(JUDGES)} |")
    print("|---" * (len(JUDGES) + 2) + "|")
    for name, (expected, got, found) in CASES.items():
        truth = DIFFERS if found else SAME
        said = {judge: verdict(ask, expected, got) for judge, ask in JUDGES.items()}
        right.update(judge for judge, word in said.items() if word == truth)
        wrong.update(judge for judge, word in said.items() if word not in (truth, CANNOT))
        cells = [word if word in (truth, CANNOT) else f"{word} WRONG" for word in said.values()]
        print(f"| {name} | {truth} | {' | '.join(cells)} |")
    for judge in JUDGES:
        unable = len(CASES) - right[judge] - wrong[judge]
        print(
            f"{judge}: {right[judge]} of {len(CASES)} right, {wrong[judge]} wrong, {unable} cannot"
        )


if __name__ == "__main__":
    main()
