"""Plain parts of torch as anybody's first component: no check fails them for what torch does.

The table is 38 rows: all 15 optimizers of `torch.optim`, 17 schedulers, 6 modules and the scaler;
each is asked every check but `fresh_process`, whose child cannot import a factory made here. False
alarms: 0 of 38 rows; the twins below have one fault of their own each, and each is found.
"""

import inspect

import pytest
import torch
from resumeproof import Scenario, Verdict, component
from resumeproof.checks import CHECKS
from resumeproof.verdicts.runner import run
from torch.optim import lr_scheduler as schedulers

LIFE = Scenario(length=9, save_at=5)
ASKED = tuple(name for name in CHECKS if name != "fresh_process")
OPTIMIZERS = {
    name: kind
    for name, kind in vars(torch.optim).items()
    if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer)
    if kind is not torch.optim.Optimizer
}


def descend(optimizer, index):
    """One step on gradients that change, sparse ones where it takes no others."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            gradient = torch.full_like(parameter, 0.1 * (1 + index % 3))
            sparse = isinstance(optimizer, torch.optim.SparseAdam)
            parameter.grad = gradient.to_sparse() if sparse else gradient
    if isinstance(optimizer, torch.optim.LBFGS):
        optimizer.step(lambda: float(index))
    else:
        optimizer.step()


def optimizer_of(kind):
    """An optimizer of a layer; of its matrix alone where it takes nothing else."""
    layer = torch.nn.Linear(3, 2)
    return kind([layer.weight] if kind.__name__ == "Muon" else layer.parameters())


def sgd():
    """What the schedulers schedule."""
    return torch.optim.SGD(torch.nn.Linear(2, 2).parameters(), lr=0.1, momentum=0.9)


def decay(scheduler, index):
    """A step of the optimizer, and one of the scheduler."""
    held = vars(scheduler)
    descend(held.get("optimizer") or held["_schedulers"][0].optimizer, index)
    if isinstance(scheduler, schedulers.ReduceLROnPlateau):
        scheduler.step(1.0)
    else:
        scheduler.step()


SCHEDULERS = {
    "ChainedScheduler": lambda o: schedulers.ChainedScheduler(
        [schedulers.ConstantLR(o), schedulers.ExponentialLR(o, 0.9)]
    ),
    "ConstantLR": lambda o: schedulers.ConstantLR(o, total_iters=7),
    "CosineAnnealingLR": lambda o: schedulers.CosineAnnealingLR(o, 9),
    "CosineAnnealingWarmRestarts": lambda o: schedulers.CosineAnnealingWarmRestarts(o, 3),
    "CyclicLR": lambda o: schedulers.CyclicLR(o, 0.01, 0.1, step_size_up=3),
    "ExponentialLR": lambda o: schedulers.ExponentialLR(o, 0.9),
    "LambdaLR": lambda o: schedulers.LambdaLR(o, lambda epoch: 0.9**epoch),
    "LinearLR": lambda o: schedulers.LinearLR(o),
    "MultiStepLR": lambda o: schedulers.MultiStepLR(o, [2, 7]),
    "MultiplicativeLR": lambda o: schedulers.MultiplicativeLR(o, lambda epoch: 0.9),
    "OneCycleLR": lambda o: schedulers.OneCycleLR(o, 0.5, total_steps=50),
    "PolynomialLR": lambda o: schedulers.PolynomialLR(o, total_iters=20),
    "ReduceLROnPlateau": lambda o: schedulers.ReduceLROnPlateau(o, patience=2),
    "SWALR": lambda o: torch.optim.swa_utils.SWALR(o, swa_lr=0.01),
    "SequentialLR": lambda o: schedulers.SequentialLR(
        o, [schedulers.ConstantLR(o), schedulers.ExponentialLR(o, 0.9)], [4]
    ),
    "StepLR": lambda o: schedulers.StepLR(o, 3),
}


def drive(module, index):
    """Moves the parameters by what it draws."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))


