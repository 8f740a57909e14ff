"""Options passed at a load: they win over the file, they reach something, and nothing else."""

import io
import pickle

import pytest
from resumeproof.checks import CHECKS
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
