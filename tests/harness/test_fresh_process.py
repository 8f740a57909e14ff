"""Loads in another process: what only they find, and what cannot be sent there."""

import inspect
import os
import subprocess
import sys
import types
from pathlib import Path

import example_globals
import example_loops
import gymnasium
import pytest
from resumeproof import Scenario, loop, sb3
from resumeproof.checks.fresh_process import fresh_process
from resumeproof.core.errors import NotApplicable
from resumeproof.trial.trial import Trial
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict
from stable_baselines3 import PPO

SCENARIO = Scenario(length=12, save_at=6)
IN_PROCESS = ("purity", "roundtrip", "idempotence", "isolation", "resume", "completeness")
ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from resumeproof import Scenario, check_resume
from example_globals import {name} as subject

def main():
    records = check_resume(subject, [Scenario(length=12, save_at=6)], ["resume", "fresh_process"])
    for skipped in records[0].skipped:
        print(skipped.reason, file=sys.stderr)

{guard}main()
"""


def test_no_check_in_this_process_finds_what_a_load_takes_from_it():
    """A total that stays in a dict of the module is there for every load of this process."""
    record = run(example_globals.leaning, SCENARIO, IN_PROCESS)
    assert (record.verdict, record.findings, record.error) == (Verdict.EXACT, (), "")


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_another_process_finds_it(method):
    """There the total is as after no step; the right run comes back by the same way."""
    diff = fresh_process(Trial(example_globals.leaning, SCENARIO), method).diff
    assert [str(mismatch.keypath) for mismatch in diff.mismatches] == ["component.total"]
    assert diff.mismatches[0].got == "0.0"
    assert not fresh_process(Trial(example_globals.right, SCENARIO), method)


def test_loads_of_this_process_do_not_excuse_what_another_one_loses():
    """Right here and lost there is a difference, though nothing here changes the future."""
    record = run(example_globals.leaning, SCENARIO, (*IN_PROCESS, "fresh_process"))
    assert record.verdict is Verdict.DIFFERS
    assert [finding.check for finding in record.findings] == ["fresh_process"]


def run_script(folder, **parts):
    """What a script of a user's prints to its errors, and its status."""
    path = folder / "script.py"
    path.write_text(SCRIPT.format(**parts))
    folders = os.pathsep.join([str(ROOT), str(Path(example_globals.__file__).parent)])
    done = subprocess.run(
        [sys.executable, str(path)],
        env={**os.environ, "PYTHONPATH": folders},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


def test_script_without_a_guard_is_told_to_write_one(tmp_path):
    """Another process would run it again from its first line: that is a note, and no error."""
    status, errors = run_script(tmp_path, name="right", guard="")
    assert status == 0
    assert "expected a script that another process can import, got" in errors
    assert 'write its calls below `if __name__ == "__main__":`' in errors
    assert run_script(tmp_path, name="right", guard='if __name__ == "__main__": ') == (0, "")


def test_subject_that_another_process_cannot_import_is_a_note(monkeypatch):
    """All else is checked, and the note says what is missing there."""
    module = types.ModuleType("made_at_run_time")
    exec(inspect.getsource(Kept), module.__dict__)
    monkeypatch.setitem(sys.modules, "made_at_run_time", module)
    kept = module.Kept
    record = run(
        loop(make=kept, step=kept.step, save=kept.save, load=kept.load),
        SCENARIO,
        ("resume", "fresh_process"),
    )
    assert (record.verdict, record.error) == (Verdict.EXACT, "")
    (skipped,) = record.skipped
    assert skipped.check == "fresh_process"
    assert "No module named 'made_at_run_time'" in skipped.reason


class Kept:
    """Counts, and saves its count."""

    def __init__(self):
        self.count = 0

    def step(self):
        """One more."""
        self.count += 1

    def save(self):
        """The count."""
        return self.count

    def load(self, state):
        """The count."""
        self.count = state


def test_script_with_a_guard_hears_what_is_lost(tmp_path):
    """The mismatch arrives from the other process."""
    status, errors = run_script(tmp_path, name="leaning", guard='if __name__ == "__main__": ')
    assert status == 1
    assert "checkpoint mismatch: fresh_process on component:LeansOnProcess" in errors


def test_lambda_cannot_be_sent_and_is_named():
    """The check does not apply, and says which function and what to write instead."""
    kind = example_globals.Sum
    subject = loop(make=lambda: kind(3), step=kind.step, save=kind.save, load=kind.load)
    record = run(subject, SCENARIO, ("fresh_process",))
    assert record.verdict is Verdict.UNSUPPORTED
    assert "loop:Sum cannot be sent to another process" in record.skipped[0].reason
    assert "lambda" in record.skipped[0].reason
    assert "with `def` and `class` at the top of a module" in record.skipped[0].reason


OWN_CLASS = """
from resumeproof import Scenario, check_resume, loop


class Sum:
    def __init__(self):
        self.total = 0

    def step(self):
        self.total += 3

    def save(self, path):
        path.write_text(str(self.total))

    def load(self, path):
        self.total = int(path.read_text())


subject = loop(make=Sum, step=Sum.step, save=Sum.save, load=Sum.load)
if __name__ == "__main__":
    check_resume(subject, [Scenario(length=12, save_at=6)], ["resume", "fresh_process"])
"""


def test_class_of_the_script_itself_is_the_same_in_both_processes(tmp_path):
    """There the script has another name, and its classes are the same ones."""
    path = tmp_path / "script.py"
    path.write_text(OWN_CLASS)
    done = subprocess.run(
        [sys.executable, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stream_that_reaches_nothing_fails_no_load_elsewhere():
    """What is drawn from it is thrown away, here and in another process."""
    record = run(example_loops.draws_for_nothing, SCENARIO, ("resume", "fresh_process"))
    assert (record.verdict, record.findings) == (Verdict.EXACT, ())
    assert any(note.startswith("contained: streams.torch") for note in record.notes)


EARLY = """
import multiprocessing.forkserver as server
from example_loops import Trainer as T
from resumeproof import Scenario, loop
from resumeproof.verdicts.runner import run
import example_globals

started = []

def begun(progress):
    started.append((progress.check, server._forkserver._forkserver_pid is not None))

if __name__ == "__main__":
    subject = {subject}
    run(subject, Scenario(length=12, save_at=6), {checks}, watch=begun)
    print(started[0])
"""


@pytest.mark.parametrize(
    ("subject", "checks", "expected"),
    [
        ("example_globals.right", ("purity", "fresh_process"), True),
        ("example_globals.right", ("purity", "roundtrip"), False),
        (
            "loop(make=T, step=lambda run: run.step(), save=T.save, load=T.load)",
            ("fresh_process",),
            False,
        ),
    ],
)
def test_server_starts_before_the_first_check_where_it_will_be_needed(
    tmp_path, subject, checks, expected
):
    """It loads what the others are forked from while checks run."""
    script = tmp_path / "early.py"
    script.write_text(EARLY.format(subject=subject, checks=checks))
    folders = os.pathsep.join([str(ROOT), str(ROOT / "tests/harness/examples")])
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": folders, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == f"{(checks[0], expected)}"


def test_a_run_that_cannot_be_built_there_is_no_fault_of_the_load():
    """An environment that only this process has registered: the check says what to import."""
    gymnasium.register("OnlyHere-v0", "gymnasium.envs.classic_control:CartPoleEnv")
    try:
        subject = sb3(PPO, env="OnlyHere-v0", n_steps=8, batch_size=8, n_epochs=1)
        trial = Trial(subject, Scenario(length=16, save_at=8))
        with pytest.raises(NotApplicable, match="no run of sb3:PPO can be built in another proc"):
            fresh_process(trial)
    finally:
        del gymnasium.registry["OnlyHere-v0"]
