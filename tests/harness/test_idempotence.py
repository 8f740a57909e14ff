"""What a run writes after a load against what it was loaded from, as people's files are."""

import json
import pickle
import time
from fractions import Fraction

import pytest
import torch
from resumeproof import Scenario, loop
from resumeproof.verdicts.runner import run

SCENARIO = Scenario(length=8, save_at=4)


class Run:
    """A counter, and a game whose pickle depends on how it came to be."""

    def __init__(self, seed=0):
        self.steps = 0
        name = "".join(["a", "b"])
        self.game = {"names": [name, name], "score": 0.0}

    def step(self):
        """Plays."""
        self.steps += 1
        self.game["score"] += 0.5 * self.steps

    def content(self):
        """All there is, the game as a pickle beside an object, so that only pickle reads it."""
        return {"steps": self.steps, "game": pickle.dumps(self.game), "scale": Fraction(1, 2)}

    def save(self, path):
        """Writes it by torch."""
        torch.save(self.content(), path)

    def load(self, path):
        """Puts it back; the two names come back as two objects."""
        content = torch.load(path, weights_only=False)
        self.steps, self.game = content["steps"], pickle.loads(content["game"])
        self.game["names"] = [name.replace("b", "") + "b" for name in self.game["names"]]


class Stamped(Run):
    """Writes the time, and how many saves there have been in this process."""

    saves = 0

    def save(self, path):
        """As JSON."""
        type(self).saves += 1
        stamp = {"time": time.time(), "saves": self.saves}
        path.write_text(json.dumps({"steps": self.steps, "game": self.game, "meta": stamp}))

    def load(self, path):
        """Puts back what is state."""
        content = json.loads(path.read_text())
        self.steps, self.game = content["steps"], content["game"]


class Forgets(Stamped):
    """Writes the half of the score that it was loaded with."""

    def load(self, path):
        """Halves it."""
        super().load(path)
        self.game["score"] /= 2


def idempotence(kind):
    """What the check finds, by KeyPath."""
    subject = loop(make=kind, step=kind.step, save=kind.save, load=kind.load)
    record = run(subject, SCENARIO, ["idempotence"])
    assert not record.raised
    return [str(m.keypath) for finding in record.findings for m in finding.diff.mismatches]


@pytest.mark.parametrize("kind", [Run, Stamped])
def test_files_as_they_are_written_are_not_held_against_anybody(kind):
    """A pickle within a file is what it holds, and a time or a count of saves is no state."""
    assert idempotence(kind) == []


def test_loss_beside_a_time_is_found():
    """What a load changes is found in the file, and the time beside it is not."""
    assert [path.rpartition("[")[2] for path in idempotence(Forgets)] == ["'score']"]
