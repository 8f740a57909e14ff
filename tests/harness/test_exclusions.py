"""Exclusions: a reason each, and none left over."""

import pickle
from typing import ClassVar

import pytest
from resumeproof.core.errors import InvalidExclusion, UncapturableLeaf, UnusedExclusion
from resumeproof.core.exclusions import Exclusion, declared, require_used
from resumeproof.core.keypath import KeyPath

CLOCK = Exclusion(pattern="start_time", reason="wall clock")
OTHER = Exclusion(pattern="env.envs[*].t_start", reason="wall clock")


def test_exclusion_needs_a_reason():
    """An exclusion without a reason is refused, naming its pattern."""
    with pytest.raises(InvalidExclusion, match="expected a reason for pattern='start_time'"):
        Exclusion(pattern="start_time", reason=" ")


@pytest.mark.parametrize("pattern", ["", "*", "**", "**.*", "[*]"])
def test_exclusion_of_everything_is_refused(pattern):
    """A pattern that names nothing is refused: it would switch the instrument off."""
    with pytest.raises(InvalidExclusion, match="expected a pattern that names a KeyPath"):
        Exclusion(pattern=pattern, reason="none")


def test_unused_exclusions_are_listed():
    """Every exclusion that covered nothing is listed in one error."""
    with pytest.raises(UnusedExclusion, match=r"1 that cover nothing: 'env\.envs") as caught:
        require_used([CLOCK, OTHER], used=[CLOCK])
    assert caught.value.patterns == (OTHER.pattern,)


@pytest.mark.parametrize(
    "error",
    [UncapturableLeaf(KeyPath("a", 0), "lib.Thing", "is opaque"), UnusedExclusion(["a", "b"])],
)
def test_errors_travel_between_processes(error):
    """An error raised in a worker arrives with its text and its fields."""
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_used_exclusions_pass():
    """Nothing is raised when each exclusion covered something somewhere."""
    require_used([CLOCK, OTHER], used={OTHER, CLOCK})


def test_class_declares_its_exclusions_as_plain_data():
    """Pattern and reason of each, inherited by subclasses; a class that says nothing has none."""

    class Trainer:
        checkpoint_exclusions: ClassVar = {"run.cache": "computed anew in every step"}

    class Extended(Trainer):
        pass

    expected = (Exclusion(pattern="run.cache", reason="computed anew in every step"),)
    assert declared(Trainer) == declared(Extended) == expected
    assert declared(int) == ()


@pytest.mark.parametrize("stated", [["run.cache"], {"run.cache": None}, "run.cache"])
def test_declaration_of_another_form_is_refused(stated):
    """The message names the class, shows the value and what to write."""
    wrong = type("Wrong", (), {"checkpoint_exclusions": stated})
    with pytest.raises(InvalidExclusion, match=r"Wrong\.checkpoint_exclusions to map .*: write"):
        declared(wrong)
