"""Generated scenarios: within what a subject allows, and able to find what is planted."""

import unittest
from types import MappingProxyType

import example_loops as examples
import pytest
from example_counters import scaler
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from resumeproof.core.errors import UnknownCheck, VacuousScenario
from resumeproof.core.scenario import Scenario
from resumeproof.fuzzing import strategies
from resumeproof.fuzzing.corpus import read
from resumeproof.subjects.component import component
from resumeproof.trial.defaults import (
    SAVE_POINTS,
    natural_length,
    own_scenarios,
    points_by_kind,
    save_points,
)
from resumeproof.verdicts.failure import CheckpointMismatch
from resumeproof.verdicts.plan import per_scenario

PHASES = (Phase.generate, Phase.shrink)  # explaining a failure would run it many times more


class Segmented:
    """Can be saved only where a call of `train` ends: every fourth step."""

    name = "segmented"
    between_calls = True

    def boundaries(self, scenario):
        """Every fourth step, however long the run."""
        return range(4, scenario.length + 1, 4)


def run_case(case):
    """The result of a test case under unittest."""
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return result


@settings(max_examples=50, deadline=None)
@given(strategies.scenarios(Segmented(), length=16))
def test_generated_scenarios_respect_the_subject(scenario):
    """A subject saved between calls is saved at its boundaries only, in every cycle, to files."""
    assert {0, 4, 8, 12, 16}.issuperset(scenario.save_points)
    assert scenario.medium == "file"
    assert scenario.save_point in ("start", "boundary")


class Parallel:
    """Three environments or one, in rollouts of two steps each; the warm-up takes three."""

    name = "parallel"
    choices = MappingProxyType({"n_envs": (3, 1), "depth": (1, 2)})
    implied = MappingProxyType({"n_envs": 3})
    media = ("memory", "deepcopy")

    def stride(self, scenario):
        """All environments step at once."""
        return scenario.options.get("n_envs", 3)

    def warm_up(self, scenario):
        """Three steps of every environment."""
        return 3 * self.stride(scenario)

    def boundaries(self, scenario):
        """Two steps of every environment."""
        every = 2 * self.stride(scenario)
        return range(every, scenario.length + 1, every)


def test_save_points_are_told_apart_by_what_is_special_about_them():
    """In strides of the subject, with the warm-up it states."""
    assert points_by_kind(Parallel(), 18) == {
        "start": [0],
        "first step": [3],
        "warm-up": [6],
        "past warm-up": [12],
        "mid-rollout": [9, 15],
    }
    assert points_by_kind(Segmented(), 16) == {"start": [0], "boundary": [4, 8, 12]}


@settings(max_examples=200, deadline=None)
@given(strategies.scenarios(Parallel(), choices={"depth": (5,)}))
def test_options_are_drawn_from_what_the_subject_offers(scenario):
    """Its choices, or those given in their place; what is implied is not said."""
    assert scenario.options.items() <= {("n_envs", 1), ("depth", 5)}
    assert "depth" in scenario.options
    stride = scenario.options.get("n_envs", 3)
    assert all(step % stride == 0 and step <= scenario.length for step in scenario.save_points)
    assert scenario.medium in Parallel.media


def test_everything_offered_is_drawn():
    """No option, kind of save point, medium or number of cycles is out of reach."""
    seen = set()

    @settings(max_examples=400, deadline=None, database=None, derandomize=True)
    @given(strategies.scenarios(Parallel()))
    def look(s):
        seen.update(
            [
                s.save_point,
                s.medium,
                s.cycles,
                f"gap {s.gap > 0}",
                *((k, v) for k, v in s.options.items()),
            ]
        )

    look()
    offered = {
        "memory",
        "deepcopy",
        ("n_envs", 1),
        ("depth", 1),
        ("depth", 2),
        "gap True",
        "gap False",
    }
    assert seen == offered | set(SAVE_POINTS) | {1, 2, 3, 4, 5}


@pytest.mark.parametrize("kind", SAVE_POINTS)
def test_scenarios_can_be_kept_to_one_kind_of_save_point(kind):
    """A campaign that wants one kind gets no other."""
    drawn = find(strategies.scenarios(Parallel(), save_points=(kind,)), lambda _: True)
    assert drawn.save_point == kind


@pytest.mark.parametrize("medium", ["file", "memory"])
@pytest.mark.parametrize("save_at", [0, 1, 23])
def test_every_save_point_and_medium_is_drawn(save_at, medium):
    """First, early and last save points are within reach, on every medium."""
    length = natural_length(examples.scaler)
    drawn = find(
        strategies.scenarios(examples.scaler, length=length),
        lambda s: s.save_at == save_at and s.medium == medium and s.cycles == 3,
        settings=settings(max_examples=5000, suppress_health_check=list(HealthCheck)),
    )
    assert drawn.length == length


def test_own_scenarios_of_a_subject_reach_both_media_and_several_cycles():
    """Without scenarios of one's own there is a late save and an early one with two cycles."""
    late, early = own_scenarios(examples.right)
    assert (late.save_at, late.cycles, late.medium) == (13, 1, "file")
    assert (early.save_at, early.gap, early.medium) == (4, 4, "memory")
    assert save_points(Segmented(), 12) == [0, 4, 8]
    assert natural_length(Segmented()) == 16


def test_fuzz_case_passes_a_right_part():
    """A part that forgets nothing passes, as a plain TestCase."""
    case = strategies.fuzz_case(examples.scaler, strategies.profile("ckpt-dev"))
    assert issubclass(case, unittest.TestCase)
    assert run_case(case).wasSuccessful()


