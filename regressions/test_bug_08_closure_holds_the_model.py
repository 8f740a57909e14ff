"""Bug 8: `save()` could not pickle a log file, and hid a second model in the archive.

A schedule was a closure over the model: model -> logger -> open file. Where no file was open it
was saved, model and all: 1.1 of 1.2 MB.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, final

import cloudpickle
import pytest

from algo import DistributionalPPO
from harness.scenario import Scenario
from regressions.laws import Case, look
from regressions.planted import AT_START, EVERYTHING, ours


class _Closure(DistributionalPPO):
    """Saves its schedule as code, as Stable-Baselines3 saves what is no plain data."""

    def save(self, path: Any, *args: Any, **kwargs: Any) -> None:
        """The checkpoint and the pickled schedule, in one archive."""
        pickled, inner = cloudpickle.dumps(self._closure()), io.BytesIO()
        super().save(inner, *args, **kwargs)
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("checkpoint.zip", inner.getvalue())
            file.writestr("lr_schedule.pkl", pickled)

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
    """The closure over the model, logger and all."""


@final
class HoldsTheModel(_Closure):
    """As it was fixed first: without the logger, and still with a second model."""

    def _closure(self) -> Any:
        policy = self.policy
        return lambda progress: policy.optimizer.param_groups[0]["lr"] * progress


PLANTED = {
    "#8 the schedule holds an open log file": HoldsTheLogFile,
    "#8 the schedule holds a second model": HoldsTheModel,
}
CASE = Case(law="archive", scenario=AT_START)
WIDE = {"policy_kwargs": {"net_arch": [64, 64]}}


def archived(algorithm: type[DistributionalPPO], folder: Path) -> int:
    """Bytes of the checkpoint of a fresh model of ordinary width."""
    life = Scenario(options=EVERYTHING | WIDE, length=16, save_at=0)
    path = folder / "archive.zip"
    ours(algorithm).build(life).save(path)
    return path.stat().st_size


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bug_is_found(name: str) -> None:
    """At the start, with a log file attached: no training."""
    assert look(ours(PLANTED[name]), CASE)


def test_report_names_what_cannot_be_saved_and_what_is_twice() -> None:
    """The open file by its type, the hidden copies by the parameter they are of."""
    (found,) = look(ours(HoldsTheLogFile), CASE)
    assert found.place == "raises PicklingError"
    assert "Cannot pickle files" in found.text
    places = [found.place for found in look(ours(HoldsTheModel), CASE)]
    assert "model.policy.mlp_extractor.policy_net.0.weight" in places


def test_shipped_code_saves_one_model_with_a_log_file_open(tmp_path: Path) -> None:
    """At the start and after training; the planted archive is larger by most of a model."""
    trained = Case(law="life", scenario=Scenario(options=EVERYTHING, length=64, save_at=40))
    assert not look(ours(DistributionalPPO), CASE)
    assert not look(ours(DistributionalPPO), trained)
    model = ours(DistributionalPPO).build(Scenario(options=EVERYTHING | WIDE, length=16, save_at=0))
    parameters = sum(p.numel() * p.element_size() for p in model.policy.parameters())
    shipped = archived(DistributionalPPO, tmp_path)
    # stored tensors hardly compress: a second model is most of its parameters' bytes
    assert archived(HoldsTheModel, tmp_path) - shipped > parameters // 2
