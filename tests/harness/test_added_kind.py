"""A kind of state added in one file, `example_kind`: seen everywhere without another edit."""

import numpy as np
import pytest
from example_kind import TABLE, Forgetful, Run, Table, elements, subject
from resumeproof import CheckpointMismatch, Scenario, check_resume
from resumeproof.cli import main
from resumeproof.core.keypath import KeyPath
from resumeproof.mutation.campaign import mutate
from resumeproof.mutation.mutant import KILLED
from resumeproof.state.capture import capture
from resumeproof.state.compare import compare
from resumeproof.subjects.poison import floats_of, spoil
from resumeproof.transplant.patch import Transplant
from resumeproof.transplant.sites import graph_of, sites

SCENARIO = Scenario(length=8, save_at=4)


@pytest.fixture(scope="module")
def matrix():
    """Every mutant of a run that keeps the table."""
    return mutate(subject(), SCENARIO)


def test_capture_and_comparison_know_it():
    """Its numbers are compared bit by bit, and what differs is said of numbers."""
    snapshot = capture([Table(1.0, 2.0)])
    assert snapshot.kind(snapshot.resolve(KeyPath(0))) is TABLE
    assert not compare(snapshot, capture([Table(1.0, 2.0)]))
    (value,) = compare(snapshot, capture([Table(1.0, -0.0)])).mismatches
    assert (value.kind, value.expected, value.got) == ("VALUE", "2.0", "-0.0")
    assert value.stats.startswith("1 of 2 elements, first at (1,)")
    (shape,) = compare(snapshot, capture([Table(1.0)])).mismatches
    assert (shape.kind, shape.expected, shape.got) == ("SHAPE", "(2,)", "(1,)")


def test_poison_spoils_it():
    """What a load leaves alone cannot pass for restored."""
    roots = {"it": [Table(1.0, 2.0)]}
    fresh = floats_of(roots)
    assert spoil(roots, fresh) == ()
    elements(roots["it"][0])[...] += 1
    assert spoil(roots, fresh) == (KeyPath("it", 0),)
    assert np.isnan(elements(roots["it"][0])).all()


def test_transplant_writes_into_it():
    """The object stays, and so does who else holds it."""
    donor, target = ({"it": [Table(number, 2.0)]} for number in (1.0, 3.0))
    kept = target["it"][0]
    graphs = graph_of(donor), graph_of(target)
    (site,) = sites(compare(graphs[0].snapshot, graphs[1].snapshot).mismatches, *graphs)
    Transplant(*graphs).put(site)
    assert target["it"][0] is kept
    assert elements(kept).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("operator", ["fresh", "one ulp", "zeroed", "through bf16", "dropped"])
def test_mutants_of_it_are_tried_and_killed(matrix, operator):
    """Operators on numbers reach into it, and `roundtrip` names the place."""
    outcomes = [
        outcome
        for outcome in matrix.of(KILLED)
        if outcome.mutant.operator == operator and "table" in str(outcome.mutant.keypath)
    ]
    assert outcomes
    assert all(outcome.named for outcome in outcomes)
    assert matrix.survivors() == ()


def test_check_resume_passes_what_keeps_it():
    """All checks hold."""
    records = check_resume(subject(Run), scenarios=[SCENARIO])
    assert {record.verdict for record in records} == {"EXACT"}


def test_report_names_the_loss_of_it():
    """It is what was lost, and the text says where."""
    with pytest.raises(CheckpointMismatch) as caught:
        check_resume(subject(Forgetful), scenarios=[SCENARIO], checks=["resume"])
    (cause,) = caught.value.record.attribution.lost
    assert str(cause.keypath).endswith(".table")
    assert "1 of 5 differing leaves contained" in str(caught.value)
    assert ".table" in str(caught.value)


def test_command_line_names_the_loss_of_it(capsys):
    """As everywhere else."""
    assert main(["check", "example_kind:Forgetful", "--checks", "resume"]) == 1
    assert ".table" in capsys.readouterr().out
