"""Records as text: the exact words of every kind of failure, and the matrix."""

import pytest
from resumeproof.verdicts import report

SCENARIO = {"save_at": 320, "save_point": "past half"}
LOST = "VALUE      vgs.step_count  int  expected 320, got 0"
LATER = "VALUE      policy.weight  Parameter  expected 0.5, got 0.25 (1 of 9 elements)"


def record(**changes):
    """A record as `Record.to_json` writes it, DIFFERS at resume unless changed."""
    finding = {"check": "resume", "step": 384, "mismatches": [LATER, LOST]}
    plain = {
        "subject": "sb3:MyPPO",
        "scenario": SCENARIO,
        "verdict": "DIFFERS",
        "findings": [finding],
        "error": "",
        "notes": [],
        "attribution": None,
        "vacuous": False,
        "seconds": 0.25,
    }
    return {**plain, **changes}


def attribution(**changes):
    """An attribution as it stands in a record."""
    found = {"causes": [LOST], "inert": ["model.start", "model.log"], "complete": True}
    return {**found, "unreachable": [["model.socket", "is opaque"]], "summary": "-", **changes}


def test_explained_failure_reads_in_the_order_of_what_one_asks():
    """What must hold, when it diverges, what explains it, what is inert, what to do, replay."""
    text = report.failure(
        record(attribution=attribution()), replay="python -m resumeproof replay x"
    )
    assert text == (
        "checkpoint mismatch: resume on sb3:MyPPO\n"
        "  diverges at step 384, saved at step 320; explained by 1 of 3 differing leaves\n"
        "  VALUE      vgs.step_count  int  expected 320, got 0\n"
        "  (inert: 2, see --ckpt-verbose)\n"
        "  next: save and restore vgs.step_count\n"
        "  replay: python -m resumeproof replay x"
    )


def test_many_causes_are_grouped_by_their_owner():
    """An owner of several shows three of them and its number; no owner is cut from the list."""
    owned = [("model.env", f"model.env.envs[0].f{i}") for i in range(8)]
    owned = [("model._last_obs", "model._last_obs"), *owned, ("streams.torch", "streams.torch")]
    found = attribution(
        causes=[f"VALUE      {path}  int  expected 1, got 0" for _, path in owned],
        owners=[owner for owner, _ in owned],
    )
    text = report.failure(record(attribution=found))
    assert "; explained by 10 of 12 differing leaves\n" in text
    assert (
        "  VALUE      model._last_obs  int  expected 1, got 0\n"
        "  model.env: 8 leaves\n"
        "    VALUE      model.env.envs[0].f0  int  expected 1, got 0\n"
        "    VALUE      model.env.envs[0].f1  int  expected 1, got 0\n"
        "    VALUE      model.env.envs[0].f2  int  expected 1, got 0\n"
        "    (5 more, see --ckpt-verbose)\n"
        "  VALUE      streams.torch  int  expected 1, got 0\n"
    ) in text
    assert text.endswith("next: save and restore model._last_obs, model.env, streams.torch")
    assert "model.env.envs[0].f7" in report.failure(record(attribution=found), verbose=True)


def test_verbose_names_what_is_inert():
    """With the flag the inert leaves are listed."""
    text = report.failure(record(attribution=attribution()), verbose=True)
    assert "  inert:\n    model.start\n    model.log\n" in text


def test_incomplete_explanation_says_what_could_not_be_reached():
    """Where putting all back does not help, that is said, with what was out of reach."""
    found = attribution(causes=[], complete=False, summary="not explained: with all 3 put back")
    text = report.failure(record(attribution=found))
    assert "saved at step 320; not explained: with all 3 put back\n" in text
    assert "  not reached: model.socket: is opaque\n" in text
    assert "next: look first at what could not be put back" in text


def test_without_attribution_the_load_names_what_was_lost():
    """The next step names what differed right after the load, not what it spread to."""
    at_load = {"check": "roundtrip", "step": 320, "mismatches": [LOST]}
    text = report.failure(record(findings=[at_load, *record()["findings"]]))
    assert text.startswith("checkpoint mismatch: resume on sb3:MyPPO\n")
    assert "  also: roundtrip at step 320: 1 leaf differs\n" in text
    assert text.endswith("next: save and restore vgs.step_count")


