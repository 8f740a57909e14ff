"""The first operation of torch in which two identical runs differ, under FLAKY."""

import itertools

import numpy as np
import pytest
import torch
from resumeproof import loop
from resumeproof.causes.operation import first_operation
from resumeproof.core.scenario import Scenario
from resumeproof.trial.trial import Trial
from resumeproof.verdicts import report
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Record, Verdict

SCENARIO = Scenario(length=6, save_at=4)
# what no seed resets: of any two runs in this process the second gets another number
TICKS = itertools.count(1)


class Quiet:
    """A network that learns from numbers of torch's stream."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.net = torch.nn.Linear(4, 1)

    def drawn(self):
        """Numbers of the global stream."""
        return torch.randn(8, 4)

    def step(self):
        """One step of gradient descent."""
        self.net.zero_grad()
        self.net(self.drawn()).square().mean().backward()
        with torch.no_grad():
            for parameter in self.net.parameters():
                parameter -= 0.1 * parameter.grad

    def save(self):
        """All of it."""
        return [self.net.state_dict(), torch.get_rng_state()]

    def load(self, state):
        """All of it."""
        self.net.load_state_dict(state[0])
        torch.set_rng_state(state[1])


class Scaled(Quiet):
    """Scales them by what it was not given."""

    def drawn(self):
        """Scaled by a number that is another one in every run."""
        return super().drawn() * (1 + 1e-3 * next(TICKS))


class Unseeded(Quiet):
    """Draws from a stream of its own, which has another seed in every run."""

    def drawn(self):
        """Of another seed every time."""
        return torch.randn(8, 4, generator=torch.Generator().manual_seed(next(TICKS)))


class OfNumpy(Quiet):
    """Draws from a stream of numpy that nobody seeds."""

    def drawn(self):
        """Of another seed every time."""
        stream = np.random.default_rng(next(TICKS))
        return torch.from_numpy(stream.standard_normal((8, 4)).astype("f4")) + 0


def subject_of(trainer):
    """The loop as a subject."""
    return loop(make=trainer, step=trainer.step, save=trainer.save, load=trainer.load)


@pytest.mark.parametrize(
    ("trainer", "name", "given"),
    [
        (Scaled, "aten.mul.Tensor", True),
        (Unseeded, "aten.randn.generator", False),
        (OfNumpy, "aten.lift_fresh.default", True),
    ],
)
def test_flaky_names_the_operation_and_the_line_that_called_it(trainer, name, given):
    """An operation that gives another result, or that is given something else to begin with."""
    record = run(subject_of(trainer), SCENARIO)
    assert record.verdict is Verdict.FLAKY
    found = record.operation
    assert (found.name, found.given) == (name, given)
    line = trainer.drawn.__code__.co_firstlineno
    assert found.where.startswith(f"drawn, {__file__}:")
    assert line < int(found.where.rpartition(":")[2]) < line + 4
    assert f"first operation that differs: {found}" in report.failure(record)
    assert Record.from_plain(record.to_plain()) == record


def test_no_operation_differs_where_a_run_repeats_itself():
    """Also where its gradients and its updates are operations by the hundred."""
    assert first_operation(Trial(subject_of(Quiet), SCENARIO)) is None
    assert run(subject_of(Quiet), SCENARIO).operation is None


def test_a_run_that_cannot_be_watched_says_nothing():
    """It raises under the dispatcher's mode, as kernels of one's own may."""

    class Refuses(Scaled):
        def step(self):
            if torch._C._len_torch_dispatch_stack():
                raise RuntimeError("not under a mode")
            super().step()

    record = run(subject_of(Refuses), SCENARIO)
    assert record.verdict is Verdict.FLAKY
    assert record.operation is None
