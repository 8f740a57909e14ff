"""Bug 7: five of 24 tests failed, for they used arguments that do not exist.

It was a fault of the tests. The law is that a keyword which does not exist is refused by name,
wherever one can be written; what is planted takes them in silence, in the two ways in which it
happens: `**kwargs` that go nowhere, and a dict of which only the known entries are read.
"""

from __future__ import annotations

import inspect
from typing import Any, final

import pytest

from algo import DistributionalPPO
from algo.vgs import VarianceGradientScaler
from properties.space import OURS
from regressions.laws import LawBroken, keyword_names, strangers_are_named
from regressions.planted import ours


@final
class TakesAnything(DistributionalPPO):
    """Keywords of the constructor that it does not know go nowhere."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        known = {*DistributionalPPO.argument_names(), "device", "_init_setup_model"}
        super().__init__(*args, **{k: v for k, v in kwargs.items() if k in known | {"env"}})


@final
class ReadsWhatItKnows(DistributionalPPO):
    """Of `vgs_kwargs` it reads the entries that it knows."""

    def __init__(self, *args: Any, vgs_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        known = inspect.signature(VarianceGradientScaler).parameters
        read = {k: v for k, v in (vgs_kwargs or {}).items() if k in known}
        super().__init__(*args, vgs_kwargs=read, **kwargs)


PLANTED = {
    "#7 the constructor takes anything": TakesAnything,
    "#7 a dict of keywords is read in part": ReadsWhatItKnows,
}
NAMED = dict(zip(PLANTED, ("", "vgs_kwargs"), strict=True))


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bug_is_found_and_named(name: str) -> None:
    """Of all places where a keyword can be written, it is the one that takes it in silence."""
    silent = []
    for where in keyword_names(OURS):
        try:
            strangers_are_named(ours(PLANTED[name]), where)
        except LawBroken as broken:
            silent.append(broken.place)
    assert silent == [NAMED[name] or "the constructor"]


@pytest.mark.parametrize("where", keyword_names(OURS))
def test_shipped_code_refuses_by_name(where: str) -> None:
    """In the constructor and in every argument that takes keywords."""
    strangers_are_named(OURS, where)


def test_law_asks_in_every_place() -> None:
    """The places are read from the signature: those we know of are among them."""
    known = {"", "vgs", "vgs_kwargs", "kl_penalty", "critic_kwargs", "optimizer_kwargs"}
    assert known <= set(keyword_names(OURS))