def test_long_lists_are_cut_and_say_so():
    """Eight differences are shown; the flag shows all."""
    lines = [f"VALUE      net.{i}  int  expected 1, got 0" for i in range(11)]
    long = record(findings=[{"check": "resume", "step": 9, "mismatches": lines}])
    assert "(3 more, see --verbose)" in report.failure(long, flag="--verbose")
    assert "net.10" in report.failure(long, verbose=True)
    assert "save and restore net.0, net.1, net.2, net.3 and 7 more" in report.failure(long)


@pytest.mark.parametrize(
    ("changes", "first", "last"),
    [
        (
            {"verdict": "ERROR", "findings": [], "error": "resume: OSError: full"},
            "checkpoint error: sb3:MyPPO\n  resume: OSError: full",
            "next: correct what raised; the harness only called it",
        ),
        ({"verdict": "FLAKY"}, "not repeatable: resume on sb3:MyPPO", "is not to blame"),
        ({"verdict": "LOST_WORK"}, "lost work: resume on sb3:MyPPO", "and load the newest"),
        (
            {"verdict": "UNSUPPORTED", "findings": [], "notes": ["order does not apply"]},
            "not supported: sb3:MyPPO\n  order does not apply",
            "or leave the check out",
        ),
        (
            {"findings": [{"check": "purity", "step": 1, "mismatches": [LOST]}]},
            "checkpoint mismatch: purity on sb3:MyPPO",
            "it must change neither the run nor a random stream",
        ),
    ],
    ids=["error", "flaky", "lost work", "unsupported", "purity"],
)
def test_every_verdict_has_its_own_headline_and_next_step(changes, first, last):
    """A verdict that does not blame the checkpoint does not read as if it did."""
    text = report.failure(record(**changes))
    assert text.startswith(first)
    assert text.endswith(last)


def test_what_does_not_apply_is_one_line_and_its_reasons_are_for_the_verbose():
    """Names first; why, where one asks."""
    notes = [
        "order does not apply: no optimizer",
        "train() is not re-entrant",
        "component does not apply: -",
    ]
    short = report.failure(record(notes=notes))
    assert "  train() is not re-entrant\n  not applicable: order, component\n  next: " in short
    assert "order does not apply: no optimizer" in report.failure(record(notes=notes), verbose=True)


def test_run_that_does_not_repeat_shows_where_nothing_was_loaded():
    """Of a FLAKY record the difference from its repeat comes first; of others that of `resume`."""
    pure = {"check": "repeat", "step": 330, "mismatches": [LATER]}
    findings = [*record()["findings"], pure]
    text = report.failure(record(verdict="FLAKY", findings=findings))
    assert text.startswith(
        "not repeatable: repeat on sb3:MyPPO\n  seen at step 330, saved at step 320"
    )


def test_matrix_has_a_word_in_each_cell_and_totals():
    """Subjects by save points, counted where there are several, and nothing where none ran."""
    exact = record(verdict="EXACT", findings=[])
    records = [
        exact,
        exact,
        record(verdict="EXACT", vacuous=True, scenario={"save_at": 0, "save_point": "start"}),
        record(subject="loop:Trainer"),
    ]
    assert report.matrix(records) == [
        "subject       past half  start",
        "loop:Trainer  DIFFERS    -",
        "sb3:MyPPO     EXACT 2    EXACT",
        "2 of 3 scenarios EXACT; 1 more vacuous (nothing had moved that could be lost); 1.0 s",
    ]


def test_totals_count_what_could_be_checked():
    """A check that does not apply is no scenario that failed, and none that passed."""
    exact = record(verdict="EXACT", findings=[])
    unsupported = record(verdict="UNSUPPORTED", findings=[])
    expected = "1 of 2 scenarios EXACT; 1 where the check does not apply; 0.8 s"
    assert report.totals([exact, record(), unsupported]) == expected
