"""Records of one scenario are the same, byte for byte, in any process: but for the clocks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import resumeproof

ROOT = Path(resumeproof.__file__).parents[1]
EXAMPLES = Path(__file__).parent / "examples"
PROGRAM = """
import json, sys
import example_counters, example_loops
from resumeproof import Scenario, loop
from resumeproof.verdicts.runner import run

class Ordered:
    \"\"\"Keeps sets and tables whose order comes from hashes, and forgets one of them.\"\"\"
    def __init__(self):
        self.names, self.table, self.sum = set(), {}, 0
    def step(self):
        self.sum += len(self.table)
        self.names.add(f"name {self.sum}")
        self.table = {name: len(name) for name in sorted(self.names)}
    def save(self):
        return {"names": sorted(self.names), "sum": self.sum}
    def load(self, state):
        self.names, self.sum = set(state["names"]), state["sum"]

of_class = lambda kind: loop(make=kind, step=kind.step, save=kind.save, load=kind.load)
SUBJECTS = {
    "forgets its scheduler": of_class(example_loops.ForgetsScheduler),
    "counter": example_counters.forgetful_scaler,
    "hashes": of_class(Ordered),
}
for name, subject in SUBJECTS.items():
    lines = set()
    for _ in range(5):
        record = run(subject, Scenario(length=8, save_at=3, cycles=2, gap=2)).to_plain()
        record["seconds"] = 0
        if record["attribution"]:
            record["attribution"]["seconds"] = 0
        lines.add(json.dumps(record, sort_keys=True))
    print(json.dumps([name, sorted(lines)]))
"""


def records_of(hash_seed):
    """Every subject with the records that five runs of it gave, in a process of their own."""
    folders = os.pathsep.join([str(ROOT), str(EXAMPLES)])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": folders, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return dict(map(json.loads, done.stdout.splitlines()))


@pytest.mark.ckpt_slow
def test_records_are_the_same_whatever_the_hashes_of_the_process():
    """Five runs in each of two processes: one line for each subject."""
    first, *others = (records_of(seed) for seed in ("0", "4321"))
    assert len(first) == 3
    assert {name: len(lines) for name, lines in first.items()} == dict.fromkeys(first, 1)
    for other in others:
        assert other == first
    assert {json.loads(lines[0])["verdict"] for lines in first.values()} == {"DIFFERS"}
