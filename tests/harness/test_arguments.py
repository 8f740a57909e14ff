"""Wrong arguments of the calls users make: the value, what was expected, what to write."""

import pytest
from example_counters import Counter, scaler
from resumeproof import (
    InvalidSubject,
    Scenario,
    check_resume,
    component,
    fuzz_case,
    parametrize_with_checks,
    sb3,
)
from resumeproof.core.errors import InvalidExclusion, InvalidScenario, NothingToRun, UnknownCheck
from stable_baselines3 import PPO

SCENARIO = Scenario(length=12, save_at=6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: check_resume(scaler, checks="resume"), UnknownCheck, "a list of names .*'resume'"),
        (lambda: check_resume(scaler, checks=[]), NothingToRun, r"got checks=\[\]: write"),
        (lambda: check_resume(scaler, []), NothingToRun, r"got scenarios=\[\]: write"),
        (lambda: check_resume(scaler, SCENARIO), NothingToRun, r"got scenarios=Scenario\(.*write"),
        (
            lambda: parametrize_with_checks([scaler], expected_failures=["resume"]),
            UnknownCheck,
            r"expected_failures=\{name: reason\}, got 'resume'",
        ),
        (lambda: fuzz_case(object()), InvalidSubject, "expected a subject, got <object"),
        (
            lambda: component(Counter, step=len, exclusions=["component.growth"]),
            InvalidExclusion,
            r"got 'component.growth' \(str\): write Exclusion\(pattern='component.growth'",
        ),
        (
            lambda: Scenario(length=10.0, save_at=1),
            InvalidScenario,
            "expected length to be an int, got length=10.0: write",
        ),
        (
            lambda: Scenario(length=4, save_at=1, seed=-1),
            InvalidScenario,
            r"expected seed to be 0 to .* got seed=-1: choose",
        ),
        (
            lambda: Scenario(length=4, save_at=3, cycles=3, gap=1),
            InvalidScenario,
            "with the last save, at step 5, within length=4, got gap=1: save sooner",
        ),
        (
            lambda: Scenario(length=4, save_at=1, into="old"),
            InvalidScenario,
            "got into='old': choose",
        ),
        (lambda: sb3("PPO", env="CartPole-v1"), InvalidSubject, r"got 'PPO' \(str\): write sb3"),
        (
            lambda: check_resume(sb3(PPO, env="CartPole-v1", n_steps="16")),
            InvalidSubject,
            r"n_steps of sb3:PPO to be a whole number from 1 on, got '16' \(str\)",
        ),
    ],
)
def test_wrong_argument_is_refused(call, error, message):
    """The message shows the value, what was expected, and what to write."""
    with pytest.raises(error, match=message):
        call()
