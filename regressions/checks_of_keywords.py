"""The checks of keywords: one that nobody knows is refused by its name, wherever it is passed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resumeproof.algo import DistributionalPPO
from resumeproof.algo.saving.configuration import argument_names, keywords_of
from resumeproof.subjects.sb3 import Sb3Subject

from regressions.cases import Case, Found, raised
from regressions.checks_of_options import with_options

UNKNOWN = "no_such_keyword"


def places_of_keywords(algorithm: type[DistributionalPPO]) -> tuple[str, ...]:
    """Where keywords are taken: the constructor (""), its dicts, and those of its policy."""
    own = [name for name in argument_names(algorithm) if name.endswith("_kwargs")]
    # the policy's arguments that are the model's too are refused there, whatever they hold
    policy = keywords_of(algorithm.policy_aliases["MlpPolicy"], *own)
    inner = [f"policy_kwargs.{name}" for name in policy if name.endswith("_kwargs")]
    return ("", "kl_penalty", *own, *inner)


KEYWORDS = places_of_keywords(DistributionalPPO)


def keywords(subject: Sb3Subject, case: Case) -> Iterable[Found]:
    """A misspelt keyword is refused when a model is built, and the message holds its name."""
    with _refused("keywords", case.keyword) as found:
        subject.build(with_options(case.scenario, _misspelt(case.keyword)))
    return found


def overrides(subject: Sb3Subject, case: Case) -> Iterable[Found]:
    """The same where it is passed to `load`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved.zip"
        subject.save(subject.build(case.scenario), path)
        with _refused("overrides", case.keyword) as found:
            subject.load_with(path, case.scenario, _misspelt(case.keyword))
    return found


def _misspelt(keyword: str) -> dict[str, Any]:
    given: dict[str, Any] = {UNKNOWN: 1}
    for name in reversed(keyword.split(".")):
        given = {name: given} if name else given
    return given


@contextmanager
def _refused(check: str, keyword: str) -> Iterator[list[Found]]:
    """What is wrong with the answer to a misspelt keyword; empty once it has been refused."""
    outer, *inner = [*filter(None, keyword.split(".")), UNKNOWN]
    place = outer + "".join(f"[{name}]" for name in inner)
    found = [Found(check=check, place=place, text="an unknown keyword is taken in silence")]
    try:
        yield found
    except (TypeError, ValueError) as error:
        found[:] = [] if UNKNOWN in str(error) else [raised(check, error)]
