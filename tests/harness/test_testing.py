"""Checks as calls and as parameters: what passes, what raises, and how several bugs stay apart."""

import re

import example_loops as examples
import pytest
from resumeproof import (
    Exclusion,
    InvalidSubject,
    Scenario,
    UnusedExclusion,
    check_resume,
    component,
    parametrize_with_checks,
    sb3,
)
from resumeproof.checks import CHECKS, require_checks
from resumeproof.core.errors import NothingApplies, UnknownCheck, VacuousScenario
from resumeproof.subjects.capabilities import capabilities_of
from resumeproof.testing import BoundCheck, check
from resumeproof.verdicts.failure import CheckpointMismatch, collecting, failure_class
from resumeproof.verdicts.verdict import Verdict
from stable_baselines3 import A2C

FUTURE = ("purity", "roundtrip", "resume")
SCENARIO = Scenario(length=12, save_at=6)


def test_right_part_gives_its_records():
    """All checks hold: the records come back, one for each scenario."""
    records = check_resume(examples.scaler, checks=FUTURE)
    assert [record.verdict for record in records] == [Verdict.EXACT] * 2


def test_lost_counter_raises_with_its_name():
    """The text says which check on which subject, the leaf, the next step and the scenario."""
    with pytest.raises(CheckpointMismatch) as caught:
        check_resume(examples.forgetful_scaler, [SCENARIO], FUTURE)
    text = str(caught.value)
    assert text.startswith("checkpoint mismatch: resume on component:Forgetful\n")
    assert "next: save and restore component.growth\n" in text
    assert f"scenario: {SCENARIO!r}" in text
    assert caught.value.record.scenario == SCENARIO


def test_every_root_cause_has_an_exception_of_its_own():
    """Kind and first part of the KeyPath make the class, and the same ones the same class."""
    with pytest.raises(CheckpointMismatch) as caught:
        check_resume(examples.forgetful_scaler, [SCENARIO], FUTURE)
    assert type(caught.value) is failure_class("VALUE", "growth")
    assert failure_class("VALUE", "growth") is not failure_class("MISSING", "growth")
    assert issubclass(failure_class("VALUE", "growth"), AssertionError)


def test_step_that_raises_is_a_failure_and_no_crash():
    """The text names the step and what it raised."""
    with pytest.raises(CheckpointMismatch, match="step 3 of loop:Raises raised ArithmeticError"):
        check_resume(examples.raises, [SCENARIO], FUTURE)


def test_scenario_that_moves_nothing_is_refused():
    """Where nothing could have been lost, nothing was checked."""
    with pytest.raises(
        VacuousScenario, match=r"component:Scaler to move .* got no change in Scenario"
    ):
        check_resume(examples.scaler, [Scenario(length=3, save_at=0)], FUTURE)


def test_exclusion_that_covers_something_passes():
    """What an exclusion covers is not compared, and the exclusion counts as used."""
    excluded = component(
        examples.Scaler,
        step=examples.drive,
        exclusions=[Exclusion(pattern="component.forgets", reason="a constant")],
    )
    assert check_resume(excluded, [SCENARIO], FUTURE)[0].used == {"component.forgets"}


UNUSED = {
    "component": component(
        examples.Scaler,
        step=examples.drive,
        exclusions=[Exclusion(pattern="component.grown", reason="gone")],
    ),
    "loop": examples.loop(
        make=examples.Trainer,
        step=examples.Trainer.step,
        save=examples.Trainer.save,
        load=examples.Trainer.load,
        exclusions=[Exclusion(pattern="run.ordered", reason="gone")],
    ),
    "sb3": sb3(
        A2C,
        env="CartPole-v1",
        n_steps=8,
        exclusions=[Exclusion(pattern="model.policy_clas", reason="gone")],
    ),
}
NEAREST = {"component": "component.growth", "loop": "run.order", "sb3": "model.policy_class"}


@pytest.mark.parametrize("name", UNUSED)
def test_exclusion_that_matches_nothing_is_refused(name):
    """It is named, with the KeyPaths nearest to it: it hides the next loss."""
    pattern = re.escape(repr(capabilities_of(UNUSED[name]).own_exclusions[0].pattern))
    expected = rf"1 that cover nothing: {pattern}; delete .* to {pattern}: .*{NEAREST[name]}"
    with pytest.raises(UnusedExclusion, match=expected):
        check_resume(UNUSED[name], checks=["purity"])


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_exclusion_that_matches_is_used_whatever_a_check_looks_at(name):
    """A check that never captures the excluded leaf does not make the exclusion unused."""
    excluded = component(
        examples.Scaler,
        step=examples.drive,
        exclusions=[Exclusion(pattern="component.forgets", reason="a constant")],
    )
    assert check(excluded, [SCENARIO], [name])[0].scenario == SCENARIO


