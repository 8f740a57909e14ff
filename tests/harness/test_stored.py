"""What is in the file and lost all the same: the report says where it is, and what to do."""

import pytest
import torch
from resumeproof import loop
from resumeproof.causes.attribution import Attribution
from resumeproof.core.scenario import Scenario
from resumeproof.verdicts import report
from resumeproof.verdicts.runner import run

SCENARIO = Scenario(length=12, save_at=7)


class Trainer:
    """Saves all it needs, and loads it."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.net = torch.nn.Linear(4, 1)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.1)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, step_size=5)
        self.level = 1

    def step(self):
        """Draws, learns, and gets on."""
        loss = self.net(torch.randn(8, 4)).square().mean() * self.level
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        self.level += 1

    def save(self):
        """As one dict."""
        parts = ("net", "optimizer", "scheduler")
        states = {name: getattr(self, name).state_dict() for name in parts}
        return {**states, "stream": torch.get_rng_state(), "level": self.level}

    def load(self, state):
        """All of it."""
        for name in ("net", "optimizer", "scheduler"):
            getattr(self, name).load_state_dict(state[name])
        self.level = state["level"]
        torch.set_rng_state(state["stream"])


class DrawsAfter(Trainer):
    """Draws a number after the stream was put back, and counts anew."""

    def load(self, state):
        """All of it, and then too much."""
        super().load(state)
        self.level = 1
        torch.randn(1)


class RateOfTheBuild(Trainer):
    """Gives the optimizer the rate of its build again."""

    def load(self, state):
        """All of it, and then the rate."""
        super().load(state)
        for group in self.optimizer.param_groups:
            group["lr"] = 0.1


class Forgets(Trainer):
    """Does not save how far it is, but a table in which the same number stands."""

    def save(self):
        """Without the level."""
        state = super().save()
        state["table"] = {"width": state.pop("level")}
        return state

    def load(self, state):
        """What is there."""
        super().load({**state, "level": 1})


class Others(Trainer):
    """Has two parts with a count of the same name, and saves one of them."""

    def __init__(self, seed=0):
        super().__init__(seed)
        self.first, self.second = {"count": 1}, {"count": 1}

    def step(self):
        """Counts both."""
        self.level = self.first["count"] + 2 * self.second["count"]
        super().step()
        self.first["count"] += 1
        self.second["count"] += 1

    def save(self):
        """The second count only, in a list that does not say whose it is."""
        return {**super().save(), "counts": [dict(self.second)]}

    def load(self, state):
        """The second count only."""
        super().load(state)
        self.first, self.second = {"count": 1}, dict(state["counts"][0])


class Freezes(Trainer):
    """Loads weights that are right and no longer learn."""

    def load(self, state):
        """All of it, and then the flag."""
        super().load(state)
        self.net.weight.requires_grad_(False)


def record_of(trainer):
    """The record of `resume`."""
    subject = loop(make=trainer, step=trainer.step, save=trainer.save, load=trainer.load)
    return run(subject, SCENARIO, ["resume"])


LR = "run.optimizer.param_groups[0]['lr']"


@pytest.mark.parametrize(
    ("trainer", "stored"),
    [
        (DrawsAfter, {"run.level": "['level']", "streams.torch": "['stream']"}),
        (RateOfTheBuild, {LR: "['optimizer']['param_groups'][0]['lr']"}),
        (Forgets, {}),
        (Others, {}),
        (Freezes, {}),
    ],
)
def test_places_in_the_file_are_named_where_they_hold_what_was_lost(trainer, stored):
    """By last name and bits, where nothing else that is alike may be meant."""
    found = record_of(trainer).attribution
    assert dict(found.stored) == stored
    assert found.causes
    assert {str(mismatch.keypath) for mismatch in found.causes} >= {*stored}
    assert Attribution.from_plain(found.to_plain()) == found


def test_advice_is_to_apply_it_last_where_it_is_saved_already():
    """`save and restore` would send people to what they have done."""
    text = report.failure(record_of(RateOfTheBuild))
    there = "in the file at ['optimizer']['param_groups'][0]['lr']"
    assert "\n  in the file, and not applied, or overwritten later:\n    VALUE " in text
    assert f"got 0.1; {there}\n" in text
    assert f"next: apply {LR} from the file last in the load" in text
    assert "save and restore" not in text


def test_advice_is_to_save_what_the_file_does_not_hold():
    """A number of the same value under another name is another number."""
    text = report.failure(record_of(Forgets))
    assert "next: save and restore run.level" in text
    assert "the file holds" not in text