def test_fuzz_case_finds_a_forgotten_counter_and_shrinks_it():
    """The failure prints the smallest scenario, as code that can be pasted."""
    chosen = settings(strategies.profile("ckpt-ci"), max_examples=20, phases=PHASES)
    result = run_case(strategies.fuzz_case(examples.forgetful_scaler, chosen, length=8))
    assert len(result.failures) == 1
    text = result.failures[0][1]
    assert "checkpoint mismatch: resume on component:Forgetful" in text
    assert "scenario: Scenario(options={}, seed=0, length=8," in text


class TwoBugs:
    """Two counters, both forgotten, each seen on seeds of its own."""

    def __init__(self, seed):
        self.even = self.odd = 0
        self.parity = seed % 2

    def step(self):
        """Counts on one side."""
        self.even += 1 - self.parity
        self.odd += self.parity


def test_two_bugs_are_reported_as_two():
    """Root causes have exceptions of their own, so that Hypothesis keeps them apart."""
    subject = component(
        TwoBugs,
        step=TwoBugs.step,
        save=lambda t: t.parity,
        load=lambda t, p: vars(t).update(parity=p),
    )
    chosen = settings(
        strategies.profile("ckpt-ci"), max_examples=12, report_multiple_bugs=True, phases=PHASES
    )
    with pytest.raises(ExceptionGroup) as caught:
        strategies.checks_hold(("resume",), subject, chosen, 2)
    kinds = {type(error).__name__ for error in caught.value.exceptions}
    assert kinds == {"CheckpointMismatch[VALUE even]", "CheckpointMismatch[VALUE odd]"}
    assert all(isinstance(error, CheckpointMismatch) for error in caught.value.exceptions)


@pytest.mark.parametrize(
    ("name", "examples_", "derandomize"),
    [("ckpt-dev", 5, False), ("ckpt-ci", 25, True), ("ckpt-nightly", 500, False)],
)
def test_profiles_say_everything_themselves(monkeypatch, name, examples_, derandomize):
    """No profile takes on what the ambient one happens to be, as where CI is set."""
    monkeypatch.setenv("CI", "true")
    found = strategies.profile(name)
    assert (found.max_examples, found.derandomize) == (examples_, derandomize)
    assert found.deadline is None


def test_profile_in_force_is_the_one_of_the_plugin(monkeypatch):
    """`--ckpt-profile` reaches a fuzz case without settings of its own."""
    monkeypatch.setenv("CKPT_PROFILE", "ckpt-ci")
    assert strategies.profile().max_examples == 25


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_every_generated_scenario_can_be_stored(data):
    """What is drawn is plain data: it survives JSON."""
    drawn = data.draw(strategies.scenarios(examples.right))
    assert Scenario.from_json(drawn.to_json()) == drawn


def test_examples_are_shared_through_a_folder(monkeypatch, tmp_path):
    """With CKPT_EXAMPLES, what one profile saves another finds; ckpt-ci draws its own."""
    monkeypatch.setenv("CKPT_EXAMPLES", str(tmp_path))
    strategies.profile("ckpt-dev").database.save(b"key", b"found")
    assert list(tmp_path.iterdir())
    nightly = strategies.profile("ckpt-nightly").database
    assert b"found" in set(nightly.fetch(b"key"))
    assert strategies.profile("ckpt-ci").database is None


def test_failing_scenario_shrinks_to_the_shortest_and_fails_again_when_pasted():
    """No options, an early save, one cycle: and the printed scenario, pasted, fails too."""
    chosen = settings(strategies.profile("ckpt-ci"), max_examples=20, phases=PHASES)
    with pytest.raises(CheckpointMismatch) as caught:
        strategies.checks_hold(("roundtrip",), examples.forgetful_scaler, chosen, 8)
    (line,) = (each for each in str(caught.value).splitlines() if "scenario: " in each)
    pasted = eval(line.partition("scenario: ")[2], {"Scenario": Scenario})
    assert (pasted.options, pasted.cycles, pasted.gap) == ({}, 1, 0)
    assert pasted.save_at <= 2  # from some points the lost counter heals before it matters
    assert (pasted.medium, pasted.seed) == ("file", 0)
    with pytest.raises(CheckpointMismatch):
        strategies.passed(examples.forgetful_scaler, [(pasted, ("roundtrip",))])


class Constant:
    """A part that never moves."""

    def state_dict(self):
        """Nothing to save."""
        return {}

    def load_state_dict(self, state):
        """Nothing to load."""


def debug(case):
    """What a fuzz case raises, as pytest would show it."""
    case("test_generated_scenarios").debug()


def test_fuzz_case_of_what_never_moves_is_vacuous():
    """No loss could have shown, so nothing is passed."""
    with pytest.raises(VacuousScenario, match="expected the state of component:Constant to move"):
        debug(strategies.fuzz_case(component(Constant, step=lambda part, i: None)))


def test_fuzz_case_whose_checks_never_apply_is_skipped():
    """It says why, and does not pass."""
    with pytest.raises(unittest.SkipTest, match="claims no options that win over the file"):
        debug(strategies.fuzz_case(scaler, checks=("override",)))


def test_fuzz_case_refuses_a_check_that_does_not_exist():
    """The message lists those there are."""
    with pytest.raises(UnknownCheck, match=r"got 'resum': choose from .*resume"):
        debug(strategies.fuzz_case(scaler, checks=("resum",)))


def test_failing_scenario_of_a_fuzz_case_is_stored(tmp_path):
    """As JSON, under the check that broke, and the message says where."""
    with pytest.raises(CheckpointMismatch, match=r"stored: .*json"):
        debug(strategies.fuzz_case(examples.forgetful_scaler))
    (stored,) = read(tmp_path / "scenarios")
    assert stored.check in per_scenario()
    assert stored.case.target == "example_loops:forgetful_scaler"
