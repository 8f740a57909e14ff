"""A gate for a team: expectations on the command line, the baseline, the budget, a quick look."""

import json
from pathlib import Path

import pytest
from resumeproof import Scenario, cli, loop
from resumeproof.core.errors import InvalidTarget
from resumeproof.core.pace import Deadline
from resumeproof.verdicts import report
from resumeproof.verdicts.baseline import UNEXPLAINED, Baseline
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record, Verdict

LOSING = ["check", "example_loops:ForgetsScheduler", "--checks", "resume,roundtrip"]
pytest_plugins = ["pytester"]
EXAMPLES = Path(__file__).parent / "examples"
EPOCH, COUNT = "run.scheduler.last_epoch", "run.scheduler._step_count"


def command(capsys, *words):
    """Exit status, output and errors of one command."""
    status = cli.main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_expected_losses_on_the_command_line(capsys):
    """With what is lost expected the same target is EXACT, and says what was put back."""
    status, out, _ = command(capsys, *LOSING, "--expect", "run.scheduler=not saved yet, issue 12")
    assert status == 0
    assert "put back (not saved yet, issue 12): run.scheduler\n" in out


def test_replay_keeps_what_is_expected(capsys, tmp_path):
    """A stored case holds the expected losses, and so does the line that runs it again."""
    path = tmp_path / "cases.jsonl"
    words = ["--expect", f"{COUNT}=known", "--save-at", "5", "--length", "12"]
    assert command(capsys, *LOSING, *words, "--json", str(path))[0] == 1
    assert json.loads(path.read_text())["expected_losses"] == {COUNT: "known"}
    status, out, _ = command(capsys, "replay", str(path), "--checks", "resume")
    assert status == 1
    assert f"put back (known): {COUNT}\n" in out
    _, out, _ = command(capsys, *LOSING, *words)
    assert f"--expect {COUNT}=known --length 12" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--expect", "run.scheduler"], "expected --expect 'PATTERN=reason' or --expect sb3"),
        (["--expect", "run.scheduler="], "expected --expect 'PATTERN=reason' or --expect sb3"),
        (["--expect", "**=all"], "expected a pattern that names a KeyPath"),
        (["--expect", "sb3"], "expected an algorithm built on one of SB3's for 'sb3'"),
        (["--baseline", "none.toml"], "no such file; write one with --update-baseline"),
        (["--update-baseline"], "expected --baseline FILE with --update-baseline"),
        (["--expect", "run.scheduler=known", "--expect", "run.scedule=x"], "nothing is at"),
    ],
)
def test_wrong_words_are_refused(capsys, words, message):
    """Each says what was expected and what to write; exit status 2."""
    status, _, err = command(capsys, *LOSING, *words)
    assert status == 2
    assert message in err


def test_baseline_is_written_kept_and_strict(capsys, tmp_path):
    """Known losses pass, reasons survive an update, and a loss that healed fails."""
    path = tmp_path / "baseline.toml"
    words = ["--baseline", str(path)]
    status, out, _ = command(capsys, *LOSING, *words, "--update-baseline")
    assert status == 0
    assert f"+ {EPOCH} ({UNEXPLAINED})\n" in out
    known = Baseline.read(path).of("example_loops:ForgetsScheduler")
    assert known.keys() == {EPOCH, COUNT}
    assert command(capsys, *LOSING, *words)[0] == 0
    path.write_text(path.read_text().replace(UNEXPLAINED, 'said to be "cheap"'.replace('"', "'")))
    before = path.read_text()
    assert command(capsys, *LOSING, *words, "--update-baseline")[0] == 0
    assert path.read_text() == before
    path.write_text(before + "\"run.model.bias\" = 'never lost'\n")
    status, _, err = command(capsys, *LOSING, *words)
    assert status == 2
    assert "no longer lost: 'run.model.bias'" in err
    status, out, _ = command(capsys, *LOSING, *words, "--update-baseline")
    assert status == 0
    assert "- run.model.bias\n" in out
    assert path.read_text() == before


def test_new_loss_beside_a_baseline_is_red(capsys, tmp_path):
    """What the baseline does not know is the only thing that is named."""
    path = tmp_path / "baseline.toml"
    path.write_text(f'["example_loops:ForgetsScheduler"]\n"{COUNT}" = "known"\n')
    status, out, _ = command(capsys, *LOSING, "--baseline", str(path))
    assert status == 1
    assert f"next: save and restore {EPOCH}\n" in out


@pytest.mark.parametrize("content", ["[a\n", '["a"]\n"b" = 1\n', 'a = "b"\n', "\ud800"])
def test_bad_baseline_is_refused(tmp_path, content):
    """No TOML, no table, no text: one error that names the file."""
    path = tmp_path / "bad.toml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(InvalidTarget, match=r"bad\.toml"):
        Baseline.read(path)


