"""The command line on bad input: the value, what was expected, and what to write instead."""

import json
import re
import zipfile

import pytest
from resumeproof import Scenario, cli

PPO = ["check", "stable_baselines3:PPO"]
SHORT = ["--length", "12", "--save-at", "6"]


PLAIN = {"format": 1, "length": 12, "save_at": 6}


def case(**changes):
    """A stored case as text, unless changed one whose module does not exist."""
    return json.dumps({"target": "a:b", "scenario": PLAIN, **changes})


def refused(capsys, *words):
    """What a command says when it ends with status 2."""
    assert cli.main(words) == 2
    return capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*PPO, "--env", "CartPol-v1"], r"got NameNotFound: .*Did you mean: `CartPole`.*--env"),
        (
            [*PPO, "--env", "CartPole-v1", "-s", "n_stps=16"],
            r"expected options that PPO takes, got n_stps: it takes .*n_steps",
        ),
        (["check", "stable_baselines3:PP0"], r"a name in stable_baselines3, got 'PP0': it has"),
        (
            ["check", "example_loops:Trainer", "-s", "sed=3"],
            r"unexpected keyword argument 'sed'; correct .*:Trainer takes seed, batch",
        ),
        (
            ["check", "example_mistakes:WithoutSave"],
            r"got the class WithoutSave without save: write a module attribute made by sb3\(",
        ),
        (
            ["check", "example_mistakes:makes_none"],
            r"expected a run, got None from make=.*nothing.*: end it with a `return`",
        ),
        (
            ["check", "example_mistakes:unused", *SHORT, "--checks", "purity"],
            r"cover nothing: 'run\.ordered'; delete .*nearest to 'run\.ordered': run\.order",
        ),
        (
            ["check", "example_loops:scaler", "--cycles", "4", "--medium", "memory"],
            r"expected --save-at N with --cycles, got --cycles 4 alone: without it two scenarios",
        ),
        (
            ["check", "example_loops:scaler", "--length=3", "--save-at=0", "--checks=resume"],
            r"expected the state of component:Scaler to move .* got no change",
        ),
    ],
)
def test_bad_subject_is_refused(capsys, words, message):
    """Unknown environment, option, class; no save, no run, an unused exclusion, no steps."""
    assert re.search(message, refused(capsys, *words))


def test_module_that_raises_is_named(capsys, tmp_path, monkeypatch):
    """A module that cannot be imported is told by what it raised, and no traceback."""
    (tmp_path / "raises_at_import.py").write_text("raise RuntimeError('no licence')")
    monkeypatch.syspath_prepend(tmp_path)
    told = refused(capsys, "check", "raises_at_import:Trainer")
    assert "got 'raises_at_import', which raised RuntimeError: no licence; correct it" in told


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"expected cases in .*got an empty file"),
        ("not json", r"expected a case as JSON, got 'not json'"),
        ("[1]", r"a case as a JSON object, got '\[1\]'"),
        (
            '{"format": 7, "length": 5}',
            r"case of format 1, got format=7: write it anew with `check",
        ),
        (
            '{"scenario": {"format": 7}, "target": "a:b"}',
            r"expected a scenario of format 1, got format=7: read",
        ),
        ('{"format": 1, "target": "a:b"}', r"without \['scenario'\]: write the case with `check"),
        ("[" * 100_000, r"expected a case as JSON, got '\[\[.*write it anew with `check"),
        (f'{{"length": {"1" * 5000}}}', r"expected a case as JSON, .*Exceeds the limit .*anew"),
        ("\xff", r"got '.*case\.json', which is no text .*: write it anew"),
        (case(target=5), r"expected a target as module:name, got 5 \(int\): write it anew"),
        (case(options=[1]), r"expected options as a JSON object, got \[1\]: write it anew"),
        (case(expected_losses=[1]), r"expected_losses to map KeyPath patterns to reasons, got"),
        (case(expected_losses={"a.b": 3}), r"expected_losses to map KeyPath patterns to reasons"),
        (
            case(scenario={**PLAIN, "options": 5}),
            r"expected options to be a mapping, got options=5",
        ),
        (case(scenario={**PLAIN, "save_point": 5}), r"expected save_point to be a str, got"),
        (case(scenario=5), r"expected a scenario of format 1, got format=None"),
        (
            '{"scenario": {}, "test": "test_it.py::test_x[a]"}',
            r'run `python -m pytest "test_it\.py::test_x\[a\]"`, or name the subject: .*--target',
        ),
    ],
)
def test_bad_file_to_replay_is_refused(capsys, tmp_path, content, message):
    """Empty, no JSON, another version, or without what is needed."""
    path = tmp_path / "case.json"
    path.write_text(content, encoding="latin-1")
    assert re.search(message, refused(capsys, "replay", str(path)))


