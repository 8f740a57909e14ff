"""Who is blamed for what: verdicts and causes where several things go wrong at once."""

import json

import numpy as np
import pytest
import torch
from example_parts import Part, subject
from resumeproof.core.errors import InvalidSubject, Unsupported
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.component import component
from resumeproof.subjects.loop import loop
from resumeproof.testing import check_resume
from resumeproof.verdicts import report
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict

SCENARIO = Scenario(length=12, save_at=6)


def text_of(record):
    """The report of a record."""
    return report.failure(record)


class DrawsAndCannotLoad(Part):
    """Saving draws a number, and loading is not supported."""

    def save(self, path):
        """Not without a trace."""
        np.random.rand()
        super().save(path)

    def load(self, path):
        """Not at all."""
        raise Unsupported("cannot be loaded here")


def test_what_is_not_supported_hides_no_finding():
    """A check that broke stays broken where another one does not apply."""
    record = run(subject(DrawsAndCannotLoad), SCENARIO)
    assert record.verdict is Verdict.DIFFERS
    assert [finding.check for finding in record.findings] == ["purity"]
    assert {skipped.check for skipped in record.skipped} == {"roundtrip", "resume"}


class NeedsItsCache(Part):
    """The step after the load raises, for a list was not saved."""

    def __init__(self):
        super().__init__()
        self.cache = None

    def step(self):
        """Uses what the first step has made."""
        if self.count == 0:
            self.cache = [0.0]
        self.cache[0] += 1.0
        super().step()

    def save(self, path):
        """All but the cache."""
        path.write_text(json.dumps({"count": self.count, "total": self.total}))


@pytest.mark.parametrize("checks", [("roundtrip", "resume"), ("resume",)])
def test_loss_that_makes_a_step_raise_is_named(checks):
    """The resumed run differs, by raising; the error is shown beside the leaf that explains it."""
    made = loop(
        make=NeedsItsCache,
        step=NeedsItsCache.step,
        save=NeedsItsCache.save,
        load=lambda path: _loaded_anew(NeedsItsCache, path),
    )
    record = run(made, SCENARIO, checks)
    assert record.verdict is Verdict.DIFFERS
    assert [str(cause.keypath) for cause in record.attribution.causes] == ["run.cache"]
    text = text_of(record)
    assert "'NoneType' object is not subscriptable" in text
    assert "explained by 1 of 5 differing leaves" in text
    assert "next: save and restore run.cache" in text


def _loaded_anew(kind, path):
    made = kind()
    made.load(path)
    return made


class LosesItsTotalTheSecondTime(Part):
    """What was loaded once is not loaded right again; a scratch value never is."""

    def __init__(self):
        super().__init__()
        self.loads, self.scratch = 0, 0

    def step(self):
        """The scratch value is set before it is read."""
        self.scratch = self.count
        super().step()

    def load(self, path):
        """The second load forgets the total, and every load the scratch value."""
        super().load(path)
        self.loads += 1
        self.scratch = -1
        if self.loads == 2:
            self.total = 0.5


def test_cause_is_looked_for_at_the_load_that_lost_it():
    """What the first load loses is inert, and what the second one loses is named."""
    scenario = Scenario(length=12, save_at=4, cycles=2, gap=3)
    record = run(subject(LosesItsTotalTheSecondTime), scenario)
    assert record.verdict is Verdict.DIFFERS
    assert record.attribution.load == 2
    assert [str(cause.keypath) for cause in record.attribution.lost] == ["run.total"]
    assert "of load 2" in text_of(record)


class ForgetsStreams(Part):
    """Draws a number in every step, and saves no stream."""

    def step(self):
        """One draw."""
        super().step()
        self.total += np.random.rand()


@pytest.mark.parametrize("cycles", [1, 2])
def test_lost_stream_is_no_lost_work(cycles):
    """Also where nothing was trained between two loads."""
    scenario = Scenario(length=12, save_at=4, cycles=cycles)
    assert run(subject(ForgetsStreams), scenario).verdict is Verdict.DIFFERS


class Constant:
    """Never moves."""

    def state_dict(self):
        """Nothing to save."""
        return {}

    def load_state_dict(self, state):
        """Nothing to load."""


def test_streams_that_the_harness_keeps_move_nothing():
    """A part that never moves is vacuous, whatever its step draws."""
    part = component(Constant, step=lambda part, i: np.random.rand())
    assert run(part, SCENARIO).vacuous


class Silent:
    """A subject that calls no visit any more once a run was loaded."""

    def __init__(self, subject):
        self.subject = subject

    def __getattr__(self, name):
        return getattr(self.subject, name)

    def train(self, live, *, until, visits):
        """Without a word where some steps are done already."""
        self.subject.train(live, until=until, visits={} if live.steps else visits)


def test_boundary_that_is_passed_by_is_an_error():
    """What calls no visit would never be compared."""
    with pytest.raises(InvalidSubject, match="did not pass step 7 on its way to 12"):
        run(Silent(subject(Part)), SCENARIO)


def test_losses_are_told_by_check_resume():
    """The same, raised with the report."""
    with pytest.raises(AssertionError, match=r"of load 2"):
        check_resume(
            subject(LosesItsTotalTheSecondTime),
            [Scenario(length=12, save_at=4, cycles=2, gap=3)],
            ["resume"],
        )


class OnceOnly(Part):
    """The first step is different, and the flag that says so is not saved."""

    def __init__(self):
        super().__init__()
        self.first = True

    def step(self):
        """Adds five the first time only."""
        self.total += 5.0 if self.first else 0.0
        self.first = False
        super().step()

    def save(self, path):
        """All but the flag."""
        path.write_text(json.dumps({"count": self.count, "total": self.total}))


def test_state_that_moves_once_is_found_in_a_fresh_target():
    """A used target has the flag right by chance; what a user loads into is freshly built."""
    made = subject(OnceOnly)
    assert run(made, SCENARIO).verdict is Verdict.EXACT
    fresh = run(made, Scenario(length=12, save_at=6, into="fresh"))
    assert [str(cause.keypath) for cause in fresh.attribution.causes] == ["run.first"]
    with pytest.raises(AssertionError, match=r"save and restore run\.first"):
        check_resume(made, checks=["resume"])


class Flickers(Part):
    """Loses its total, and at step 9 its weight takes a number from nowhere."""

    numbers = iter(range(100))

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def step(self):
        """One of a kind at step 9."""
        super().step()
        if self.count == 9:
            self.weight.data += next(self.numbers)

    def save(self, path):
        """Without the total."""
        path.write_text(json.dumps({"count": self.count}))


def test_run_that_does_not_repeat_shows_where_it_does_not():
    """FLAKY rests on the run that never stopped and its repeat, and these are shown."""
    record = run(subject(Flickers), SCENARIO, ("resume",))
    assert record.verdict is Verdict.FLAKY
    assert (record.findings[0].check, record.findings[0].step) == ("repeat", 9)
