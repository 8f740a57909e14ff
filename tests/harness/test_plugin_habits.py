"""What the plugin does where something is wrong around a check, or where more is asked."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

EXAMPLES = Path(__file__).parent / "examples"
ROOT = Path(__file__).parents[2]
HEAD = """
    import sys
    sys.path.insert(0, {examples!r})
    import example_counters as examples
    from resumeproof import Scenario, component, fuzz_case, loop, parametrize_with_checks
"""


@pytest.fixture
def run_suite(pytester, monkeypatch):
    """Runs pytest on a suite, in a process of its own."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others' plugins cost seconds

    def run(suite, *arguments):
        pytester.makepyfile(test_suite=(HEAD + suite).format(examples=str(EXAMPLES)))
        flags = ["-p", "no:cacheprovider", "-p", "resumeproof.plugin"]
        return pytester.runpytest_subprocess(*flags, *arguments, timeout=120)

    return run


SCENARIOS = """
    SCENARIOS = [Scenario(length=12, save_at=step) for step in (4, 6, 8)]

    @parametrize_with_checks({subjects}, scenarios={scenarios}, **{more})
    def test_checkpoint(subject, check):
        check(subject)
"""


def suite_of(subjects, scenarios="None", more="{{}}"):
    """A suite of all checks on some subjects."""
    return (
        SCENARIOS.replace("{subjects}", subjects)
        .replace("{scenarios}", scenarios)
        .replace("{more}", more)
    )


def test_every_scenario_is_judged_where_that_is_asked(run_suite):
    """Without the flag the first that fails ends a test; with it each is one that fails."""
    suite = suite_of("[examples.forgetful_scaler]", "SCENARIOS")
    chosen = ["-k", "roundtrip or purity"]
    run_suite(suite, *chosen).assert_outcomes(failed=1, passed=1)
    result = run_suite(suite, *chosen, "--ckpt-scenarios", "-v")
    result.assert_outcomes(failed=2, passed=4)  # at step 4 nothing is lost
    result.stdout.fnmatch_lines(
        [f"*test_checkpoint?component:Forgetful-roundtrip-{n}? FAILED*" for n in (2, 3)]
    )


def test_own_scenarios_are_told_apart_too(run_suite):
    """Checks whose answer depends on the scenario run in two, the others in one."""
    suite = suite_of("[examples.scaler]")
    result = run_suite(suite, "--ckpt-scenarios", "-v", "-k", "roundtrip or settled")
    result.assert_outcomes(passed=3)
    names = ("roundtrip-1", "roundtrip-2", "settled")
    result.stdout.fnmatch_lines([f"*component:Scaler-{name}? PASSED*" for name in names])


def test_expected_failure_need_not_fail_in_every_scenario(run_suite):
    """It is strict for all scenarios together, not for each."""
    more = "dict(expected_failures={{'roundtrip': 'known'}})"
    suite = suite_of("[examples.scaler]", "SCENARIOS", more)
    run_suite(suite, "-k", "roundtrip").assert_outcomes(failed=1)
    run_suite(suite, "-k", "roundtrip", "--ckpt-scenarios").assert_outcomes(xpassed=3)


def test_exclusion_that_one_scenario_does_not_use_is_not_held_against_it(run_suite):
    """What is of no use in one scenario is looked for in the others before it is refused."""
    suite = """
    from resumeproof import Exclusion

    class Late:
        def __init__(self):
            self.count = 0
        def step(self):
            self.count += 1
            if self.count == 7:
                self.clock = self.count
        def save(self, path):
            path.write_text(str(self.count))
        def load(self, path):
            self.count = int(path.read_text())

    def late(pattern):
        reason = "a clock"
        return loop(make=Late, step=Late.step, save=Late.save, load=Late.load,
                    exclusions=[Exclusion(pattern=pattern, reason=reason)])

    SCENARIOS = [Scenario(length=6, save_at=3), Scenario(length=12, save_at=9)]

    @parametrize_with_checks([late("run.clock")], scenarios=SCENARIOS)
    def test_used(subject, check):
        check(subject)

    @parametrize_with_checks([late("run.cloc")], scenarios=SCENARIOS)
    def test_unused(subject, check):
        check(subject)
    """
    result = run_suite(suite, "--ckpt-scenarios", "-k", "purity")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*nearest to 'run.cloc': run.clock*"])


UNUSABLE = """
    class Unlicensed:
        def __init__(self):
            raise RuntimeError("no licence")

    def no_return():
        Unlicensed

    def broken(make):
        nothing = lambda live, path=None: None
        return loop(make=make, step=lambda live: None, save=nothing, load=nothing)
"""


@pytest.mark.parametrize(
    ("make", "said"),
    [
        ("Unlicensed", "expected loop:Unlicensed to be built, got RuntimeError: no licence: corr"),
        ("no_return", "expected a run, got None from make=<function no_return at *>: end it with"),
    ],
)
def test_subject_that_cannot_be_used_is_told_once(run_suite, make, said):
    """The first check says it, in the user's words, without a traceback; the others refer to it."""
    result = run_suite(UNUSABLE + suite_of(f"[broken({make})]"))
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"failed"}
    told = result.stdout.str()
    result.stdout.fnmatch_lines([f"InvalidSubject: {said}*"])
    assert told.count("\nInvalidSubject: ") == 1
    assert told.count("cannot be used: told by its first check\n") >= outcomes["failed"] - 1
    assert "Traceback" not in told
    assert "testing.py" not in told


def test_mismatch_is_told_where_its_scenario_cannot_be_stored(run_suite, pytester, monkeypatch):
    """A file is where the folder should be: a note beside the mismatch, not instead of it."""
    (pytester.path / "taken").write_text("")
    monkeypatch.setenv("CKPT_SCENARIOS", "taken/scenarios")
    result = run_suite("\n    TestFuzz = fuzz_case(examples.forgetful_scaler)\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*checkpoint mismatch: *on component:Forgetful",
            "*next: save and restore component.growth",
            "*not stored: *taken*; name a folder in CKPT_SCENARIOS",
        ]
    )


def test_results_are_told_where_the_report_cannot_be_written(run_suite, pytester):
    """The folder is there, the file is none that can be written."""
    (pytester.path / "report.jsonl").mkdir()
    suite = suite_of("[examples.scaler]")
    result = run_suite(suite, "-k", "purity", "--ckpt-report=report.jsonl")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "*2 of 2 scenarios EXACT*",
            "no report written: *report.jsonl*; name another file with --ckpt-report",
        ]
    )


def test_hypothesis_explains_no_lines_of_ours(run_suite):
    """What fails is shown with its scenario, and without places in this package."""
    result = run_suite("\n    TestFuzz = fuzz_case(examples.forgetful_scaler)\n")
    told = result.stdout.str()
    assert "Failing test case" in told or "Falsifying example" in told
    assert "Explanation:" not in told
