"""Commands that other distributions bring, by entry points."""

import sys
from importlib.metadata import EntryPoint

import pytest
from resumeproof import cli
from resumeproof.cli import elsewhere


def greet(words):
    """A command: says what it was given."""
    sys.stdout.write(f"hello {' '.join(words)}\n")
    return 4


@pytest.fixture
def offered(monkeypatch):
    """Two of them, one with the name of a command of the instrument."""
    points = [EntryPoint(name, f"{__name__}:greet", elsewhere.GROUP) for name in ("greet", "list")]

    def entry_points(group, name=None):
        return [point for point in points if point.group == group and name in (None, point.name)]

    monkeypatch.setattr(elsewhere, "entry_points", entry_points)


@pytest.mark.usefixtures("offered")
def test_command_of_another_distribution_is_called_with_its_words(capsys):
    """Its status is that of the process."""
    assert cli.main(["greet", "--loud", "you"]) == 4
    assert capsys.readouterr().out == "hello --loud you\n"


@pytest.mark.usefixtures("offered")
def test_no_distribution_takes_a_command_of_the_instrument(capsys):
    """`list` stays what it is."""
    assert cli.main(["list"]) == 0
    assert "hello" not in capsys.readouterr().out


@pytest.mark.usefixtures("offered")
def test_unknown_command_is_told_of_all_there_are(capsys):
    """Those of others, too."""
    with pytest.raises(SystemExit):
        cli.main(["great"])
    assert "expected a command, check, diff, replay, list, greet, got 'great'" in (
        capsys.readouterr().err
    )