def test_unknown_check_is_refused_with_the_valid_ones():
    """A misspelt check is named, beside all that exist."""
    with pytest.raises(
        UnknownCheck, match=r"in checks=, got 'resme': choose from .*resume"
    ) as caught:
        check_resume(examples.scaler, checks=["resme"])
    assert caught.value.valid == tuple(sorted(CHECKS))


def test_subject_misused_is_an_error_and_no_mismatch():
    """A factory that returns None is not blamed on the checkpoint."""
    subject = examples.loop(make=lambda: None, step=vars, save=vars, load=vars)
    with pytest.raises(InvalidSubject, match="got None from make"):
        check_resume(subject, [SCENARIO], FUTURE)


@pytest.mark.parametrize("found", [examples.Trainer, examples.Trainer(), None, "loop"])
def test_what_is_no_subject_is_refused(found):
    """A class, an object of one, or nothing: shown, with how a subject is made."""
    expected = r"expected a subject, got .* without build, .*: write loop\(make=Trainer, step="
    with pytest.raises(InvalidSubject, match=expected):
        check_resume(found)
    with pytest.raises(InvalidSubject, match=expected):
        parametrize_with_checks([found])


def no_save(run):
    """Returns nothing to load."""


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"save": None}, r"can be saved, got save=None: write save=Trainer\.save"),
        ({"make": lambda: None}, r"got None from make=.*: end it with a `return`"),
        ({"make": 3}, r"make= to be callable, got 3 \(int\): write make=Trainer"),
        ({"save": no_save}, r"to return the checkpoint, got None: end it with `return state`"),
    ],
)
def test_loop_that_cannot_be_used_is_refused(parts, message):
    """Without save, with a factory that returns None or is none, with a save that makes nothing."""
    kind = examples.Trainer
    right = {"make": kind, "step": kind.step, "save": kind.save, "load": kind.load}
    with pytest.raises(InvalidSubject, match=message):
        check_resume(examples.loop(**{**right, **parts}), [SCENARIO], FUTURE)


def params(**options):
    """The parameters that a decorator would give to pytest, by id."""
    subjects = [examples.scaler, examples.right, examples.scaler]
    return {p.id: p for p in parametrize_with_checks(subjects, **options).args[1]}


def test_ids_are_sorted_stable_and_unique():
    """Subject and check make the id; a second subject of one name is counted."""
    ids = list(params())
    names = ("component:Scaler", "component:Scaler#2", "loop:Trainer")
    assert ids == [f"{name}-{check}" for name in names for check in sorted(CHECKS)]


def test_parametrized_check_runs_one_law():
    """A test calls `check(subject)`."""
    subject, check = params()["component:Scaler-resume"].values
    check(subject)
    assert check.name == "resume"


def test_expected_failures_are_strict():
    """The mark is pytest's own xfail with the reason given; passing is then a failure."""
    by_id = params(expected_failures={"resume": "issue 12"})
    (mark,) = by_id["loop:Trainer-resume"].marks
    assert (mark.name, mark.kwargs) == ("xfail", {"reason": "issue 12", "strict": True})
    assert by_id["loop:Trainer-purity"].marks == []


def test_expected_failure_of_no_check_is_refused():
    """An expected failure that names no check lists the valid names."""
    with pytest.raises(UnknownCheck, match=r"in expected_failures=, got 'resumes': choose from "):
        params(expected_failures={"resumes": "typo"})


def test_records_are_published_to_who_collects():
    """Within the block every record arrives, of failures too; outside none."""
    seen = []
    with collecting(seen.append), pytest.raises(CheckpointMismatch):
        check_resume(examples.forgetful_scaler, [SCENARIO], FUTURE)
    check_resume(examples.scaler, [SCENARIO], FUTURE)
    assert len(seen) == 1
    assert seen[0].verdict is Verdict.DIFFERS


def test_names_of_checks_pass_through():
    """Valid names come back in their order."""
    assert require_checks(["resume", "purity"]) == ("resume", "purity")


def test_checks_none_of_which_applies_are_no_success():
    """A call that checked nothing raises and says why; as a pytest parameter it is a skip."""
    subject = component(lambda: examples.Scaler(), step=lambda scaler, i: scaler.update(i % 5 == 4))
    with pytest.raises(
        NothingApplies,
        match=r"check that applies to component:\w+, got none among fresh_process: .*lambda",
    ):
        check_resume(subject, checks=["fresh_process"])
    with pytest.raises(pytest.skip.Exception, match="lambda"):
        BoundCheck(name="fresh_process")(subject)
