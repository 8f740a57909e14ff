"""Records made by hand, for tests of what is told of them and of how they travel."""

import dataclasses

from resumeproof.causes.attribution import Attribution
from resumeproof.core.keypath import KeyPath
from resumeproof.core.scenario import Scenario
from resumeproof.state.mismatch import Diff, Mismatch, MismatchKind
from resumeproof.trial.finding import Finding
from resumeproof.verdicts.verdict import Record, Verdict

SCENARIO = Scenario(length=512, save_at=320, save_point="past half")


def mismatch(*segments, kind="VALUE", type_name="int", expected="1", got="0", stats=""):
    """A difference at a place."""
    return Mismatch(
        keypath=KeyPath(*segments),
        kind=MismatchKind(kind),
        type_name=type_name,
        expected=expected,
        got=got,
        stats=stats,
    )


LOST = mismatch("vgs", "step_count", expected="320")
LATER = mismatch(
    "policy",
    "weight",
    type_name="Parameter",
    expected="0.5",
    got="0.25",
    stats="1 of 9 elements",
)


def finding(check, step, *mismatches):
    """What a check saw."""
    return Finding(check=check, step=step, diff=Diff(mismatches=mismatches))


def record(**changes):
    """A record that DIFFERS at resume unless changed."""
    made = Record(
        subject="sb3:MyPPO",
        scenario=SCENARIO,
        verdict=Verdict.DIFFERS,
        findings=(finding("resume", 384, LATER, LOST),),
        seconds=0.25,
    )
    return dataclasses.replace(made, **changes)


def attribution(**changes):
    """An attribution with one cause and two inert leaves, unless changed."""
    made = Attribution(
        causes=(LOST,),
        inert=(mismatch("model", "start"), mismatch("model", "log")),
        unreachable=(("model.socket", "is opaque"),),
    )
    return dataclasses.replace(made, **changes)
