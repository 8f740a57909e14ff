"""A new component from its factory and a step: eight faults found and named without being told."""

import re
import unittest

import example_faults as faults
import pytest
from hypothesis import Phase, settings
from resumeproof import check_resume, fuzz_case
from resumeproof.checks import CHECKS
from resumeproof.core.errors import NothingApplies
from resumeproof.fuzzing import strategies
from resumeproof.verdicts.failure import CheckpointMismatch

# the fault, its clean twin, the check that names it and what the report says
FAULTS = [
    (faults.ForgetfulScaler, faults.Scaler, "resume", r"component\.growth"),
    (faults.AliasedAverage, faults.Average, "roundtrip", r"component\.shadow\['weight'\]"),
    (faults.StaleScheduled, faults.Scheduled, "roundtrip", r"component\.scheduler\.optimizer"),
    (faults.ListNormaliser, faults.Normaliser, "resume", r"TYPE +component\.shape"),
    (faults.PositionSampler, faults.Sampler, "resume", r"component\.order"),
    (faults.DrawingBuffer, faults.Buffer, "purity", r"streams\.numpy"),
    (faults.SharingBuffer, faults.Buffer, "isolation", r"component'?\]?\.values"),
    (faults.LenientBuffer, faults.Buffer, "strictness", r"state\['values'\]|resumeproof_stranger"),
]
NAMES = [fault.__name__ for fault, *_ in FAULTS]
TWINS = sorted({twin for _, twin, *_ in FAULTS}, key=lambda twin: twin.__name__)
# what generated scenarios look for; the other faults are not about a scenario
OF_LIVES = ("purity", "roundtrip", "resume", "isolation")
FEW = settings(
    strategies.profile("ckpt-ci"), max_examples=12, phases=(Phase.generate, Phase.shrink)
)


@pytest.mark.parametrize(("fault", "twin", "check", "place"), FAULTS, ids=NAMES)
def test_fault_is_found_and_named(fault, twin, check, place):
    """All checks are run, nobody says which fault it is, and the report names the place."""
    subject = faults.part(fault)
    broken = {}
    for name in CHECKS:
        try:
            check_resume(subject, checks=[name])
        except CheckpointMismatch as error:
            broken[name] = str(error)
        except NothingApplies:
            continue
    assert check in broken, broken
    assert re.search(place, broken[check]), broken[check]


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.__name__)
def test_clean_twin_passes(twin):
    """All checks at once, in both scenarios of its own."""
    check_resume(faults.part(twin))


@pytest.mark.parametrize(
    ("fault", "place"),
    [(fault, place) for fault, _, check, place in FAULTS if check in OF_LIVES],
    ids=[fault.__name__ for fault, _, check, _ in FAULTS if check in OF_LIVES],
)
def test_generated_scenarios_find_it(fault, place):
    """A fuzz case finds it in a few scenarios."""
    case = fuzz_case(faults.part(fault), FEW, checks=OF_LIVES)
    with pytest.raises(CheckpointMismatch, match=place):
        case("test_generated_scenarios").debug()


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.__name__)
def test_generated_scenarios_pass_the_clean_twin(twin):
    """No false alarm, and not in vain."""
    case = fuzz_case(faults.part(twin), FEW, checks=OF_LIVES)
    result = unittest.TestResult()
    case("test_generated_scenarios").run(result)
    assert result.wasSuccessful(), result.failures + result.errors
    assert not result.skipped
