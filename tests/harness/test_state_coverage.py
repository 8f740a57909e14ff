"""What no save point has met is named, and met by a scenario of its own."""

from __future__ import annotations

from typing import Any

import pytest
from resumeproof import CheckpointMismatch, Scenario, check_resume, loop
from resumeproof.cli import main
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.summary import below_floor


class _Patience:
    """Counts the steps without a better score; the count is at zero most of the time."""

    keeps: tuple[str, ...] = ("steps", "score", "patience")

    def __init__(self, seed: int = 0) -> None:
        self.steps, self.score, self.patience = 0, 0.0, 0

    def step(self) -> None:
        self.steps += 1
        worse = self.steps in (17, 18, 19)
        self.patience = self.patience + 1 if worse else 0
        self.score += 1.0 + 0.1 * self.patience

    def save(self) -> Any:
        return {name: getattr(self, name) for name in self.keeps}

    def load(self, state: Any) -> None:
        vars(self).update(state)


def _subject(*keeps: str) -> Any:
    kind = type("Patience", (_Patience,), {"keeps": keeps})
    return loop(make=kind, step=kind.step, save=kind.save, load=kind.load)


def test_leaf_at_its_fresh_value_at_every_save_is_named() -> None:
    """It moved, and to forget it would look the same: not tested, and where it would be."""
    record = run(_subject("steps", "score"), Scenario(length=24, save_at=13, into="fresh"))
    assert record.verdict.value == "EXACT"
    assert record.untested == ("run.patience",)
    assert record.state_coverage == (2, 3)
    assert set(record.better_save_at) & {17, 18, 19}


class _Grows:
    """Keeps a list of scores, and one of records, of which there is none before step 17."""

    def __init__(self, seed: int = 0) -> None:
        self.scores: list[float] = []
        self.records: list[float] = []

    def step(self) -> None:
        self.scores.append(0.5 * len(self.scores))
        if len(self.scores) > 16:
            self.records.append(self.scores[-1])


def test_growing_sequence_is_tested_once_it_was_met() -> None:
    """Elements that are born later are no new leaves; of a list that was empty they are."""
    record = run(
        loop(
            make=_Grows,
            step=_Grows.step,
            save=lambda live: (list(live.scores), list(live.records)),
            load=lambda live, state: vars(live).update(scores=state[0], records=state[1]),
        ),
        Scenario(length=24, save_at=13),
    )
    assert record.untested[0] == "run.records[0]"
    assert all(leaf.startswith("run.records[") for leaf in record.untested)
    assert record.state_moved == 13 + len(record.untested)


def test_scenarios_of_its_own_meet_what_the_usual_ones_do_not() -> None:
    """Without a scenario given, a counter that often stands at zero is found."""
    with pytest.raises(CheckpointMismatch, match=r"run\.patience"):
        check_resume(_subject("steps", "score"), checks=("roundtrip", "resume"))


def test_counter_that_is_kept_is_covered_in_the_end() -> None:
    """All that moved was met by some save point."""
    records = check_resume(_subject("steps", "score", "patience"), checks=("resume",))
    assert set.intersection(*(set(record.untested) for record in records)) == set()


@pytest.mark.parametrize("repetition", range(2))
def test_records_are_the_same_byte_for_byte(repetition: int) -> None:
    """But for the seconds, whatever the process did before."""
    kept = [object() for _ in range(repetition * 1000)]
    lines = []
    for _ in range(5):
        record = run(_subject("steps"), Scenario(length=24, save_at=13)).to_plain()
        record["seconds"] = record["attribution"]["seconds"] = 0
        lines.append(str(record))
    assert len(kept) >= 0
    assert len(set(lines)) == 1


def _records() -> list[Any]:
    scenarios = [Scenario(length=24, save_at=at, into="fresh") for at in (13, 18)]
    return [run(_subject("steps", "score"), scenario, ("roundtrip",)) for scenario in scenarios]


def test_floor_says_which_leaves_lie_below_it() -> None:
    """Two of three leaves are tested: enough for 66 of a hundred, and not for 67."""
    fresh, met = _records()
    assert below_floor([fresh], 66) == ()
    (line,) = below_floor([fresh], 67)
    assert line.startswith("loop:Patience: state coverage 2 of 3, expected 67%")
    assert line.endswith("run.patience")
    assert below_floor([fresh, met], 100) == ()


def test_floor_is_not_met_where_nothing_shows_what_moves() -> None:
    """A check that looks at no run leaves the coverage unknown."""
    record = run(_subject("steps", "score"), Scenario(length=24, save_at=13), ("component",))
    assert record.state_coverage is None
    (line,) = below_floor([record], 1)
    assert "state coverage is not known, expected 1%" in line


_GIVEN = "--checks purity,roundtrip --length 24 --save-at 13 --into fresh"


@pytest.mark.parametrize(("floor", "status"), [(50, 0), (51, 1)])
def test_command_fails_below_the_floor(
    capsys: pytest.CaptureFixture[str],
    floor: int,
    status: int,
) -> None:
    """All is EXACT, and half of what moves was tested."""
    words = f"check example_loops:ForgetsPatience {_GIVEN} --min-state-coverage {floor}"
    assert main(words.split()) == status
    out = capsys.readouterr().out
    assert ("state coverage 1 of 2, expected 51%: save where" in out) is bool(status)


@pytest.mark.parametrize("flag", ["101", "-1", "much"])
def test_floor_is_a_percentage(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else is taken."""
    with pytest.raises(SystemExit):
        main(["check", "a:b", f"--min-state-coverage={flag}"])
    assert "--min-state-coverage" in capsys.readouterr().err
