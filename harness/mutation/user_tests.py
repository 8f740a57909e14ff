"""What a user's own tests would not see: each is run again on mutants.

A test that takes a subject gets one whose `load` breaks one leaf of what it returns. If the test
fails then, it has seen the mutant; if it still passes, it would not see such a loss in earnest.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..checks import Aspect, aspect_of
from ..core.randomness import preserved_streams
from ..subjects.protocol import Subject, is_subject
from ..testing import BoundCheck
from ..trial.defaults import own_scenarios
from ..verdicts.advice import listed
from .campaign import Campaign, every, mutate
from .mutant import KILLED, SURVIVED, KillMatrix, Mutant, Outcome, spelled
from .mutated import Mutated

_OWN = "own test"
# what neither loads nor looks at what was loaded cannot see any loss
_OF_LOADS = Aspect.LOADED | Aspect.RESAVED | Aspect.SHARED
_SHOWN = 8


def outcomes_of(
    test: Callable[..., Any], arguments: Mapping[str, Any], stride: int
) -> KillMatrix | None:
    """Runs a test that has passed again, on every mutant of the one subject it takes.

    Args:
        test: the function of the test.
        arguments: what pytest calls it with.
        stride: every how many of the mutants of an operator is tried.

    Returns:
        None for a test that takes no subject, or whose check cannot see what was loaded.
    """
    taken = {name: arguments[name] for name in inspect.signature(test).parameters}
    subjects = [name for name, value in taken.items() if is_subject(value)]
    if len(subjects) != 1:
        return None
    (name,) = subjects
    check = next((value for value in taken.values() if isinstance(value, BoundCheck)), None)
    if check is None:
        return _of_own_test(lambda subject: test(**{**taken, name: subject}), taken[name], stride)
    aspect = aspect_of(check.name)
    if not aspect & _OF_LOADS or Aspect.ELSEWHERE in aspect:  # mutants do not travel
        return None
    scenario = (check.scenarios or own_scenarios(taken[name]))[0]
    return mutate(taken[name], scenario, (check.name,), stride=stride)


def _of_own_test(test: Callable[[Any], Any], subject: Subject, stride: int) -> KillMatrix:
    campaign = Campaign(subject, own_scenarios(subject)[0], ())
    mutants, donors = campaign.mutants(), campaign.donors
    outcomes = [
        campaign.no_mutant(mutant) or _outcome(test, mutant, Mutated(subject, mutant, donors))
        for mutant in every(stride, mutants)
    ]
    tried = tuple(outcome for outcome in outcomes if outcome is not None)
    lost = tuple(str(mismatch.keypath) for mismatch in campaign.lost)
    return KillMatrix(subject=subject.name, outcomes=tried, lost=lost)


def _outcome(test: Callable[[Any], Any], mutant: Mutant, broken: Mutated) -> Outcome | None:
    """Returns what the test made of one mutant; None where none of its loads was broken."""
    error = ""
    with preserved_streams():
        try:
            test(broken)
        except Exception as raised:  # a test that fails, in whatever words
            error = f"{type(raised).__name__}: {raised}"
    if not broken.broken:
        return None
    result = KILLED if error else SURVIVED
    return Outcome(mutant=mutant, check=_OWN, result=result, reason=error)


def to_plain(matrix: KillMatrix) -> dict[str, Any]:
    """Returns what one test saw and did not, as data."""
    by_result = {
        result: [outcome.mutant.to_plain() for outcome in matrix.of(result)]
        for result in (KILLED, SURVIVED)
    }
    return {"subject": matrix.subject, "lost": [*matrix.lost], **by_result}


def summary(tested: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Yields the lines of the summary: what is lost anyway, then what each test saw, and none.

    Args:
        tested: what `to_plain` made, with the id of the test.
    """
    by_subject: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for plain in tested:
        by_subject[plain["subject"]].append(plain)
    for subject, tests in sorted(by_subject.items()):
        seen = {spelled(mutant) for plain in tests for mutant in plain[KILLED]}
        missed = dict.fromkeys(spelled(mutant) for plain in tests for mutant in plain[SURVIVED])
        unseen = [mutant for mutant in missed if mutant not in seen]
        if lost := dict.fromkeys(place for plain in tests for place in plain["lost"]):
            leaves = "1 leaf does" if len(lost) == 1 else f"{len(lost)} leaves do"
            yield (
                f"{subject}: {leaves} not come back anyway, without any mutant, so that no mutant "
                f"asks about it: {listed(lost)}"
            )
        yield (
            f"{subject}: {len(seen) + len(unseen)} mutants tried, {len(seen)} seen, "
            f"{len(unseen)} that no test of yours would see"
        )
        for plain in tests:
            count = len(plain[KILLED])
            yield f"  {count} of {count + len(plain[SURVIVED])} seen by {plain['test']}"
        yield from (f"  unseen  {mutant}" for mutant in unseen[:_SHOWN])
        if len(unseen) > _SHOWN:
            yield f"  ({len(unseen) - _SHOWN} more unseen, all in the file of --ckpt-report)"
