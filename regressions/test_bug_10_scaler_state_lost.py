"""Bug 10: after a load the scaler's averages were gone. The fix of bug 9 always built a new one.

The day after it came back while its own test still passed: the averages, by then one for each
parameter, were wiped when the parameters were linked, and the count of steps was kept. The test
read four numbers that were not among them.
"""

from __future__ import annotations

from typing import Any, final

import pytest
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.optim.vgs import VarianceGradientScaler
from resumeproof.verdicts.verdict import Verdict

from regressions.planted import AT_START, checked, described, places


def wipe_averages(scaler: VarianceGradientScaler | None) -> None:
    """Forgets what was learned, and keeps the counts."""
    if scaler is not None:
        for average in scaler._exp_avgs:
            average.zero_()
        scaler._sq_norms = [0.0] * len(scaler._sq_norms)


@final
class BuiltAnew(DistributionalPPO):
    """As the fix of bug 9 was: correct links, no memory."""

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> Any:
        """The model, with a new scaler over its own parameters."""
        model = super().load(*args, **kwargs)
        if model.vgs is not None:
            named, optimizer = model.policy.named_parameters(), model.policy.optimizer
            model.vgs = VarianceGradientScaler(named, optimizer, **(model.vgs_kwargs or {}))
        return model


@final
class CountKept(DistributionalPPO):
    """As it came back: the averages wiped, the counts kept, so that nothing corrects the bias."""

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> Any:
        """The model, with a scaler that believes in averages it no longer has."""
        model = super().load(*args, **kwargs)
        wipe_averages(model.vgs)
        return model


@final
class SecondLoad(DistributionalPPO):
    """As the day after, but the first load is right: only a run that was loaded loses them."""

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> Any:
        """The model; its averages are wiped where its last `learn()` had begun in the midst."""
        model = super().load(*args, **kwargs)
        if model._num_timesteps_at_start:
            wipe_averages(model.vgs)
        return model


PLANTED = {
    "#10 the scaler is built anew after a load": BuiltAnew,
    "#10 the day after: averages wiped, counts kept": CountKept,
    "#10 averages wiped at the second load": SecondLoad,
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bug_is_found(name: str) -> None:
    """What was learned before the save is not there after it, and the future shows it."""
    record = checked(PLANTED[name])
    assert record.verdict is Verdict.DIFFERS, described(record)
    assert {"roundtrip", "resume"} <= {finding.check for finding in record.findings}


@pytest.mark.parametrize("name", PLANTED)
def test_report_names_the_averages(name: str) -> None:
    """At the load nothing but the scaler differs; its averages do, one by one."""
    found = places(checked(PLANTED[name]), "roundtrip")
    assert all(place.startswith("VALUE model.vgs.") for place in found), found
    assert "VALUE model.vgs._exp_avgs[0]" in found
    counted = any("_counts" in place or "n_updates" in place for place in found)
    assert counted is ("built anew" in name)


def test_save_before_any_training_cannot_show_it() -> None:
    """Every leaf is at its fresh-build value then, and the record says so: vacuous."""
    for algorithm in PLANTED.values():
        record = checked(algorithm, AT_START)
        assert record.verdict is Verdict.EXACT, described(record)
        assert record.vacuous


def test_shipped_code_keeps_all_of_it() -> None:
    """The same checks on the same scenario, over two cycles of saving and loading."""
    record = checked(DistributionalPPO)
    assert record.verdict is Verdict.EXACT, described(record)
    assert not record.vacuous
