"""Some facts of every kind of state, kept and lost; `make kinds` tries all of them."""

import pytest

from properties.kinds import Case, cases, fault, main

EVERY = 40


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in cases(EVERY)])
def test_a_loss_is_named_and_nothing_else_is_one(case: Case) -> None:
    """A load that brings a fact back is EXACT; one that does not is named at the object."""
    assert fault(case) == ""


def test_the_sweep_says_how_many_of_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    """False alarms and losses have a denominator each."""
    assert main(["--every", "300"]) == 0
    out = capsys.readouterr().out
    assert "false alarms: 0 of " in out
    assert "found and named: " in out
