"""Ctrl-C and SIGTERM while a check runs: a report of what is known, and nothing left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from resumeproof import cli

EXAMPLES = Path(__file__).parent / "examples"


def _hear_interrupts():
    """Undoes what a shell does to all it runs in the background: they do not hear Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("check", ["purity", "roundtrip", "strictness", "fresh_process"])
def test_interrupt_is_answered_with_a_report(tmp_path, number, check):
    """Whichever check is running: its verdict so far, exit status 130, no folder, no traceback."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "resumeproof", "check", "example_loops:Trainer", "--length", "2000",
         "--save-at", "1000"],
        cwd=EXAMPLES, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=_hear_interrupts,
    )  # fmt: skip
    for line in process.stderr:
        if f": {check} (" in line:
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "interrupted: what is listed is what was known then" in out
    assert f"not run, for want of time: {check}" in out
    assert "DIFFERS" not in out
    assert "0 of 0 scenarios EXACT" in out
    assert "next: run it again, with more time" in out
    assert "Traceback" not in out + err
    assert [path.name for path in tmp_path.iterdir() if "resumeproof" in path.name] == []


def test_interrupt_after_the_end_changes_no_exit_status():
    """What has been told stands, though Python takes a moment to end."""
    code = (
        "import os, signal, sys\n"
        "from resumeproof.cli import main\n"
        "status = main()\n"
        "os.kill(os.getpid(), signal.{})\n"
        "sys.exit(status)"
    )
    for name in ("SIGINT", "SIGTERM"):
        process = subprocess.run(
            [sys.executable, "-c", code.format(name), "diff", "a", "b"],
            text=True, capture_output=True, check=False, timeout=60, preexec_fn=_hear_interrupts,
        )  # fmt: skip
        assert process.returncode == 2, process.stderr


def test_command_within_a_program_leaves_its_signals_alone():
    """What a program does on Ctrl-C and SIGTERM is its own business after the command."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    assert cli.main(["diff", "a", "b"]) == 2
    assert [signal.getsignal(number) for number in numbers] == before


INTERRUPTED_IN_C = """
import ctypes, os, signal
run = ctypes.pythonapi.PyRun_String
run.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.py_object, ctypes.py_object]
run.restype = ctypes.py_object
run(b"import os, signal\\nos.kill(os.getpid(), signal.SIGTERM)\\nwhile True: pass", 257, {}, {})
"""


def test_interrupt_that_passes_through_c_ends_with_the_same_status(tmp_path):
    """As in an import of torch: Python would end by a signal that it sends itself."""
    (tmp_path / "interrupted_in_c.py").write_text(INTERRUPTED_IN_C)
    process = subprocess.run(
        [sys.executable, "-m", "resumeproof", "check", "interrupted_in_c:x"],
        cwd=tmp_path, text=True, capture_output=True, check=False, timeout=60,
        preexec_fn=_hear_interrupts,
    )  # fmt: skip
    assert (process.returncode, process.stderr.splitlines()[-1]) == (
        130,
        "resumeproof check: interrupted before anything was known",
    )
