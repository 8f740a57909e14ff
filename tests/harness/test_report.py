"""Records as text: the exact words of every kind of failure, and the matrix."""

import dataclasses

import pytest
from resumeproof.core.scenario import Scenario
from resumeproof.verdicts import report, summary
from resumeproof.verdicts.verdict import Raised, Skipped, Spared, Verdict

from tests.harness.record_cases import LATER, LOST, attribution, finding, mismatch, record


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
    owned = [mismatch("model", "env", "envs", 0, f"f{i}") for i in range(8)]
    causes = (mismatch("model", "_last_obs"), *owned, mismatch("streams", "torch"))
    explained = attribution(causes=causes)
    text = report.failure(record(attribution=explained))
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
    assert "model.env.envs[0].f7" in report.failure(record(attribution=explained), verbose=True)


def test_verbose_names_what_is_inert():
    """With the flag the inert leaves are listed."""
    text = report.failure(record(attribution=attribution()), verbose=True)
    assert "  inert:\n    model.start\n    model.log\n" in text


def test_incomplete_explanation_says_what_could_not_be_reached():
    """Where putting all back does not help, that is said, with what was out of reach."""
    unexplained = attribution(
        causes=(), inert=(), candidates=(LOST, LATER, LOST), complete=False, remaining=(LATER,)
    )
    text = report.failure(record(attribution=unexplained))
    assert "saved at step 320; not explained: with all 3 differing leaves put back" in text
    assert "  not reached: model.socket: is opaque\n" in text
    assert "next: look first at what is listed as not reached" in text


def test_without_attribution_the_load_names_what_was_lost():
    """The next step names what differed right after the load, not what it spread to."""
    findings = (finding("roundtrip", 320, LOST), *record().findings)
    text = report.failure(record(findings=findings))
    assert text.startswith("checkpoint mismatch: resume on sb3:MyPPO\n")
    assert "  also: roundtrip at step 320: 1 leaf differs\n" in text
    assert text.endswith("next: save and restore vgs.step_count")


def test_long_lists_are_cut_and_say_so():
    """Eight differences are shown; the flag shows all."""
    many = [mismatch("net", str(i)) for i in range(11)]
    long = record(findings=(finding("resume", 9, *many),))
    assert "(3 more, see --verbose)" in report.failure(long, flag="--verbose")
    assert "net.10" in report.failure(long, verbose=True)
    assert "save and restore net.0, net.1, net.2, net.3 and 7 more" in report.failure(long)


ODD_KEYS = ["hit  rate", "  ", "a\nb", "it's", "x]  int  expected 1", " does not apply: ", "", "é"]


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("explained", [True, False], ids=["explained", "unexplained"])
def test_key_of_any_spelling_is_named_whole(key, explained):
    """The next step names the KeyPath itself, whatever its text looks like."""
    lost = mismatch("run", "table", (key,))
    found = attribution(causes=(lost,), inert=()) if explained else None
    text = report.failure(record(findings=(finding("roundtrip", 320, lost),), attribution=found))
    assert text.endswith(f"next: save and restore run.table[{key!r}]")


@pytest.mark.parametrize(
    ("changes", "first", "last"),
    [
        (
            {
                "verdict": Verdict.ERROR,
                "findings": (),
                "raised": Raised(check="resume", type="OSError", text="full"),
            },
            "checkpoint error: sb3:MyPPO\n  resume: OSError: full",
            "next: mend the code that raised; resumeproof only called it",
        ),
        ({"verdict": Verdict.FLAKY}, "not repeatable: resume on sb3:MyPPO", "is not to blame"),
        (
            {"verdict": Verdict.LOST_WORK},
            "lost work: resume on sb3:MyPPO",
            "and load the newest one",
        ),
        (
            {
                "verdict": Verdict.UNSUPPORTED,
                "findings": (),
                "skipped": (Skipped(check="order", reason="no optimizer"),),
            },
            "not supported: sb3:MyPPO\n  order does not apply: no optimizer",
            "or leave the check out",
        ),
        (
            {"findings": (finding("purity", 1, LOST),)},
            "checkpoint mismatch: purity on sb3:MyPPO",
            "it must not change the run, nor draw a random number",
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
    skipped = (
        Skipped(check="order", reason="no optimizer"),
        Skipped(check="component", reason="-"),
    )
    told = record(notes=("train() is not re-entrant",), skipped=skipped)
    short = report.failure(told)
    assert "  train() is not re-entrant\n  not applicable: order, component\n  next: " in short
    assert "order does not apply: no optimizer" in report.failure(told, verbose=True)


def test_note_is_no_reason_whatever_it_says():
    """What a note says is told as it is."""
    text = report.failure(record(notes=("the weather does not apply: it rains",)))
    assert "  the weather does not apply: it rains\n" in text
    assert "not applicable" not in text


def test_run_that_does_not_repeat_shows_where_nothing_was_loaded():
    """Of a FLAKY record the difference from its repeat comes first; of others that of `resume`."""
    findings = (finding("repeat", 330, LATER), *record().findings)
    text = report.failure(record(verdict=Verdict.FLAKY, findings=findings))
    assert text.startswith(
        "not repeatable: repeat on sb3:MyPPO\n  seen at step 330, saved at step 320"
    )


EXACT = record(verdict=Verdict.EXACT, findings=())


def test_matrix_has_a_word_in_each_cell_and_totals():
    """Subjects by save points, counted where there are several, and nothing where none ran."""
    start = Scenario(length=512, save_at=0, save_point="start")
    records = [
        EXACT,
        EXACT,
        dataclasses.replace(EXACT, moved=0, moved_later=3, scenario=start),
        record(subject="loop:Trainer"),
    ]
    assert summary.matrix(records) == [
        "subject       past half  start",
        "loop:Trainer  DIFFERS    -",
        "sb3:MyPPO     EXACT 2    EXACT",
        "2 of 3 scenarios EXACT; 1 more vacuous (nothing had moved that could be lost); 1.0 s",
    ]


def test_totals_count_what_could_be_checked():
    """A check that does not apply is no scenario that failed, and none that passed."""
    unsupported = record(verdict=Verdict.UNSUPPORTED, findings=())
    expected = "1 of 2 scenarios EXACT; 1 where the check does not apply; 0.8 s"
    assert summary.totals([EXACT, record(), unsupported]) == expected


def test_difference_that_a_test_expects_is_told_apart():
    """In the matrix and in the totals; the same record is judged where a test has failed."""
    assert summary.matrix([record()], [record(), EXACT]) == [
        "subject    past half",
        "sb3:MyPPO  DIFFERS, DIFFERS (expected), EXACT",
        "1 of 2 scenarios EXACT; 1 that their tests expect to differ; 0.8 s",
    ]


def test_what_a_library_does_by_itself_is_one_line():
    """The checks that saw it, in one line; every reason if asked for."""
    reasons = [
        Spared(check=check, reason=f"{check}: torch does so") for check in ("order", "order")
    ]
    spared = record(findings=(), verdict=Verdict.EXACT, spared=(*reasons, SPARED))
    assert report.notes(spared, verbose=False) == [
        "seen, and held only against what is strict: order, isolation"
    ]
    assert report.notes(spared, verbose=True) == [*map(str, reasons), "isolation: so does SB3"]


SPARED = Spared(check="isolation", reason="isolation: so does SB3")