def forward(module, index):
    """Moves the statistics."""
    module(torch.randn(4, 3))


MODULES = {
    "BatchNorm1d": (lambda: torch.nn.BatchNorm1d(3), drive),
    "BatchNorm1d called": (lambda: torch.nn.BatchNorm1d(3), forward),
    "LSTM": (lambda: torch.nn.LSTM(2, 2), drive),
    "Linear": (lambda: torch.nn.Linear(2, 2), drive),
    "Sequential": (
        lambda: torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)),
        drive,
    ),
    "Sequential called": (
        lambda: torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2)),
        forward,
    ),
}


def scale(scaler, index):
    """Sets another scale, as a program does that has found one."""
    scaler.scale(torch.ones(1))
    scaler.update(new_scale=float(2 ** (3 + index)))


ROWS = {
    **{name: (lambda kind=kind: optimizer_of(kind), descend) for name, kind in OPTIMIZERS.items()},
    **{name: (lambda make=make: make(sgd()), decay) for name, make in SCHEDULERS.items()},
    **MODULES,
    "GradScaler": (lambda: torch.amp.GradScaler("cpu", growth_interval=3), scale),
}


def test_the_table_has_every_optimizer():
    """One that a later torch adds is a row by itself, and the denominator above is then wrong."""
    assert len(ROWS) == 38


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ROWS)
def test_plain_part_of_torch_fails_no_check(name):
    """What torch does by itself is said, and not held against its user."""
    factory, step = ROWS[name]
    record = run(component(factory, step=step), LIFE, ASKED)
    found = [(f.check, str(m)) for f in record.findings for m in f.diff.mismatches]
    assert (found, record.raised, record.verdict) == ([], None, Verdict.EXACT)
    assert not record.vacuous
    assert len([spared for spared in record.spared if spared.check == "strictness"]) == 1


@pytest.mark.parametrize("name", ["Linear", "SGD"])
def test_strict_part_is_held_to_what_torch_does(name):
    """Who declares to be strict is told of every damaged entry that torch takes."""
    factory, step = ROWS[name]
    record = run(component(factory, step=step, strict=True), LIFE, ["strictness"])
    assert record.failed_check == "strictness"
    assert record.spared == ()


class Widens(torch.optim.SGD):
    """Has torch load, and then sees to the types, as libraries of optimizers do."""

    def load_state_dict(self, state_dict):
        """By reference where nothing is to be done."""
        super().load_state_dict(state_dict)
        parameters = self.param_groups[0]["params"]
        for parameter, held in zip(parameters, state_dict["state"].values(), strict=False):
            own = self.state[parameter]
            own.update({k: v.to(v.dtype) for k, v in held.items() if torch.is_tensor(v)})


class SharesNorm(torch.optim.SGD):
    """Keeps one tensor for all its parameters, which a load makes one for each."""

    def step(self, closure=None):
        """As ever, and puts the norm of all gradients beside each momentum."""
        super().step(closure)
        parameters = self.param_groups[0]["params"]
        norm = torch.stack([parameter.grad.norm() for parameter in parameters]).norm()
        for parameter in parameters:
            self.state[parameter]["norm"] = norm

    def load_state_dict(self, state_dict):
        """A copy for each."""
        super().load_state_dict(state_dict)
        for parameter in self.param_groups[0]["params"]:
            held = self.state[parameter]
            held.update({k: v.clone() for k, v in held.items() if torch.is_tensor(v)})


class Averages(torch.nn.Linear):
    """Says what it loads."""

    def load_state_dict(self, state_dict, **options):
        """As torch does."""
        return super().load_state_dict(dict(state_dict), **options)


ON_TOP = {
    "optimizer": (lambda: Widens(torch.nn.Linear(2, 2).parameters(), 0.1, momentum=0.9), descend),
    "optimizer that shares": (
        lambda: SharesNorm(torch.nn.Linear(2, 2).parameters(), lr=0.1, momentum=0.9),
        descend,
    ),
    "module": (lambda: Averages(2, 2), drive),
}


