"""Fifty mistakes of newcomers: each shows the value, what was expected, what to do next."""

import re
import shlex

import pytest
from resumeproof import HarnessError, cli

from tests.harness import mistakes

pytest_plugins = ["pytester"]


def tells(told, message):
    """Whether a message is told, where `...` stands for anything."""
    pattern = ".*".join(map(re.escape, message.split("...")))
    return re.search(pattern, " ".join(told.split()))


@pytest.mark.parametrize("mistake", mistakes.COMMANDS, ids=lambda m: m.written or "nothing")
def test_wrong_command_is_told_what_to_write(capsys, tmp_path, monkeypatch, mistake):
    """Status 2, one message that says it all, no traceback."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "known.toml").write_text("")
    try:
        status = cli.main(shlex.split(mistake.written))
    except SystemExit as end:
        status = end.code
    told = capsys.readouterr()
    assert status == 2
    assert "Traceback" not in told.err
    assert tells(told.err, mistake.message), told.err


@pytest.mark.parametrize("mistake", mistakes.PYTHON, ids=lambda m: m.written)
def test_wrong_call_raises_what_to_write(mistake):
    """An error of the harness, whose text says it all."""
    with pytest.raises(HarnessError) as caught:
        eval(mistake.written, dict(mistakes.NAMES))
    assert tells(str(caught.value), mistake.message), str(caught.value)


@pytest.mark.parametrize("mistake", mistakes.FLAGS, ids=lambda m: m.written)
def test_wrong_flag_is_a_usage_error(pytester, monkeypatch, mistake):
    """Pytest's status for a wrong use, the message, and no traceback."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile("def test_nothing(): pass")
    words = ["-p", "resumeproof.plugin", *shlex.split(mistake.written)]
    result = pytester.runpytest_subprocess(*words, timeout=60)
    told = result.stderr.str() + result.stdout.str()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in told
    assert tells(told, mistake.message), told


def test_page_holds_the_table():
    """Written anew by the module that holds it; at least forty rows."""
    assert mistakes.PAGE.read_text() == mistakes.page()
    assert len(mistakes.COMMANDS) + len(mistakes.PYTHON) + len(mistakes.FLAGS) >= 40
