"""Causes that are hard to name: many at once, on functions, in orders, touched by saving."""

import json
from collections import OrderedDict

import numpy as np
import torch
from example_parts import Part, subject
from resumeproof import loop
from resumeproof.core.scenario import Scenario
from resumeproof.verdicts import report
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict

SCENARIO = Scenario(length=12, save_at=6)


class ManyNumbers(Part):
    """Four hundred numbers, all of them lost; each reaches the total."""

    def __init__(self):
        super().__init__()
        self.table = {str(i): 0.0 for i in range(400)}

    def step(self):
        """All of them move, and the total with them."""
        super().step()
        self.total += sum(self.table.values())
        for i, key in enumerate(self.table):
            self.table[key] += i + 0.5

    def save(self, path):
        """Without the table."""
        path.write_text(json.dumps({"count": self.count, "total": self.total}))


def test_search_for_causes_ends():
    """Past a number of runs what is left is named without trying each: at most these."""
    record = run(subject(ManyNumbers), SCENARIO, ("resume",))
    assert not record.attribution.minimal
    assert record.attribution.evaluations < 300
    assert sum("run.table" in str(cause.keypath) for cause in record.attribution.lost) == 400
    assert "explained by at most " in report.failure(record)


class SavesInPassing(Part):
    """Saving fills a cache that nothing reads, and a load brings it back filled."""

    def __init__(self):
        super().__init__()
        self.text = None

    def save(self, path):
        """Fills the cache, and saves all but the total."""
        self.text = str(self.count)
        path.write_text(json.dumps({"count": self.count, "text": self.text}))


def test_what_saving_itself_touches_is_no_cause():
    """Whether a loss moves on is asked of the run that was never saved."""
    record = run(subject(SavesInPassing), SCENARIO, ("resume",))
    assert [str(cause.keypath) for cause in record.attribution.lost] == ["run.total"]


class CountsInAFunction(Part):
    """State on a function: never saved."""

    def __init__(self):
        super().__init__()

        def scale(value):
            return value

        scale.calls = 0
        self.scale = scale

    def step(self):
        """Counts its calls."""
        self.scale.calls += 1
        self.total += self.scale.calls
        super().step()

    def save(self, path):
        """Without the function."""
        path.write_text(json.dumps({"count": self.count, "total": self.total}))


def test_state_on_a_function_is_put_back_in_place():
    """It is the only cause, and the donor's function stays its own."""
    record = run(subject(CountsInAFunction), SCENARIO, ("resume",))
    assert [str(cause.keypath) for cause in record.attribution.lost] == ["run.scale.calls"]


class Reordered(Part):
    """An order that `move_to_end` changes: never saved."""

    def __init__(self):
        super().__init__()
        self.order = OrderedDict.fromkeys("abc", 0)

    def step(self):
        """The first becomes the last."""
        first = next(iter(self.order))
        self.order.move_to_end(first)
        self.total += ord(first)
        super().step()

    def save(self, path):
        """Without the order."""
        path.write_text(json.dumps({"count": self.count, "total": self.total}))


def test_order_of_an_ordered_dict_is_put_back():
    """As capture reads it: the dict below knows another order."""
    record = run(subject(Reordered), Scenario(length=12, save_at=7), ("resume",))
    assert record.attribution.complete
    assert [str(cause.keypath) for cause in record.attribution.causes] == ["run.order"]


class Rebinds:
    """A load makes a new network; the optimizer goes on with the parameters of the old one."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.net = torch.nn.Linear(3, 1)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.1)

    def step(self):
        """One update."""
        loss = self.net(torch.ones(2, 3)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def save(self, path):
        """Both."""
        torch.save([self.net.state_dict(), self.optimizer.state_dict()], path)

    def load(self, path):
        """Into a network that nobody optimizes."""
        net, optimizer = torch.load(path)
        self.net = torch.nn.Linear(3, 1)
        self.net.load_state_dict(net)
        self.optimizer.load_state_dict(optimizer)


def test_optimizer_of_another_network_is_the_cause():
    """The optimizer's list of parameters and its state are named, and nothing else."""
    made = loop(make=Rebinds, step=Rebinds.step, save=Rebinds.save, load=Rebinds.load)
    record = run(made, SCENARIO, ("roundtrip", "resume"))
    assert record.attribution.complete
    assert record.attribution.causes
    owners = {str(cause.keypath).partition("[")[0] for cause in record.attribution.causes}
    assert owners <= {"run.optimizer.param_groups", "run.optimizer.state"}


class OnTheClass(Part):
    """State on the class: no walk of a run sees it."""

    level = 0

    def step(self):
        """Rises in every step of the process."""
        OnTheClass.level += 1
        self.total += OnTheClass.level
        super().step()


def test_state_on_a_class_is_not_judged_and_said_so():
    """What it reaches differs in the control, too: named as not judged, and not covered."""
    record = run(subject(OnTheClass), SCENARIO, ("resume",))
    assert (record.verdict, record.noise) == (Verdict.EXACT, ("run.total",))
    assert record.state_coverage == (1, 1)  # the count; of the total nothing is known


class Doubles(Part):
    """Keeps a factor that is never saved."""

    def __init__(self):
        super().__init__()
        self.factor = 1.0

    def step(self):
        """The factor grows, and the total with it."""
        self.factor += 1.0
        self.total += self.factor
        super().step()

    def save(self, path):
        """Without the factor."""
        path.write_text(json.dumps({"count": self.count, "total": self.total}))


def test_cause_that_observe_hides_is_looked_for_where_it_may_be():
    """Nothing that is seen explains the difference, and no innocent leaf is to be saved."""
    made = loop(
        make=Doubles,
        step=Doubles.step,
        save=Doubles.save,
        load=Doubles.load,
        observe=lambda part: {"seen": {"total": part.total}},
    )
    record = run(made, SCENARIO, ("roundtrip", "resume"))
    assert not record.attribution.complete
    text = report.failure(record)
    assert "next: look for state that cannot be reached from the run" in text
    assert "save and restore" not in text


class Ticks(Part):
    """A sequence of seeds whose number of children counts."""

    def __init__(self):
        super().__init__()
        self.sequence = np.random.SeedSequence(5)

    def step(self):
        """Spawns a child, whose number counts."""
        self.total += self.sequence.spawn(1)[0].spawn_key[-1]
        super().step()

    def save(self, path):
        """Without the sequence."""
        path.write_text(json.dumps({"count": self.count, "total": self.total}))


def test_children_of_a_sequence_of_seeds_are_a_cause():
    """How many were spawned is state, and can be put back."""
    record = run(subject(Ticks), SCENARIO, ("resume",))
    assert [str(cause.keypath) for cause in record.attribution.causes] == ["run.sequence"]
