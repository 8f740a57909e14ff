"""The page of the audit is what was measured, for every algorithm, and what is measured now."""

from __future__ import annotations

import pytest

from audit.__main__ import read_cells
from audit.cases import CASES
from audit.measure import WAYS, measure
from audit.page import committed, render, versions

CELLS = {(cell["name"], cell["way"]): cell for cell in read_cells()}


def test_page_is_what_the_cells_say() -> None:
    """Every algorithm in both ways, with the versions that were measured."""
    assert list(CELLS) == [(name, way) for name in CASES for way in WAYS]
    made_with = dict(pair.rsplit(" ", 1) for pair in _versions_of(committed()))
    assert set(made_with) == set(versions())
    assert committed() == render(list(CELLS.values()), made_with)


def _versions_of(page: str) -> list[str]:
    """The pairs of name and number in the first paragraph."""
    return page.splitlines()[0].rstrip(".").split("leaves. ")[1].split(", ")


@pytest.mark.parametrize("name", CASES)
def test_every_algorithm_loses_something_by_itself_and_nothing_by_resume(name: str) -> None:
    """And no two runs alike differ, and no scenario is empty."""
    stock, ours = (CELLS[name, way] for way in WAYS)
    assert set(stock["verdicts"]) == {"DIFFERS"}
    assert stock["groups"]["lost and needed"]
    assert set(ours["verdicts"]) == {"EXACT"}
    assert stock["noise"] == ours["noise"] == stock["vacuous"] == ours["vacuous"] == 0


@pytest.mark.parametrize(("name", "way"), [("ARS", "stock"), ("DQN", "ours")])
def test_measured_anew_a_cell_is_as_it_is_on_the_page(name: str, way: str) -> None:
    """But for the seconds."""
    now, then = measure(name, way), CELLS[name, way]
    assert {**now, "seconds": 0} == {**then, "seconds": 0}
