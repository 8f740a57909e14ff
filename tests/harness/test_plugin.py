"""The pytest plugin, run as users run it: without xdist, with none of its workers, with two."""

import functools
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import resumeproof.plugin
from resumeproof.plugin import RESULT

pytest_plugins = ["pytester"]

EXAMPLES = Path(__file__).parent / "examples"
ROOT = Path(resumeproof.plugin.__file__).parents[1]
MODES = {"no xdist": [], "n0": ["-p", "xdist", "-n0"], "n2": ["-p", "xdist", "-n2"]}

SUITE = """
    import sys
    sys.path.insert(0, {examples!r})
    import example_counters as examples
    from resumeproof import Scenario, check_resume, parametrize_with_checks

    SCENARIOS = [Scenario(length=12, save_at=6, save_point="middle")]

    @parametrize_with_checks([examples.scaler, examples.forgetful_scaler], scenarios=SCENARIOS)
    def test_checkpoint(subject, check):
        if check.name in ("purity", "roundtrip"):
            check(subject)

    def test_two_scenarios():
        check_resume(examples.scaler, checks=["roundtrip"])
        assert "torch" not in sys.modules  # the plugin and the checks do without
"""


@pytest.fixture
def run_once(pytester, monkeypatch):
    """Runs pytest in a process of its own; `mode` is one of three."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others' plugins cost seconds
    monkeypatch.delenv("CKPT_PROFILE", raising=False)

    def run(*arguments, suite=SUITE, plugin=("-p", "resumeproof.plugin"), mode="no xdist"):
        pytester.makepyfile(test_suite=suite.format(examples=str(EXAMPLES)))
        flags = ["--strict-markers", "-p", "no:cacheprovider", *plugin, *MODES[mode]]
        return pytester.runpytest_subprocess(*flags, *arguments, timeout=60)

    return run


@pytest.fixture(params=MODES, ids=list(MODES))
def run_suite(request, run_once):
    """The same in each of the three modes."""
    return functools.partial(run_once, mode=request.param)


def test_results_are_the_same_in_every_mode(run_suite, pytester):
    """One failure, the matrix, the replay command and one JSON line for each scenario."""
    result = run_suite("--ckpt-report=report.jsonl")
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(
        [
            "ckpt: threads=1 profile=ckpt-dev*",
            "*checkpoint mismatch: roundtrip on component:Forgetful",
            "*next: save and restore component.growth",
            "*= checkpoints =*",
            "subject * middle *",
            "component:Forgetful *DIFFERS*",
            "component:Scaler *EXACT*",
            "*of 6 scenarios EXACT*",
            'DIFFERS  replay: python -m pytest "test_suite.py::test_checkpoint*roundtrip]"',
            "one record per scenario: report.jsonl",
        ]
    )
    lines = (pytester.path / "report.jsonl").read_text().splitlines()
    verdicts = [json.loads(line)["verdict"] for line in lines]
    assert sorted(verdicts) == ["DIFFERS", "EXACT", "EXACT", "EXACT", "EXACT", "EXACT"]


def test_summary_counts_what_was_really_checked(run_once):
    """One check each of a right part: those that do not apply are counted apart, none vacuous."""
    suite = SUITE.replace('if check.name in ("purity", "roundtrip"):\n            ', "")
    result = run_once("-k", "component:Scaler- and not strictness", suite=suite)
    outcomes = result.parseoutcomes()
    expected = f"{outcomes['passed']} of {outcomes['passed']} scenarios EXACT; "
    expected += f"{outcomes['skipped']} where the check does not apply; *"
    result.stdout.fnmatch_lines([expected])


def test_difference_that_a_test_expects_has_no_replay(run_once):
    """Only failed tests are to be run again, each once."""
    suite = (
        SUITE
        + """
    import pytest

    def test_expects_it():
        with pytest.raises(AssertionError):
            check_resume(examples.forgetful_scaler, SCENARIOS, checks=["roundtrip"])
"""
    )
    result = run_once("-k", "expects_it", suite=suite)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "component:Forgetful *DIFFERS (expected)*",
            "0 of 0 scenarios EXACT; 1 that their tests expect to differ; *",
        ]
    )
    result.stdout.no_fnmatch_line("*replay:*")


def test_mutants_that_no_test_would_see_are_listed(run_suite, pytester):
    """With `--ckpt-mutate` a summary says what else can be lost than the one number read."""
    suite = (
        SUITE
        + """
    SCENARIO = SCENARIOS[0]

    def test_of_the_day_after(ckpt_subject, tmp_path):
        live = ckpt_subject.build(SCENARIO)
        ckpt_subject.train(live, until=6, visits={{}})
        ckpt_subject.save(live, tmp_path / "file")
        loaded = ckpt_subject.load(tmp_path / "file", SCENARIO)
        old, new = (ckpt_subject.roots(run)["component"] for run in (live, loaded))
        assert (new.scale == old.scale).all()
