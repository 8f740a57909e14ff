"""Modules as people write them, with tied weights, views, averages and hooks, fail no check."""

import pytest
import torch
from resumeproof import component
from resumeproof.checks import CHECKS
from resumeproof.core.scenario import Scenario
from resumeproof.verdicts.runner import run
from resumeproof.verdicts.verdict import Verdict
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

LIFE = Scenario(length=8, save_at=4)
ASKED = [name for name in CHECKS if name != "fresh_process"]


class TiedWeights(nn.Module):
    """One matrix under two names."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embedding.weight


class SharedModule(nn.Module):
    """One module under two names."""

    def __init__(self):
        super().__init__()
        self.actor = nn.Linear(2, 2)
        self.critic = self.actor


class Views(nn.Module):
    """A buffer, and a view of its head as another buffer."""

    def __init__(self):
        super().__init__()
        flat = torch.zeros(6)
        self.register_buffer("flat", flat)
        self.register_buffer("head", flat[:3])


class Averaged(nn.Module):
    """A network, and its exponential moving average."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 2)
        self.average = AveragedModel(self.net, multi_avg_fn=get_ema_multi_avg_fn(0.9))


class Counting(nn.Module):
    """A counter that is no tensor, in the extra state that torch offers for it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.calls = 0

    def get_extra_state(self):
        """The counter."""
        return {"calls": self.calls}

    def set_extra_state(self, state):
        """Puts it back."""
        self.calls = state["calls"]


def grow(module, index):
    """Moves every parameter."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1.01 + 0.01 * index)


def count(module, index):
    """Moves every parameter, and the counter."""
    module.calls += 1
    grow(module, index)


def average(module, index):
    """Moves the network, and the average after it."""
    grow(module.net, index)
    module.average.update_parameters(module.net)


def fill(module, index):
    """Moves the memory that two buffers share."""
    module.flat.add_(index + 1.0)


def descend(module, index):
    """A step down a loss of the module's own output."""
    torch.manual_seed(index)
    module(torch.randn(3, 2)).square().mean().backward()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.sub_(0.1 * parameter.grad)
            parameter.grad = None


ROWS = {
    "averaged": (Averaged, average),
    "extra state": (Counting, count),
    "orthogonal": (lambda: nn.utils.parametrizations.orthogonal(nn.Linear(2, 2)), descend),
    "shared module": (SharedModule, grow),
    "spectral norm": (lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2)), descend),
    "tied weights": (TiedWeights, grow),
    "views": (Views, fill),
    "weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), grow),
}


@pytest.mark.parametrize("name", ROWS)
def test_module_fails_no_check(name):
    """What two of its tensors share, pickle cuts for anybody; what it tracks comes back."""
    factory, step = ROWS[name]
    record = run(component(factory, step=step), LIFE, ASKED)
    found = [(f.check, str(m)) for f in record.findings for m in f.diff.mismatches]
    assert (found, record.raised, record.verdict) == ([], None, Verdict.EXACT)
    assert not record.vacuous


class CutsTheTie(TiedWeights):
    """Comes back with two matrices where there was one."""

    def load_state_dict(self, state, *args, **kwargs):
        """Loads, and copies."""
        loaded = super().load_state_dict(state, *args, **kwargs)
        self.head.weight = nn.Parameter(self.embedding.weight.detach().clone())
        return loaded


def embed(module, index):
    """Moves the embedding, and with it the head as long as they are one."""
    with torch.no_grad():
        module.embedding.weight.mul_(1.01 + 0.01 * index)


def test_tie_that_a_load_cuts_is_found():
    """An alias that is lost by the load itself is a loss, named as one."""
    record = run(component(CutsTheTie, step=embed), LIFE, ["roundtrip", "resume"])
    assert record.verdict is Verdict.DIFFERS
    assert {m.kind.value for m in record.attribution.lost} == {"ALIASING"}


class Evaluates:
    """Reading its state sets a flag that the next step takes back, as some optimizers do."""

    def __init__(self):
        self.weight, self.training = torch.ones(2), True

    def step(self):
        """Trains, in training mode."""
        self.training = True
        self.weight = self.weight * 1.1 + 0.01

    def state_dict(self):
        """Evaluates first."""
        self.training = False
        return {"weight": self.weight.clone()}

    def load_state_dict(self, state):
        """Puts the weight back."""
        self.weight = state["weight"].clone()


class Disturbs(Evaluates):
    """Reading its state moves what is read."""

    def state_dict(self):
        """Moves, then reads."""
        self.weight = self.weight + 0.5
        return super().state_dict()


@pytest.mark.parametrize(("kind", "found"), [(Evaluates, []), (Disturbs, ["purity", "component"])])
def test_trace_of_reading_counts_where_it_reaches_something(kind, found):
    """What a read leaves behind and the next step takes back is nobody's loss."""
    record = run(component(kind, step=kind.step), LIFE, ["purity", "component"])
    assert [finding.check for finding in record.findings] == found
    noted = [spared.check for spared in record.spared]
    assert noted == ([] if found else ["purity", "component"])
