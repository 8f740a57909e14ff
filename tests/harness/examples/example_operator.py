"""A mutant operator of a user, in one file: what it does, where it applies, and its registration.

Beside it stand a part whose checkpoint is whole, and a test of it that looks at too little.
"""

from resumeproof import Operator, Scenario, component, register_operator
from resumeproof.mutation.operator import require

SCENARIO = Scenario(length=12, save_at=6)


def negate(operand):
    """Breaks a number by its sign."""
    require(operand.value != 0, "has no sign")
    operand.put(-operand.value)


NEGATED = Operator(name="negated", apply=negate, applies=lambda place: place.word == "float")
register_operator(NEGATED)


class Average:
    """A running mean."""

    def __init__(self):
        self.count, self.mean = 0, 0.0

    def update(self, value):
        """Takes in one value."""
        self.count += 1
        self.mean += (value - self.mean) / self.count

    def state_dict(self):
        """All of it."""
        return vars(self).copy()

    def load_state_dict(self, state):
        """All of it."""
        vars(self).update(state)


average = component(Average, step=lambda part, i: part.update(0.5 * i))


def assert_count_comes_back(subject, folder):
    """Looks at the count and at nothing else."""
    run = subject.build(SCENARIO)
    subject.train(run, until=6, visits={})
    subject.save(run, folder / "file")
    loaded = subject.load(folder / "file", SCENARIO)
    assert subject.roots(loaded)["component"].count == 6
