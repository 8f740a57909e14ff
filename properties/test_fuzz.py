"""A campaign finds, shrinks, stores and names what is planted, and nothing where nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from resumeproof.fuzzing.corpus import read
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict

from properties.campaign import Stretch, run_stretch
from properties.rendering import line_of


def test_campaign_finds_shrinks_stores_and_names_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A scaler that starts afresh: one short scenario with no options, which fails again."""
    monkeypatch.setenv("CKPT_SCENARIOS", str(tmp_path))
    stretch = Stretch(
        target="properties.forgetful:FORGETFUL",
        checks=("roundtrip",),
        seed=1,
        seconds=30.0,
        shrink_seconds=30.0,
    )
    (failure,) = run_stretch(stretch).failures
    assert "model.vgs" in failure.text
    (stored,) = read(tmp_path)
    assert (str(stored.path), stored.check) == (failure.path, "roundtrip")
    scenario = stored.case.scenario
    assert (scenario.options, scenario.cycles, scenario.gap, scenario.seed) == ({}, 1, 0, 0)
    assert f"scenario: {scenario!r}" in failure.text
    again = run(stored.case.subject(), scenario, (stored.check,))
    assert again.verdict is Verdict.DIFFERS


def test_campaign_finds_nothing_in_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Scenarios are drawn and kept, none fails and nothing is stored."""
    monkeypatch.setenv("CKPT_SCENARIOS", str(tmp_path))
    stretch = Stretch(
        target="properties.space:OURS",
        checks=("purity", "roundtrip"),
        seed=1,
        seconds=6.0,
        shrink_seconds=10.0,
    )
    outcome = run_stretch(stretch)
    assert outcome.results
    assert all(json.loads(line_of(r))["target"] == stretch.target for r in outcome.results)
    assert outcome.failures == []
    assert list(tmp_path.iterdir()) == []
