"""Causes: the smallest set of lost leaves that explains another future."""

import random

import pytest
from resumeproof.causes.search import attribute
from resumeproof.core.scenario import Scenario
from resumeproof.subjects.loop import loop
from resumeproof.trial.trial import Trial

FIELDS = ("total", "rate", "count", "scratch", "spare")


class Run:
    """Five leaves: two feed the sum, one only counts, one is overwritten, one never moves again."""

    def __init__(self):
        self.total, self.rate, self.count, self.scratch, self.spare = 0.0, 1.0, 0, 0.0, None

    def step(self):
        """One step."""
        self.spare = self.spare or [1]
        self.scratch = random.random()
        self.total += self.rate * self.scratch
        self.rate *= 0.5
        self.count += 1


def subject(*lost, stream=True):
    """The run, with a checkpoint that loses some fields."""

    def save(run):
        return {**vars(run), "stream": random.getstate()}

    def load(run, state):
        vars(run).update({name: state[name] for name in FIELDS if name not in lost})
        if stream:
            random.setstate(state["stream"])

    return loop(make=Run, step=Run.step, save=save, load=load)


def causes(found):
    """KeyPaths of the causes."""
    return [str(mismatch.keypath) for mismatch in found.causes]


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ((), []),
        (("rate",), ["run.rate"]),
        (("total", "rate"), ["run.rate", "run.total"]),
        (("count", "scratch"), ["run.count"]),
        (("scratch", "spare"), []),
        (FIELDS, ["run.count", "run.rate", "run.total"]),
    ],
)
def test_causes_are_what_moves_or_reaches_others(lost, expected):
    """A loss that is overwritten, or that nothing reads or moves, is inert."""
    found = attribute(Trial(subject(*lost), Scenario(length=8, save_at=5)))
    assert found.complete
    assert sorted(str(mismatch.keypath) for mismatch in found.lost) == expected
    told = (*found.lost, *found.healed, *found.inert)
    assert sorted(map(str, told)) == sorted(map(str, found.candidates))


def test_a_stream_that_is_drawn_from_is_a_cause_and_the_others_are_inert():
    """The numpy and torch streams are lost as well, and nobody draws from them."""
    found = attribute(Trial(subject(stream=False), Scenario(length=8, save_at=5)))
    assert causes(found) == ["streams.python"]
    assert found.groups == ("streams.python",)
    assert str(found).startswith("explained by 1 of ")


def test_what_lies_outside_the_graph_is_said_to_be_out_of_reach():
    """With all leaves put back the future still differs: the capture cannot see the cause."""
    position = [0]

    def step(run):
        position[0] += 1
        run.total += position[0]

    def make():
        position[0] = 0
        return Run()

    blind = loop(
        make=make,
        step=step,
        save=lambda run: dict(vars(run)),
        load=lambda run, s: vars(run).update(s),
    )
    found = attribute(Trial(blind, Scenario(length=8, save_at=5)))
    assert not found.complete
    assert not found.causes
    assert str(found.remaining[0].keypath) == "run.total"
    assert str(found).startswith("not explained: with all")


def test_attribution_leaves_the_streams_of_the_program_alone():
    """However many runs it takes."""
    state = random.getstate()
    attribute(Trial(subject("rate"), Scenario(length=8, save_at=5)))
    assert random.getstate() == state
