"""Options passed at a load: they win over the file, they reach something, and nothing else."""

import io
import pickle

import pytest
from resumeproof import component, loop
from resumeproof.checks import CHECKS
from resumeproof.core.errors import InvalidSubject, NotApplicable
from resumeproof.core.scenario import Scenario
from resumeproof.trial.trial import Trial

SCENARIO = Scenario(length=8, save_at=5)


class Options:
    """A subject with options that may be passed at a load; `obeys` says whether they win."""

    name, exclusions = "options", ()

    def __init__(self, obeys, **overrides):
        self.obeys = obeys
        self.overrides = overrides or {"rate": 0.5}

    def build(self, scenario):
        """The rate, and a number that training moves; nothing asks for any other option."""
        return {"rate": scenario.options.get("rate", 1.0), "total": 0.0}

    def train(self, live, *, until, visits):
        """Adds the rate in every step."""
        for step in range(1, until + 1):
            live["total"] += live["rate"]
            if step in visits:
                visits[step](live)

    def save(self, live, target):
        """As a pickle."""
        target.write_bytes(pickle.dumps(live))

    def load(self, source, scenario):
        """Without options."""
        return self.load_with(source, scenario, {})

    def load_with(self, source, scenario, overrides):
        """The option wins, or not."""
        stream = source if isinstance(source, io.BytesIO) else io.BytesIO(source.read_bytes())
        known = {"rate": overrides["rate"]} if self.obeys and "rate" in overrides else {}
        return pickle.load(stream) | known

    def roots(self, live):
        """All of it."""
        return {"run": live}

    def boundaries(self, scenario):
        """Every step."""
        return range(1, scenario.length + 1)


@pytest.mark.parametrize(("obeys", "expected"), [(True, []), (False, ["run['rate']"])])
def test_override_wins_and_changes_nothing_else(obeys, expected):
    """What the option reaches in a fresh build is its own; the rest is the file's."""
    diff = CHECKS["override"](Trial(Options(obeys), SCENARIO)).diff
    assert [str(mismatch.keypath) for mismatch in diff.mismatches] == expected


@pytest.mark.parametrize(
    ("options", "silent"),
    [
        ({"rat": 0.5}, ["options['rat']"]),
        ({"rate": 0.5, "rat": 0.5}, ["options['rat']"]),
        ({"rate": 1.0}, ["options['rate']"]),
    ],
    ids=["nobody asks for it", "beside one that is obeyed", "in force anyway"],
)
def test_option_that_reaches_nothing_is_no_option_that_won(options, silent):
    """Where a fresh build is the same without it, nothing has been looked at."""
    diff = CHECKS["override"](Trial(Options(True, **options), SCENARIO)).diff
    assert [str(mismatch.keypath) for mismatch in diff.mismatches] == silent
    value = options[silent[0].split("'")[1]]
    assert diff.mismatches[0].got == f"{value!r} changes nothing in a fresh build"
    assert "pass another value" in diff.mismatches[0].expected


class Learner:
    """A loop whose rate can be passed to its build, and to its load."""

    def __init__(self, seed=0, rate=0.1):
        self.rate, self.total = rate, 0.0
        self.optimizer = {"lr": rate, "moment": 0.0}

    def step(self):
        """Moves everything but the rate."""
        self.optimizer["moment"] = 0.5 * self.optimizer["moment"] + 1.0
        self.total += self.optimizer["lr"] * self.optimizer["moment"]

    def save(self):
        """All of it."""
        return {"rate": self.rate, "total": self.total, "optimizer": dict(self.optimizer)}

    def fill(self, state):
        """All of it, whatever this was built with."""
        vars(self).update({**state, "optimizer": dict(state["optimizer"])})

    def keep_rate(self, state):
        """The rate is the one that this was built with."""
        self.fill({**state, "rate": self.rate})
        self.optimizer["lr"] = self.rate

    def keep_rate_in_part(self, state):
        """The optimizer's is the one in the file."""
        self.fill({**state, "rate": self.rate})

    def fill_with(self, state, rate=None):
        """A rate that is passed wins."""
        self.fill(state)
        if rate is not None:
            self.rate = self.optimizer["lr"] = rate

    def lose_total(self, state, rate=None):
        """A rate that is passed wins, and another number is lost with it."""
        self.fill_with(state, rate)
        self.total = self.total if rate is None else 0.0


RATE = {"rate": 0.5}


def learner(load, **options):
    """The loop, and the same as a component."""
    parts = {"save": Learner.save, "load": load, **options}
    return [
        loop(make=Learner, step=Learner.step, **parts),
        component(Learner, step=Learner.step, **parts),
    ]


@pytest.mark.parametrize(
    ("load", "lost"),
    [
        (Learner.keep_rate, []),
        (Learner.fill_with, []),
        (Learner.fill, ["rate", "optimizer['lr']"]),
        (Learner.keep_rate_in_part, ["optimizer['lr']"]),
        (Learner.lose_total, ["total"]),
    ],
    ids=["built with", "passed to load", "ignored", "in part", "at a loss"],
)
def test_loops_and_components_claim_what_wins_over_the_file(load, lost):
    """To `load` where it takes the keyword, otherwise to the build of what is loaded into."""
    for subject in learner(load, overrides=RATE):
        diff = CHECKS["override"](Trial(subject, SCENARIO)).diff
        found = {str(mismatch.keypath).partition(".")[2] for mismatch in diff.mismatches}
        assert found == {*lost}
        assert not CHECKS["in_force"](Trial(subject, SCENARIO)).diff


def test_nothing_is_claimed_without_overrides():
    """A loop whose file wins is right, too: `override` does not apply."""
    for subject in learner(Learner.fill):
        for check in ("override", "in_force"):
            with pytest.raises(NotApplicable, match="write overrides="):
                CHECKS[check](Trial(subject, SCENARIO))


def test_an_option_that_training_puts_back_is_not_in_force():
    """The rate of the first step is that of the build; that of the second is not."""

    def step(live):
        live.step()
        live.rate = live.optimizer["lr"] = 0.1

    subject = loop(
        make=Learner, step=step, save=Learner.save, load=Learner.keep_rate, overrides=RATE
    )
    diff = CHECKS["in_force"](Trial(subject, SCENARIO)).diff
    assert {str(m.keypath) for m in diff.mismatches} == {"run.rate", "run.optimizer['lr']"}


def test_overrides_that_nobody_takes_are_refused_at_once():
    """A build without the keyword, and a load that builds without it."""
    with pytest.raises(InvalidSubject, match="expected make= to take the keyword 'width'"):
        learner(Learner.fill, overrides={"width": 3})
    with pytest.raises(InvalidSubject, match="expected load= to take the keyword 'rate'"):
        learner(lambda state: Learner(), overrides=RATE)
