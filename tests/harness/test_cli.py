"""The command line: what it prints, what it writes, and its exit status."""

import io
import json
import re
import subprocess
import sys
import zipfile

import pytest
import torch
from resumeproof import cli
from resumeproof.files.entries import compare_files, read_entries
from resumeproof.subjects.by_name import Case, read_cases

PPO = ["stable_baselines3:PPO", "--env", "CartPole-v1"]
SMALL = ["-s", "n_steps=16", "-s", "batch_size=16", "-s", "n_epochs=2"]
FUTURE = ["--checks", "purity,roundtrip,resume"]


def command(capsys, *words):
    """Exit status, output and errors of one command."""
    status = cli.main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_right_part_is_exact(capsys):
    """All EXACT: status 0 and one line for each scenario."""
    status, out, _ = command(capsys, "check", "example_loops:scaler", *FUTURE)
    assert status == 0
    assert out.count("EXACT  component:Scaler  24 steps, saved at ") == 2
    assert "2 of 2 scenarios EXACT" in out


def test_forgotten_counter_differs_and_can_be_replayed(capsys, tmp_path):
    """Something differs: status 1, the leaf, and a file that says the same when replayed."""
    path = tmp_path / "case.json"
    words = ["check", "example_loops:forgetful_scaler", *FUTURE, "--json", str(path)]
    status, out, _ = command(capsys, *words)
    assert status == 1
    assert "checkpoint mismatch: resume on component:Forgetful\n" in out
    assert "next: save and restore component.growth\n" in out
    assert f"replay: python -m resumeproof replay {path} --checks purity,roundtrip,resume\n" in out
    again, replayed, _ = command(capsys, "replay", str(path), *FUTURE)
    assert again == 1
    assert "next: save and restore component.growth\n" in replayed


def test_replay_line_without_a_file_is_the_whole_command(capsys):
    """The printed command names target, options and scenario; a class is taken as a loop."""
    words = ["check", "example_loops:ForgetsScheduler", "-s", "batch=8"]
    scenario = ["--length", "12", "--save-at", "5", "--seed", "3", "--checks", "roundtrip"]
    status, out, _ = command(capsys, *words, *scenario)
    assert status == 1
    expected = (
        "replay: python -m resumeproof check example_loops:ForgetsScheduler -s batch=8 --length 12 "
        "--seed 3 --save-at 5 --cycles 1 --gap 0 --medium file --into used --checks roundtrip\n"
    )
    assert expected in out


def test_stored_case_holds_target_options_and_result(capsys, tmp_path):
    """One JSON line for each scenario: a case that can be rebuilt, and what it showed."""
    path = tmp_path / "report.jsonl"
    command(capsys, "check", *PPO, *SMALL, "--checks", "purity", "--json", str(path))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["subject"] for line in lines] == ["sb3:PPO"] * 2
    options = {"env": "CartPole-v1", "n_steps": 16, "batch_size": 16, "n_epochs": 2}
    case = read_cases(path)[0]
    assert (case.target, case.options) == ("stable_baselines3:PPO", options)
    assert isinstance(case, Case)


@pytest.mark.parametrize(
    ("target", "status", "text"),
    [
        ("Trainer", 0, "EXACT  loop:Trainer  24 steps, saved at 13"),
        ("ForgetsScheduler", 1, "next: save and restore run.scheduler.last_epoch, run.scheduler."),
        ("ForgetsOrder", 1, "next: save and restore run.order, run.shuffler\n"),
        ("Nondeterministic", 3, "FLAKY  loop:Nondeterministic  24 steps"),
        ("Raises", 3, "step 3 of loop:Raises raised ArithmeticError: loss is not finite"),
    ],
)
def test_loops_show_what_they_are(capsys, target, status, text):
    """Right, forgetful, nondeterministic and failing loops, straight from their classes."""
    got, out, _ = command(capsys, "check", f"example_loops:{target}", *FUTURE)
    assert (got, text in out) == (status, True), out


def test_stock_ppo_differs(capsys):
    """Stock PPO loses its last observation and its environment: DIFFERS, status 1."""
    status, out, _ = command(capsys, "check", *PPO, *SMALL, *FUTURE)
    assert status == 1
    assert "DIFFERS  sb3:PPO" in out
    assert "model._last_obs" in out


