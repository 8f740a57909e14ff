"""The gate itself: it counts, records, and fails with the name of the leaf."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from resumeproof.algo import DistributionalPPO
from resumeproof.algo.saving.registry import names_of
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.sb3 import sb3
from resumeproof.trial.defaults import SAVE_POINTS
from resumeproof.verdicts.runner import DEFAULT_CHECKS, run

from properties.combinations import EXCLUSIONS, QUANTILE, SMALL
from properties.forgetful import Forgetful
from properties.gate import plan, status
from properties.rendering import Result, failures

ROOT = Path(__file__).parent.parent


def test_gate_writes_one_record_for_each_scenario_and_a_table(tmp_path: Path) -> None:
    """Exit status 0, a line of JSON for each scenario, a word in each cell."""
    records = tmp_path / "gate.jsonl"
    command = [sys.executable, "-m", "properties.gate", "--scenarios", "15", "--jobs", "1"]
    command += ["--mutants", "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--records", str(records)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    assert [line["verdict"] for line in lines] == ["EXACT"] * 15
    assert all(Scenario.from_json(json.dumps(line["scenario"])) for line in lines)
    assert "1 of 1 scenarios EXACT; 14 more vacuous" in done.stdout
    assert "CartPole-v1: quantile twin, AdaptiveUPGD, VGS" in done.stdout


def test_gate_fails_and_names_the_leaf_that_was_forgotten() -> None:
    """An algorithm that loses one part is reported with the KeyPath, and the status is 1."""
    options: dict[str, Any] = {**SMALL, **QUANTILE, "env": "CartPole-v1"}
    subject = sb3(Forgetful, exclusions=EXCLUSIONS, **options)
    record = run(subject, Scenario(length=64, save_at=40, seed=1))
    results = [Result(name="forgetful", record=record, checks=DEFAULT_CHECKS)]
    text = "\n".join(failures(results))
    assert status(results) == 1
    assert "DIFFERS: forgetful" in text
    assert "model.vgs" in text
    assert "vgs" in names_of(DistributionalPPO, learned=True)


def test_every_combination_meets_every_save_point() -> None:
    """The plan has no empty cell, and the same seed gives the same plan."""
    tasks = list(plan(252, seed=0))
    cells = {(name, scenario.save_point) for name, scenario in tasks}
    assert len(cells) == 14 * len(SAVE_POINTS)
    assert tasks == list(plan(252, seed=0))