def test_nothing_is_imported_before_the_whole_file_is_valid(capsys, tmp_path, monkeypatch):
    """A file names code: one bad line at its end, and none of that code is run."""
    (tmp_path / "leaves_a_trace.py").write_text("open('trace', 'w').close()")
    (tmp_path / "cases.jsonl").write_text(f"{case(target='leaves_a_trace:x')}\n{case(target=5)}\n")
    monkeypatch.chdir(tmp_path)
    words = ["replay", "cases.jsonl", "--import", "leaves_a_trace"]
    assert "expected a target as module:name, got 5" in refused(capsys, *words)
    assert not (tmp_path / "trace").exists()


def test_replay_elsewhere_lists_all_that_is_missing(capsys, tmp_path):
    """Of all subjects of the file: modules, names and environments that this machine lacks."""
    gone = {"env": "Gone-v1"}
    cases = [
        case(),
        case(target="stable_baselines3:PP0"),
        case(target="stable_baselines3:PPO", options=gone),
        case(target="example_loops:Trainer"),
    ]
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(cases))
    told = refused(capsys, "replay", str(path))
    assert "every subject of the file on this machine, got 3 that cannot be made here" in told
    assert "got 'a' (No module named 'a'): run from the folder it lies in, or install it" in told
    assert "expected a name in stable_baselines3, got 'PP0'" in told
    assert "options={'env': 'Gone-v1'}, got NameNotFound" in told


def test_replay_takes_what_pytest_and_scenarios_write(capsys, tmp_path):
    """With the target named: a line of the plugin's report, and a scenario alone."""
    scenario = json.loads(Scenario(length=12, save_at=6, options={"batch": 8}).to_json())
    record = {"scenario": scenario, "subject": "loop:Trainer", "test": "test_it.py::test_x"}
    path = tmp_path / "report.jsonl"
    path.write_text(f"{json.dumps(record)}\n{json.dumps(scenario)}\n")
    words = ["--target", "example_loops:Trainer", "--checks", "purity"]
    assert cli.main(["replay", str(path), *words]) == 0
    assert "2 of 2 scenarios EXACT" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_damaged_archive_is_refused(capsys, tmp_path, damage):
    """It is never compared as bytes: no entry of it could be named."""
    whole, broken = tmp_path / "a.zip", tmp_path / "b.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("data", "hello" * 50)
    content = whole.read_bytes()
    half = content[: len(content) // 2]
    flipped = content[:60] + bytes([content[60] ^ 1]) + content[61:]
    broken.write_bytes(half if damage == "truncated" else flipped)
    told = refused(capsys, "diff", str(whole), str(broken))
    assert re.search(r"expected a whole checkpoint file, got '.*b\.zip' of \d+ bytes: ", told)
    assert told.rstrip().endswith("take another copy or save it again")


def test_help_documents_every_exit_status(capsys):
    """0, 1, 2, 3 and 130, each with what it means."""
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    out = capsys.readouterr().out
    found = re.findall(r"^  (\d+)  \w", out.partition("exit status:")[2], re.MULTILINE)
    assert found == ["0", "1", "2", "3", "130"]


def test_exit_statuses_tell_what_was_found(capsys):
    """Right, forgetful, not repeatable and raising: the last two give no answer."""
    short = [*SHORT, "--checks", "purity,resume"]
    kinds = ("Trainer", "ForgetsScheduler", "Nondeterministic", "Raises")
    found = [cli.main(["check", f"example_loops:{kind}", *short]) for kind in kinds]
    assert found == [0, 1, 3, 3]
