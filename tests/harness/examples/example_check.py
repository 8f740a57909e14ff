"""A check of one's own, in one file: nothing else anywhere knows of it."""

from resumeproof import Aspect, Check, Finding, Scenario, component, register_check


def unaged(trial):
    """What was loaded has lived as long as what was saved."""
    load = trial.resumed.loads[0]
    return Finding(step=load.step, diff=trial.compare(load.saved, load.loaded))


UNAGED = register_check(
    Check(
        name="unaged",
        run=unaged,
        looks_at=Aspect.LOADED,
        next_step="count the years when you load",
        per_scenario=True,
    )
)


class Tree:
    """Grows by a ring a year; right or, with `keeps=0`, without its rings after a load."""

    keeps = 1

    def __init__(self):
        self.years, self.width = 0, 1.0

    def state_dict(self):
        """All of it."""
        return {"years": self.years * self.keeps, "width": self.width}

    def load_state_dict(self, state):
        """All of it."""
        self.years, self.width = state["years"], state["width"]

    def grow(self, _):
        """One year."""
        self.years += 1
        self.width += 1.0 / self.years


class Ageless(Tree):
    """Forgets its years."""

    keeps = 0

    def grow(self, _):
        """One year, in a tree that may think it is young."""
        self.years += 1
        self.width += 1.0 / (1 + self.years)


SCENARIO = Scenario(length=8, save_at=5)
tree = component(Tree, step=Tree.grow)
ageless = component(Ageless, step=Ageless.grow)
