"""Records as text: the exact words of every kind of failure, and the matrix."""

import dataclasses

import pytest
from resumeproof.causes.attribution import Operation
from resumeproof.core.expected import PutBack
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
    assert "  also: roundtrip at step 320: 1 leaf differs, counted above\n" in text
    assert text.endswith("next: save and restore vgs.step_count")


def test_long_lists_are_cut_and_say_so():
    """Eight differences are shown where that saves more than four lines; the flag shows all."""
    for count, said in ((12, ""), (13, "(5 more, see --verbose)")):
        many = [mismatch("net", str(i)) for i in range(count)]
        long = record(findings=(finding("resume", 9, *many),))
        assert report.failure(long, flag="--verbose").count(" more, see") == bool(said)
        assert said in report.failure(long, flag="--verbose")
        assert "net.11" in report.failure(long, verbose=True)


def test_next_step_names_a_dozen_and_cuts_only_long_lists():
    """Sixteen are named; of seventeen twelve, and how many others there are."""
    for count, tail in ((16, "net.14.x, net.15.x"), (17, "net.11.x and 5 more")):
        many = [mismatch(f"net.{i}", "x") for i in range(count)]
        text = report.failure(record(findings=(finding("resume", 9, *many),)))
        assert text.endswith(tail)


STORED = mismatch("model", "obs")
RELINKED = mismatch("run", "table", kind="ALIASING")
REACHES_NOTHING = mismatch("run", "count")
MIXED = attribution(
    causes=(STORED, LOST, RELINKED),
    contained=(REACHES_NOTHING,),
    healed=(mismatch("run", "grad"),),
    stored=((str(STORED.keypath), "['data']['obs']"),),
)


def test_findings_are_ranked_by_what_they_say():
    """Spreading, in the file, contained; other checks; not tested, noise, expected; then notes."""
    findings = (*record().findings, finding("purity", 320, mismatch("model", "saves")))
    expected = (PutBack(pattern="model.env", reason="SB3 resets", leaves=2),)
    text = report.failure(
        record(
            attribution=MIXED,
            findings=findings,
            state_moved=9,
            untested=("run.patience",),
            noise=("run.clock",),
            expected=expected,
            notes=("a note",),
        )
    )
    places = [
        "explained by 3 of 7 differing leaves",
        "VALUE      vgs.step_count",
        "ALIASING   run.table",
        "in the file, and not applied, or overwritten later:",
        "VALUE      model.obs  int  expected 1, got 0; in the file at ['data']['obs']",
        "contained (",
        "VALUE      run.count",
        "(healed: 1, inert: 2, see",
        "also: purity at step 320: 1 leaf differs\n    VALUE      model.saves",
        "state coverage 8 of 9: moved, but at the fresh value at every save: run.patience",
        "1 leaf differs between two identical runs and was not judged: run.clock",
        "1 expected loss put back (SB3 resets): model.env",
        "a note",
        "next: save and restore vgs.step_count, run.count",
        "next: relink run.table after the load: to the object that the run holds, not to a copy",
        "next: apply model.obs from the file last in the load",
        "next: purity: let save() only read",
    ]
    assert [place for place in places if place not in text] == []
    assert [text.index(place) for place in places] == sorted(text.index(p) for p in places)


def test_other_checks_list_what_was_not_named_before():
    """What lies within something that was named is counted with it; the rest is listed, cut."""
    within = mismatch("vgs", "step_count", "low")
    others = [mismatch("net", str(i)) for i in range(14)]
    findings = (*record().findings, finding("roundtrip", 320, LOST, within, *others))
    text = report.failure(record(findings=findings, attribution=attribution()))
    assert "  also: roundtrip at step 320: 16 leaves differ, 2 of them counted above\n" in text
    assert (
        "    VALUE      net.7  int  expected 1, got 0\n    (6 more, see --ckpt-verbose)\n" in text
    )


def test_verbose_shows_everything_that_the_record_holds():
    """Every name, reason and number in it, whatever the verdict."""
    whole = record(
        attribution=dataclasses.replace(MIXED, evaluations=31, seconds=7.25),
        findings=(finding("resume", 384, LATER), finding("settled", 321, mismatch("io", "end"))),
        skipped=(Skipped(check="order", reason="no optimizer"),),
        spared=(Spared(check="isolation", reason="isolation: SB3 does so"),),
        notes=("a note",),
        noise=tuple(f"noise.{i}" for i in range(40)),
        state_moved=90,
        untested=tuple(f"untested.{i}" for i in range(40)),
        better_save_at=(17, 19),
        operation=Operation(name="aten.add", call=52),
        compared=4711,
        moved=61,
        moved_later=62,
        used=frozenset({"run.clock_pattern"}),
        expected=(PutBack(pattern="model.env", reason="SB3 resets", leaves=2, why_not="a lock"),),
        not_run=("strictness",),
    )
    text = report.failure(whole, verbose=True)
    words = "model.obs ['data']['obs'] run.table run.count run.grad model.start model.log noise.39 "
    words += (
        "policy.weight io.end untested.39 17 19 aten.add 52 4711 61 62 31 7.25 run.clock_pattern"
    )
    sentences = ["no optimizer", "SB3 does so", "a note", "SB3 resets", "a lock", "strictness"]
    assert [word for word in (*words.split(), *sentences) if word not in text] == []
    exact = "\n".join(report.exact(dataclasses.replace(whole, findings=()), verbose=True))
    assert [
        word for word in ("run.grad", "model.start", "4711", "noise.39") if word not in exact
    ] == []


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