def test_what_the_harness_chose_for_the_algorithm_is_said(capsys):
    """A buffer as long as the scenario and an early start are not the algorithm's own defaults."""
    words = ["check", "stable_baselines3:DQN", "--env", "CartPole-v1", "--checks", "resume"]
    _, out, _ = command(capsys, *words, "-s", "learning_starts=8")
    assert "  fitted to this short run: buffer_size=48; set your own with -s\n" in out
    assert "model.env: " in out
    assert "next: save and restore model.env, " in out
    assert "  next: apply model._last_obs from the file last in the load, " in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "PPO"], r"expected TARGET as module:name, got 'PPO': write stable_baselines3:"),
        (["check", "no_such:PPO"], r"can be imported, got 'no_such' .*: run from the folder"),
        (["check", "example_loops:nope"], r"a name in example_loops, got 'nope': it has .*Trainer"),
        (["check", "stable_baselines3:PPO"], r"an environment for .*PPO, got none: write --env"),
        (["check", "example_loops:DATA"], r"expected a subject, an SB3 algorithm .*got tensor"),
        (["check", "example_loops:Scaler"], r"the class Scaler without step, save, load"),
        (["check", "example_loops:right", "-s", "n"], r"-s KEY=VALUE, got 'n': write -s n_steps"),
        (
            ["check", "example_loops:right", "--checks", "resme"],
            r"expected a list of names of checks in --checks, got 'resme': choose from .*purity",
        ),
        (
            ["check", "example_loops:right", "--length", "3", "--save-at", "9"],
            r"expected save_at to be 0 to length=3, got save_at=9: save earlier",
        ),
        (["replay", "none.json"], r"expected a file of stored cases, got 'none\.json'"),
        (["diff", "a.zip", "b.zip"], r"expected a checkpoint file, got 'a\.zip': no such file"),
    ],
)
def test_wrong_command_is_refused(capsys, words, message):
    """Status 2, and a message with the value, what was expected and what to write."""
    status, _, err = command(capsys, *words)
    assert status == 2
    assert err.startswith(f"resumeproof {words[0]}: ")
    assert re.search(message, err.replace("\n", " "))


@pytest.mark.parametrize("words", [[], ["chekc"], ["check"]])
def test_unknown_command_is_refused_by_status(capsys, words):
    """No command, a misspelt one and one without its target end with status 2."""
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    assert "usage: resumeproof" in capsys.readouterr().err


def test_list_shows_checks_subjects_and_profiles(capsys):
    """Every check with its check, what subjects take, and the profiles."""
    status, out, _ = command(capsys, "list")
    assert status == 0
    assert "  resume         The resumed run and the one that never stopped agree" in out
    assert "ckpt-nightly" in out
    assert "an SB3 algorithm" in out


def test_module_runs_as_a_program_and_help_needs_no_torch():
    """`python -m resumeproof --help` works before torch is loaded."""
    code = (
        "import sys, runpy\nsys.argv = ['resumeproof', '--help']\n"
        "try: runpy.run_module('resumeproof', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Finds the state your RL checkpoint forgot." in done.stdout


def checkpoint(path, weight=1.0, steps=3, **extra):
    """A zip as SB3 writes it: JSON, a torch entry, a text; and more entries if given."""
    stream = io.BytesIO()
    torch.save({"weight": torch.full((3,), weight)}, stream)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", json.dumps({"num_timesteps": steps}))
        archive.writestr("policy.pth", stream.getvalue())
        archive.writestr("version.txt", "2.9.2 beta")
        for name, content in extra.items():
            archive.writestr(name, content)
    return str(path)


def test_diff_of_equal_files_is_silent_about_them(capsys, tmp_path):
    """Same content in files of other times: every entry equal, status 0."""
    status, out, _ = command(
        capsys, "diff", checkpoint(tmp_path / "a.zip"), checkpoint(tmp_path / "b.zip")
    )
    assert (status, out) == (0, "data: equal\npolicy.pth: equal\nversion.txt: equal\n")


def test_diff_names_entry_and_leaf(capsys, tmp_path):
    """One changed number and one changed tensor, each under its entry, and an entry too many."""
    first = checkpoint(tmp_path / "a.zip")
    second = checkpoint(tmp_path / "b.zip", weight=2.0, steps=4, extra="\x00")
    status, out, _ = command(capsys, "diff", first, second)
    assert status == 1
    assert "data: 1 differ\n  VALUE      ['data']['num_timesteps']  int  expected 3, got 4" in out
    assert "policy.pth: 1 differ\n  VALUE      ['policy.pth']['weight']  Tensor" in out
    assert "extra: 1 differ\n  UNEXPECTED ['extra']" in out
    assert "version.txt: equal" in out


def test_diff_reads_torch_safetensors_json_and_bytes(tmp_path):
    """Files that are no archive are compared as what they are, whatever they are called."""
    from safetensors.torch import save_file

    for number in (1, 2):
        torch.save({"w": torch.full((2,), number)}, tmp_path / f"{number}.pt")
        save_file({"w": torch.full((2,), number)}, tmp_path / f"{number}.safetensors")
        (tmp_path / f"{number}.json").write_text(json.dumps({"w": number}))
        (tmp_path / f"{number}.bin").write_bytes(bytes([0x80, number]))
    for kind, keypath in (
        ("pt", "['w']"),
        ("safetensors", "['w']"),
        ("json", "['w']"),
        ("bin", "['1.bin']"),
    ):
        diffs = compare_files(tmp_path / f"1.{kind}", tmp_path / f"2.{kind}")
        assert [str(m.keypath) for diff in diffs.values() for m in diff.mismatches] == [keypath]


def test_diff_executes_nothing(tmp_path):
    """A pickle in a checkpoint is compared as bytes: it could run any code."""
    import pickle

    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("object.pkl", pickle.dumps(pytest.fail))
    assert type(read_entries(tmp_path / "evil.zip")["object.pkl"]) is bytes
