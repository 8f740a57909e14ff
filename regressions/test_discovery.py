"""The search for planted bugs finds what is planted, and nothing in the shipped algorithm."""

from __future__ import annotations

from pathlib import Path

import pytest
from resumeproof.algo import DistributionalPPO

from regressions import discovery
from regressions.planted import ours

FAST = (
    "#5 division by zero in UPGD",
    "#7 unknown keywords are dropped",
    "#8 the schedule holds an open log file",
    "#9 the scaler tracks copies after a load",
)


def test_every_module_offers_what_it_plants() -> None:
    """Ten bugs, each at least once."""
    numbers = {name.partition(" ")[0] for name in discovery.planted()}
    assert numbers == {f"#{number}" for number in range(1, 11)}


@pytest.mark.parametrize("bug", FAST)
def test_search_finds_a_planted_bug(bug: str) -> None:
    """Within a few scenarios, and with a place."""
    found = discovery.discover(bug, 0)
    assert found.found is not None
    assert found.found.place
    assert found.scenarios <= 50


def test_search_is_the_same_for_the_same_seed() -> None:
    """Everything but the time."""
    first, second = (discovery.discover(FAST[3], 3) for _ in range(2))
    assert (first.scenarios, first.found) == (second.scenarios, second.found)


def test_search_finds_nothing_in_the_shipped_algorithm() -> None:
    """Every scenario that was asked for has been run."""
    result = discovery.search("shipped", ours(DistributionalPPO), 0, most=3)
    assert result.found is None
    assert result.scenarios == 3


def test_table_says_what_was_missed() -> None:
    """A search that found nothing is no number of scenarios."""
    rows = [discovery.Discovery(bug="#0", scenarios=300, seconds=1.0, found=None)]
    assert "not in 300 for 1 of 1 seeds" in discovery.table(rows)


def test_write_replaces_what_is_between_the_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else."""
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{discovery.START}\nold\n{discovery.END}\nafter\n")
    monkeypatch.setattr(discovery, "README", readme)
    discovery.write("new")
    assert readme.read_text() == f"before\n{discovery.START}\nnew\n{discovery.END}\nafter\n"
