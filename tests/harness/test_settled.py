"""What was saved is what was there when save returned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from resumeproof import Scenario, loop
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record, Verdict

SCENARIO = Scenario(length=12, save_at=6)


class _Counts:
    """A number that rises; a writer that may come late."""

    def __init__(self, seed: int = 0) -> None:
        self.count = 0
        self.waiting: list[Path] = []

    def step(self) -> None:
        self.count += 1

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"count": self.count}))

    def load(self, path: Path) -> None:
        self.count = json.loads(path.read_text())["count"]


class _WritesLate(_Counts):
    """Writes a part at once and the rest in the next step, as a queue of a writer does."""

    def step(self) -> None:
        super().step()
        for path in self.waiting:
            path.write_text(json.dumps({"count": self.count}))
        self.waiting.clear()

    def save(self, path: Path) -> None:
        super().save(path)
        self.waiting.append(path)


class _AddsLate(_Counts):
    """Adds a file to its folder in the next step."""

    def step(self) -> None:
        super().step()
        for path in self.waiting:
            (path / "late.json").write_text("{}")
        self.waiting.clear()

    def save(self, path: Path) -> None:
        path.mkdir()
        super().save(path / "state.json")
        self.waiting.append(path)

    def load(self, path: Path) -> None:
        super().load(path / "state.json")


class _Late:
    """A subject over the classes above: its files are its own, not packed into one by a loop."""

    exclusions = ()

    def __init__(self, kind: Any) -> None:
        self.kind, self.name = kind, f"late:{kind.__name__}"

    def build(self, scenario: Scenario) -> Any:
        return self.kind()

    def train(self, live: Any, *, until: int, visits: Any) -> None:
        while live.count < until:
            live.step()
            if live.count in visits:
                visits[live.count](live)

    def save(self, live: Any, target: Any) -> None:
        live.save(Path(target))

    def load(self, source: Any, scenario: Scenario) -> Any:
        live = self.kind()
        live.load(Path(source))
        return live

    def roots(self, live: Any) -> Any:
        return {"run": live}

    def boundaries(self, scenario: Scenario) -> Any:
        return range(1, scenario.length + 1)


def _judged(kind: Any) -> Record:
    return run(_Late(kind), SCENARIO, ("settled",))


@pytest.mark.parametrize("kind", [_WritesLate, _AddsLate])
def test_writer_that_is_still_at_work_is_found(kind: Any) -> None:
    """What save reports as done changes when training goes on: the file is named."""
    record = _judged(kind)
    assert record.verdict is Verdict.DIFFERS
    assert [finding.check for finding in record.findings] == ["settled"]
    assert "when save() returned" in record.findings[0].diff.mismatches[0].expected


def test_writer_that_is_done_is_exact() -> None:
    """A file that nobody touches after the save."""
    assert _judged(_Counts).verdict is Verdict.EXACT


def test_loop_that_returns_its_state_is_settled() -> None:
    """What a loop hands over is packed at once."""
    subject = loop(
        make=_Counts,
        step=_Counts.step,
        save=lambda live: vars(live),
        load=lambda live, state: vars(live).update(state),
    )
    assert run(subject, SCENARIO, ("settled",)).verdict is Verdict.EXACT