@pytest.mark.parametrize("name", ON_TOP)
def test_who_loads_on_top_of_torch_is_not_blamed_for_what_torch_does(name):
    """It takes in silence what torch takes, and shares what torch shares."""
    factory, step = ON_TOP[name]
    record = run(component(factory, step=step), LIFE, ASKED)
    assert (record.findings, record.verdict) == ((), Verdict.EXACT)
    assert any(spared.check == "strictness" for spared in record.spared)


class ForgetsMomentum(torch.optim.SGD):
    """Takes the settings alone."""

    def load_state_dict(self, state_dict):
        """As if it had never stepped."""
        super().load_state_dict({**state_dict, "state": {}})


class Swallows(torch.nn.Linear):
    """Loads what it finds."""

    def load_state_dict(self, state_dict, **options):
        """Leaves what is not there as it was."""
        return super().load_state_dict(state_dict, strict=False)


class Hooked(torch.nn.Linear):
    """Fills in what is missing before torch looks."""

    def __init__(self):
        super().__init__(2, 2)
        self.register_load_state_dict_pre_hook(self.fill_in)

    @staticmethod
    def fill_in(module, state_dict, prefix, *_):
        """With zeros."""
        for name, own in module.named_parameters():
            state_dict.setdefault(prefix + name, torch.zeros_like(own))


class SharesBuffer(torch.nn.BatchNorm1d):
    """Puts the tensors of the state in the place of its own."""

    def load_state_dict(self, state_dict, **options):
        """By reference."""
        return super().load_state_dict(state_dict, assign=True)


TWINS = {
    "momentum forgotten": (
        lambda: ForgetsMomentum(torch.nn.Linear(2, 2).parameters(), lr=0.1, momentum=0.9),
        descend,
        "resume",
        "momentum_buffer",
    ),
    "missing keys swallowed": (lambda: Swallows(2, 2), drive, "strictness", "missing entry"),
    "missing keys filled in": (Hooked, drive, "strictness", "missing entry"),
    "state taken by reference": (lambda: SharesBuffer(3), forward, "isolation", "running_mean"),
}


@pytest.mark.parametrize("name", TWINS)
def test_fault_of_a_users_own_is_found_in_a_part_of_torch(name):
    """The very next class, with one fault in code that is not torch's."""
    factory, step, check, said = TWINS[name]
    record = run(component(factory, step=step), LIFE, [check])
    assert record.verdict is Verdict.DIFFERS
    assert any(said in str(m) for f in record.findings for m in f.diff.mismatches)


class Trainer:
    """A module and its optimizer in one state of two entries; `strict` as of torch's load."""

    def __init__(self, strict=True):
        self.module, self.strict = torch.nn.Linear(2, 2), strict
        self.optimizer = torch.optim.SGD(self.module.parameters(), lr=0.1, momentum=0.9)

    def state_dict(self):
        """Each as torch gives it."""
        return {"module": self.module.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state):
        """Refuses what it cannot use before torch sees it."""
        if set(state) != {"module", "optimizer"}:
            raise ValueError(f"expected module and optimizer, got {sorted(state)}")
        self.module.load_state_dict(state["module"], strict=self.strict)
        self.optimizer.load_state_dict(state["optimizer"])


@pytest.mark.parametrize(("strict", "found"), [(True, False), (False, True)])
def test_states_of_torch_within_a_users_own_are_known(strict, found):
    """What torch does in a trainer fails nobody; to ask it to look away is the trainer's doing."""
    subject = component(lambda: Trainer(strict), step=lambda t, i: descend(t.optimizer, i))
    record = run(subject, LIFE, ["strictness"])
    assert bool(record.findings) is found
    paths = [str(m.keypath) for f in record.findings for m in f.diff.mismatches]
    assert all(path.startswith("state['module']") for path in paths)
    assert any("load_state_dict of SGD" in spared.reason for spared in record.spared)
