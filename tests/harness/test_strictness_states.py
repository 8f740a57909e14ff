"""Damaged states in memory: a loss in silence is a fault, what an ordinary load does is told."""

import numpy as np
import pytest
import torch
from resumeproof.checks import CHECKS
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.component import component
from resumeproof.trial.trial import Trial

SCENARIO = Scenario(length=8, save_at=5)


def found(subject):
    """What the check says, by KeyPath."""
    diff = CHECKS["strictness"](Trial(subject, SCENARIO)).diff
    return {str(mismatch.keypath): str(mismatch) for mismatch in diff.mismatches}


class Grouped:
    """A state with a list of dicts in it; `tolerant` names the damage that it does not mind."""

    def __init__(self, tolerant=""):
        self.tolerant, self.count, self.rate = tolerant, 0, 1.0

    def step(self):
        """Counts, ever more slowly."""
        self.count, self.rate = self.count + 1, self.rate / 2

    def state_dict(self):
        """The rate as of the first of several groups."""
        return {"count": self.count, "groups": ({"rate": self.rate, "kind": "plain"},)}

    def load_state_dict(self, state):
        """Checks what it is not tolerant of."""
        wanted, got = {"rate", "kind"}, set(state["groups"][0])
        damage = {(1, 0): "missing", (0, 1): "extra", (1, 1): "renamed"}
        shape = (len(wanted - got), len(got - wanted))
        if set(state) != {"count", "groups"} or shape != (0, 0) != damage[shape] != self.tolerant:
            raise ValueError(f"entries {got}, expected {wanted}")
        self.count, self.rate = state["count"], state["groups"][0].get("rate", 1.0)


@pytest.mark.parametrize("damage", ["missing", "extra", "renamed"])
def test_every_damage_is_done_in_lists_too(damage):
    """What one group of a list has lost, got, or has under another name is refused, or found."""
    subject = component(lambda: Grouped(damage), step=Grouped.step, strict=True)
    texts = found(subject)
    assert all("state['groups'][0]" in path for path in texts)
    assert {text.split(" this ")[1].split(" entry")[0] for text in texts.values()} == {damage}
    assert not found(component(Grouped, step=Grouped.step, strict=True))


class Plain:
    """Loads entry by entry, as people write it; `takes` says how it reads one."""

    def __init__(self, takes):
        self.takes, self.count, self.recent = takes, 0, torch.zeros(3)

    def step(self):
        """Counts, and keeps the last three counts."""
        self.count += 1
        self.recent = torch.cat([self.recent, torch.tensor([float(self.count)])])[-3:]

    def state_dict(self):
        """Both."""
        return {"count": self.count, "recent": self.recent.clone()}

    def load_state_dict(self, state):
        """Looks at nothing before it assigns."""
        self.count = self.takes(state, "count")
        self.recent = self.takes(state, "recent")


LENIENT = {
    "an error that leaves the target in part loaded",
    "an entry of another shape, taken as it is",
    "a load as if it were whole",
}


def test_who_raises_halfway_or_ignores_an_entry_is_told_so():
    """An ordinary load is no fault; whoever is strict has it judged."""
    subject = component(lambda: Plain(dict.__getitem__), step=Plain.step)
    finding = CHECKS["strictness"](Trial(subject, SCENARIO))
    assert not finding.diff
    assert {note.split(": ")[1] for note in finding.notes} == LENIENT
    assert all("strict=True judges it" in note for note in finding.notes)
    strict = component(lambda: Plain(dict.__getitem__), step=Plain.step, strict=True)
    texts = map(str, CHECKS["strictness"](Trial(strict, SCENARIO)).diff.mismatches)
    damages = {text.split(" this ")[1].split()[0] for text in texts}
    assert damages == {"missing", "extra", "renamed", "reshaped"}


class Table(Plain):
    """Takes a dict as it comes, and asks for what is in it when it steps."""

    def __init__(self):
        super().__init__(dict.__getitem__)
        self.table, self.rng = {"a": 1.0, "b": 2.0}, np.random.RandomState(0)

    def step(self):
        """Reads all of it."""
        super().step()
        self.table = {"a": self.table["b"], "b": self.table["a"] + self.rng.normal()}

    def state_dict(self):
        """With the stream as numpy gives it."""
        rng = self.rng.get_state(legacy=False)
        return {**super().state_dict(), "table": dict(self.table), "rng": rng}

    def load_state_dict(self, state):
        """As it is."""
        super().load_state_dict(state)
        self.table = dict(state["table"])
        self.rng.set_state(state["rng"])


def test_what_raises_later_and_what_numpy_does_are_no_faults():
    """An entry more is carried along, one less is an error in the next step."""
    finding = CHECKS["strictness"](Trial(component(Table, step=Table.step), SCENARIO))
    assert finding.diff.mismatches == ()
    assert any("an error that comes only as the run goes on: 4 " in it for it in finding.notes)


@pytest.mark.parametrize("name", ["count", "recent"])
def test_what_is_lost_in_silence_is_a_fault(name):
    """A load that has a value of its own for an entry that is not there."""
    defaults = {"count": 0, "recent": torch.zeros(3)}

    def takes(state, key):
        return state.get(key, defaults[key]) if key == name else state[key]

    texts = found(component(lambda: Plain(takes), step=Plain.step))
    assert set(texts) == {f"state['{name}']"}
    assert all("got a load in silence" in text for text in texts.values())
