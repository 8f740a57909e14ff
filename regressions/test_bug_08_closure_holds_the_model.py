"""Bug 8: `save()` could not pickle a log file, and hid a second model in the archive.

A schedule was a closure over the model: model -> logger -> open file. Where no file was open it
was saved, model and all: 1.1 of 1.2 MB.
"""

from __future__ import annotations

import dataclasses
import io
import re
import zipfile
import zlib
from typing import Any, final

import cloudpickle
import pytest
from resumeproof.algo import DistributionalPPO
from resumeproof.algo.saving.configuration import OPTIMIZERS

from regressions.checks import Case, look
from regressions.checks_of_options import with_options
from regressions.planted import AT_START, TWO_CYCLES, ours


class _Closure(DistributionalPPO):
    """Saves its schedule as code, as Stable-Baselines3 saves what is no plain data."""

    def save(self, path: Any, *args: Any, **kwargs: Any) -> None:
        """The checkpoint and the pickled schedule, in one archive."""
        pickled, inner = self._pickled(), io.BytesIO()
        super().save(inner, *args, **kwargs)
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("checkpoint.zip", inner.getvalue())
            file.writestr("lr_schedule.pkl", pickled)

    def _pickled(self) -> bytes:
        return bytes(cloudpickle.dumps(self._closure()))

    def _closure(self) -> Any:
        return lambda progress: self.lr_schedule(progress)

    @classmethod
    def load(cls, path: Any, *args: Any, **kwargs: Any) -> Any:
        """The model, with the schedule of the class."""
        with zipfile.ZipFile(path) as file:
            inner = io.BytesIO(file.read("checkpoint.zip"))
        return super().load(inner, *args, **kwargs)


@final
class HoldsTheLogFile(_Closure):
    """The closure over the model, logger and all, which a copy of ours would leave behind."""

    def __getstate__(self) -> dict[str, Any]:
        """Every attribute, as Stable-Baselines3's models are pickled."""
        return dict(vars(self))


class HoldsTheModel(_Closure):
    """As it was fixed first: without the logger, and still with a second model."""

    def _closure(self) -> Any:
        policy = self.policy
        return lambda progress: policy.optimizer.param_groups[0]["lr"] * progress


@final
class Packed(HoldsTheModel):
    """The hidden model is compressed, so that no byte of it is found."""

    def _pickled(self) -> bytes:
        return zlib.compress(super()._pickled())


@final
class Spelled(HoldsTheModel):
    """The hidden model is spelled in hexadecimal digits, as bytes are in a text."""

    def _pickled(self) -> bytes:
        return super()._pickled().hex().encode()


PLANTED = {
    "#8 the schedule holds an open log file": HoldsTheLogFile,
    "#8 the schedule holds a second model": HoldsTheModel,
}
CASE = Case(check="archive", scenario=AT_START)
TRAINED = Case(check="archive", scenario=TWO_CYCLES)
# what is met first, the log or what the console of the test holds, decides who refuses it
UNPICKLED = ("raises PicklingError", "raises TypeError")
# no training is needed, and where there was some it is as bad
CASES = pytest.mark.parametrize("case", [CASE, TRAINED], ids=["at the start", "trained"])


def places(fault: type[DistributionalPPO], case: Case) -> list[str]:
    """Where the check of archives does not hold."""
    return [found.place for found in look(ours(fault), case)]


@CASES
def test_planted_bug_is_found(case: Case) -> None:
    """With a log file attached it is not saved; without, it is saved twice."""
    (place,) = places(HoldsTheLogFile, case)
    assert place in UNPICKLED
    assert "the file" in places(HoldsTheModel, case)


@CASES
def test_report_names_what_cannot_be_saved_and_what_is_twice(case: Case) -> None:
    """The open file by its type; the hidden copies by the parameter, and by what holds them."""
    (found,) = look(ours(HoldsTheLogFile), case)
    assert re.search(r"annot pickle (files|')", found.text), found.text
    assert "model.policy.mlp_extractor.policy_net.0.weight" in places(HoldsTheModel, case)
    assert "lr_schedule.pkl" in look(ours(HoldsTheModel), case)[-1].text


@CASES
@pytest.mark.parametrize("fault", [Packed, Spelled])
def test_copy_in_another_form_is_found(fault: type[DistributionalPPO], case: Case) -> None:
    """By its size alone: none of its bytes is in the file as it is in memory."""
    assert places(fault, case) == ["the file"]


@CASES
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_shipped_code_saves_one_model_with_a_log_file_open(optimizer: str, case: Case) -> None:
    """The file is no larger than what is alive, but for half a model; what is too much is named."""
    scenario = with_options(case.scenario, {"optimizer": optimizer})
    assert look(ours(DistributionalPPO), dataclasses.replace(case, scenario=scenario)) == ()


def test_shipped_code_lives_on_after_it() -> None:
    """The same checks as for everything else, without a log file."""
    assert look(ours(DistributionalPPO), Case(check="harness", scenario=TWO_CYCLES)) == ()
