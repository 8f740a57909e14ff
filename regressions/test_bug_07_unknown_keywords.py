"""Bug 7: tests passed arguments that do not exist. Pinned here: such a keyword is refused by name.

Planted is what hides it from everybody: what is unknown is dropped in silence.
"""

from __future__ import annotations

import inspect
from typing import Any, final

import pytest

from algo import DistributionalPPO
from regressions.laws import KEYWORDS, Case, Found, look
from regressions.planted import LIFE, ours

UNKNOWN = "no_such_keyword"


@final
class Lenient(DistributionalPPO):
    """Drops what it does not know, in the constructor and in its dicts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        known = {*self._keywords(), *inspect.signature(DistributionalPPO).parameters}
        kept = {name: value for name, value in kwargs.items() if name in known}
        super().__init__(*args, **{name: _without_unknown(value) for name, value in kept.items()})


def _without_unknown(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: inner for key, inner in value.items() if key != UNKNOWN}


PLANTED = {"#7 unknown keywords are dropped": Lenient}


def passed(algorithm: type[DistributionalPPO], where: str) -> tuple[Found, ...]:
    """What the law of keywords shows of an unknown one, passed there."""
    return look(ours(algorithm), Case(law="keywords", keyword=where, scenario=LIFE))


@pytest.mark.parametrize("where", KEYWORDS, ids=lambda where: where or "constructor")
def test_planted_bug_is_found(where: str) -> None:
    """Nothing was raised, so somebody's option is not in force."""
    assert passed(Lenient, where)


@pytest.mark.parametrize("where", KEYWORDS, ids=lambda where: where or "constructor")
def test_report_names_the_argument(where: str) -> None:
    """The dict it was passed in, and its name."""
    (found,) = passed(Lenient, where)
    assert found.place == (f"{where}[{UNKNOWN}]" if where else UNKNOWN)


@pytest.mark.parametrize("where", KEYWORDS, ids=lambda where: where or "constructor")
def test_shipped_code_refuses_it_by_name(where: str) -> None:
    """In the constructor, and in every dict that it takes."""
    assert not passed(DistributionalPPO, where)