def test_any_text_survives_the_baseline(tmp_path):
    """Quotes, backslashes, newlines and other alphabets in patterns and reasons come back."""
    path = tmp_path / "baseline.toml"
    known = {"a:B": {"run.x['q\"\\u']": 'say "why"\n\tand ü', "run.y[*]": "\\"}}
    Baseline(path, known).write()
    assert Baseline.read(path).known == known


class Run:
    """A counter that is forgotten, and what it decides."""

    def __init__(self):
        self.count, self.total = 0, 0

    def step(self):
        """Counts."""
        self.count += 1
        self.total += self.count

    def save(self):
        """All but the counter."""
        return self.total

    def load(self, source):
        """Puts that back."""
        self.total = source


SUBJECT = loop(make=Run, step=Run.step, save=Run.save, load=Run.load)


def test_spent_budget_still_gives_a_verdict():
    """With no time left the first check is run, the rest is listed, and no cause is searched."""
    deadline = Deadline(1e-9)
    names = ("order", "purity", "resume", "strictness")
    record = run(SUBJECT, Scenario(length=6, save_at=3), names, deadline=deadline)
    assert record.verdict is Verdict.EXACT
    assert record.not_run == ("resume", "order", "strictness")
    assert Record.from_plain(record.to_plain()) == record
    told = report.notes(record, verbose=False)
    assert "not run, for want of time: resume, order, strictness" in told


def test_spent_budget_names_no_cause_that_was_not_tried():
    """A difference that is found after the time is up is told without causes."""
    record = run(SUBJECT, Scenario(length=6, save_at=3), ("resume",), deadline=Deadline(1e-9))
    assert record.verdict is Verdict.DIFFERS
    assert record.attribution is None
    assert "the budget was spent before the causes were searched for" in record.notes


def test_causes_are_searched_for_before_what_costs_much():
    """With a budget, whatever its size, they come between the cheap checks and the dear ones."""
    seen = []
    names = ("strictness", "resume")
    scenario = Scenario(length=6, save_at=3)
    run(SUBJECT, scenario, names, deadline=Deadline(1000.0), watch=lambda at: seen.append(at.check))
    assert list(dict.fromkeys(seen)) == ["resume", "causes", "strictness"]


def test_budget_of_a_command_lists_what_was_left(capsys):
    """A tiny budget: one scenario, and the others by name."""
    status, out, _ = command(
        capsys, "check", "example_loops:Trainer", "--budget", "0.000001", "--checks", "purity"
    )
    assert status == 0
    assert "not run, the budget of 1e-06 s was spent: scenario saved at 4\n" in out


def test_quick_runs_one_scenario_and_the_cheap_checks(capsys):
    """`--quick` leaves the other scenario and the dear checks out."""
    status, out, err = command(capsys, "check", "example_loops:Trainer", "--quick")
    assert status == 0
    assert "1 of 1 scenarios EXACT" in out
    assert "resume (" in err
    assert "fresh_process" not in err


def test_progress_tells_scenario_check_and_run(capsys):
    """Plain lines where nobody watches a terminal."""
    _, _, err = command(capsys, *LOSING, "--save-at", "5")
    lines = err.splitlines()
    assert lines == [
        "scenario 1 of 1, 24 steps: resume (1 of 2)",
        "scenario 1 of 1, 24 steps: roundtrip (2 of 2)",
    ]


def test_summary_for_ci_is_markdown(capsys, tmp_path, monkeypatch):
    """Where GitHub names a file, a table and every failure are appended to it."""
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    command(capsys, *LOSING, "--save-at", "5")
    text = path.read_text()
    assert text.startswith("before\n## resumeproof\n")
    assert "| DIFFERS | loop:ForgetsScheduler | 5 (given) |" in text
    assert "next: save and restore run.scheduler.last_epoch" in text


TESTS = """
import pytest
from example_loops import ForgetsScheduler as F
from resumeproof import check_resume, loop

SUBJECT = loop(make=F, step=F.step, save=F.save, load=F.load)


def test_whole():
    check_resume(SUBJECT, checks=["resume"])


@pytest.mark.ckpt_expect({"run.scheduler": "not saved yet"})
def test_marked():
    check_resume(SUBJECT, checks=["resume"])
"""


@pytest.mark.parametrize("given", ["flag", "ini", "none"])
def test_pytest_takes_marker_flag_and_ini(pytester, given):
    """What a test or the project expects to be lost is put back; without it the test fails."""
    pytester.makepyfile(TESTS)
    pytester.makeconftest(f"import sys\nsys.path.insert(0, {str(EXAMPLES)!r})\n")
    known = '["loop:ForgetsScheduler"]\n"run.scheduler" = "known"\n'
    pytester.path.joinpath("known.toml").write_text(known)
    if given == "ini":
        pytester.makeini("[pytest]\nckpt_baseline = known.toml\n")
    flags = ["--ckpt-baseline", "known.toml"] if given == "flag" else []
    result = pytester.runpytest_subprocess(*flags, "--strict-markers")
    result.assert_outcomes(passed=1 if given == "none" else 2, failed=int(given == "none"))
