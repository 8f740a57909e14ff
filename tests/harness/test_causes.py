"""Causes that are hard to name: many at once, on functions, in orders, touched by saving."""

import json
from collections import OrderedDict

from example_parts import Part, subject

from harness import report
from harness.runner import run
from harness.scenario import Scenario

LIFE = Scenario(length=12, save_at=6)


class ManyNumbers(Part):
    """Four hundred numbers, all of them lost."""

    def __init__(self):
        super().__init__()
        self.table = {str(i): 0.0 for i in range(400)}

    def step(self):
        """All of them move."""
        super().step()
        for i, key in enumerate(self.table):
            self.table[key] += i + 0.5

    def save(self, path):
        """Without the table."""
        path.write_text(json.dumps({"count": self.count, "total": self.total}))


def test_search_for_causes_ends():
    """Past a number of runs what is left is named without trying each: at most these."""
    record = run(subject(ManyNumbers), LIFE, ("resume",))
    assert not record.attribution.minimal
    assert record.attribution.evaluations < 300
    assert sum("run.table" in str(cause.keypath) for cause in record.attribution.causes) == 400
    assert "explained by at most " in report.failure(json.loads(record.to_json()))


class SavesInPassing(Part):
    """Saving fills a cache that nothing reads."""

    def __init__(self):
        super().__init__()
        self.text = None

    def save(self, path):
        """Fills the cache."""
        self.text = str(self.count)
        path.write_text(json.dumps({"count": self.count}))


def test_what_saving_itself_touches_is_no_cause():
    """Whether a loss moves on is asked of the run that was never saved."""
    record = run(subject(SavesInPassing), LIFE, ("resume",))
    assert [str(cause.keypath) for cause in record.attribution.causes] == ["run.total"]


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
    record = run(subject(CountsInAFunction), LIFE, ("resume",))
    assert [str(cause.keypath) for cause in record.attribution.causes] == ["run.scale.calls"]


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