"""
    )
    pytester.makeconftest(
        f"""
        import sys
        sys.path.insert(0, {str(EXAMPLES)!r})
        import example_counters

        def pytest_ckpt_subjects(config):
            return [example_counters.scaler]
        """
    )
    flags = ("-k", "day_after", "--ckpt-mutate", "--ckpt-report=mutants.jsonl")
    result = run_suite(*flags, suite=suite)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "component:Scaler: * mutants tried, * seen, * that no test of yours would see",
            "  * seen by test_suite.py::test_of_the_day_after*",
            "  unseen  *component.*",
        ]
    )
    (line,) = (pytester.path / "mutants.jsonl").read_text().splitlines()
    assert any("component" in mutant["keypath"] for mutant in json.loads(line)["survived"])


def test_properties_reach_junit(run_suite, pytester):
    """Results travel in `user_properties`, so that JUnit has them too, from workers as well."""
    run_suite("--junitxml=junit.xml")
    text = (pytester.path / "junit.xml").read_text()
    assert text.count(f'<property name="{RESULT}"') == 6


def test_markers_are_registered_and_set(run_once):
    """`-m ckpt` selects the generated items, clean under `--strict-markers`."""
    result = run_once("-m", "ckpt", "-k", "purity and Scaler")
    result.assert_outcomes(passed=1)


def test_expected_failures_are_strict(run_suite):
    """A known failure is xfailed, and one that passes fails the run."""
    suite = SUITE.replace(
        "scenarios=SCENARIOS", 'scenarios=SCENARIOS, expected_failures={{"roundtrip": "7"}}'
    )
    result = run_suite("-k", "roundtrip", suite=suite)
    outcomes = result.parseoutcomes()
    assert (outcomes["xfailed"], outcomes["failed"]) == (1, 1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*7*"])


def test_misspelt_expected_failure_stops_the_collection(run_once):
    """The valid names are in the error of the collection."""
    suite = SUITE.replace("scenarios=SCENARIOS", 'expected_failures={{"resmue": "7"}}')
    result = run_once(suite=suite)
    result.stdout.fnmatch_lines(
        ["*UnknownCheck*in expected_failures=, got 'resmue': choose from *"]
    )
    assert result.ret != 0


@pytest.mark.parametrize(
    "plugin", [("-p", "resumeproof.plugin"), ()], ids=["with -p", "from conftest alone"]
)
def test_ways_to_load_the_plugin_coexist(run_once, pytester, plugin):
    """`-p`, `pytest_plugins` of a conftest and the entry point are one plugin."""
    pytester.makeconftest('pytest_plugins = ["resumeproof.plugin"]')
    result = run_once("-k", "two_scenarios", plugin=plugin)
    result.assert_outcomes(passed=1)


def test_entry_point_coexists_with_the_other_ways(run_once, pytester, monkeypatch):
    """Installed, given by `-p` and named in a conftest at once, it is still one plugin."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    ((name, module),) = declared["pytest11"].items()
    info = pytester.mkdir("resumeproof_copy-0.1.0.dist-info")
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: resumeproof-copy\nVersion: 0.1.0\n"
    )
    (info / "entry_points.txt").write_text(f"[pytest11]\n{name} = {module}\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(pytester.path)]))
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    run_once("-k", "two_scenarios", plugin=()).assert_outcomes(passed=1)
    pytester.makeconftest('pytest_plugins = ["resumeproof.plugin"]')
    result = run_once("-k", "two_scenarios")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["ckpt: threads=1*"])


def test_verbose_lists_all_and_profile_is_in_the_header(run_once):
    """The flags reach the text of failures and the header."""
    result = run_once("--ckpt-verbose", "--ckpt-profile=ckpt-ci", "-k", "two_scenarios")
    result.stdout.fnmatch_lines(["ckpt: threads=1 profile=ckpt-ci*"])


def test_unknown_profile_is_refused(run_once, pytester):
    """A profile of the ini file that does not exist is named beside those that do."""
    pytester.makeini("[pytest]\nckpt_profile = ci")
    result = run_once("-k", "two_scenarios")
    result.stderr.fnmatch_lines(["*expected ckpt_profile to be one of ckpt-dev, *, got 'ci'*"])


def test_suite_without_checks_is_left_alone(run_once):
    """Where no check runs there is no section, and torch is never imported."""
    suite = """
    def test_nothing():
        import sys
        assert "torch" not in sys.modules
    """
    result = run_once(suite=suite)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*= checkpoints =*")


def test_loading_pins_one_thread_before_torch():
    """The variables are set when the first conftest runs, and torch obeys them."""
    code = (
        "import sys, resumeproof.plugin as plugin\n"
        "assert not {'torch', 'numpy', 'hypothesis'} & set(sys.modules)\n"
        "plugin.pytest_load_initial_conftests(None)\n"
        "import torch\nassert torch.get_num_threads() == 1"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP", "MKL"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


FLOOR = """
    import sys

    sys.path.insert(0, {examples!r})
    from example_loops import ForgetsPatience as Trainer
    from resumeproof import Scenario, check_resume, loop

    def test_trainer():
        subject = loop(make=Trainer, step=Trainer.step, save=Trainer.save, load=Trainer.load)
        scenario = Scenario(length=24, save_at=13, into="fresh")
        check_resume(subject, scenarios=[scenario], checks=["purity", "roundtrip"])
"""


@pytest.mark.parametrize("floor", [50, 51])
def test_run_that_has_tested_too_little_fails(run_suite, floor):
    """Every test passes; the floor fails the run, and says what was not tested."""
    result = run_suite(f"--ckpt-min-state-coverage={floor}", suite=FLOOR)
    assert result.parseoutcomes() == {"passed": 1}
    assert result.ret == (floor > 50)
    below = "loop:ForgetsPatience: state coverage 1 of 2, expected 51%: save where * run.patience"
    if floor > 50:
        result.stdout.fnmatch_lines([below])
    else:
        result.stdout.no_fnmatch_line("*expected*")
