"""Facts that are easily missed: each one shows in a comparison, or the object is refused.

A row of FACTS is a builder and a change of one fact; the change happens in place, or returns what
the object became. NOT_STATE holds changes that must not show, REFUSED builders of objects that
no reader can read. What a table does not claim is not skipped anywhere: a row holds, or fails.
"""

import pytest
from resumeproof.core.errors import UncapturableLeaf
from resumeproof.state.capture import capture
from resumeproof.state.compare import compare

from tests.harness.hidden.tables import TABLES


def rows(table):
    """Every row of one of the tables, named by its module and key."""
    return [
        pytest.param(row, id=f"{name}: {key}")
        for name, module in TABLES.items()
        for key, row in getattr(module, table, {}).items()
    ]


def made(make, change=None):
    """The state of a new object, after a change if there is one."""
    live = make()
    became = change(live) if change else None
    return capture([live if became is None else became])


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("row", rows("FACTS"))
def test_one_changed_fact_shows(row):
    """Two objects made alike are equal, and one changed fact makes them differ, both ways."""
    make, change = row
    plain, changed = made(make), made(make, change)
    assert not compare(plain, made(make))
    assert compare(plain, changed)
    assert compare(changed, plain)


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("row", rows("NOT_STATE"))
def test_what_is_no_state_does_not_show(row):
    """What a run cannot lose, for it is code, output or without effect, never differs."""
    make, change = row
    assert not compare(made(make), made(make, change))


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("make", rows("REFUSED"))
def test_what_cannot_be_read_is_refused(make):
    """An error names the object; nothing is left out in silence."""
    with pytest.raises(UncapturableLeaf, match=r"(?s)^cannot capture \[0\].*register_leaf"):
        made(make)


def test_the_tables_are_whole():
    """No table has lost its rows to a refactoring or to an older library."""
    assert len(rows("FACTS")) > 550
    assert len(rows("REFUSED")) > 25
