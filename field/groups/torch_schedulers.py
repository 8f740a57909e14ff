"""Every scheduler of `torch.optim.lr_scheduler`: as a component, and saved alone by a trainer."""

from functools import partial
from types import SimpleNamespace

import torch
from torch.optim import lr_scheduler as s

from ..row import Row

METRIC = {s.ReduceLROnPlateau: [1.0]}


def make_run(kind, seed):
    torch.manual_seed(seed)
    net = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    return SimpleNamespace(net=net, optimizer=optimizer, scheduler=kind(optimizer))


def train(run):
    run.optimizer.zero_grad()
    run.net(torch.ones(1, 3)).square().mean().backward()
    run.optimizer.step()
    run.scheduler.step(*METRIC.get(type(run.scheduler), ()))


def save(run):
    return [run.net.state_dict(), run.optimizer.state_dict(), run.scheduler.state_dict()]


def load(run, saved):
    for part, state in zip([run.net, run.optimizer, run.scheduler], saved, strict=True):
        part.load_state_dict(state)


def save_alone(run):
    return [run.net.state_dict(), run.scheduler.state_dict()]


def load_alone(run, saved):
    for part, state in zip([run.net, run.scheduler], saved, strict=True):
        part.load_state_dict(state)


def make(kind, seed):
    torch.manual_seed(seed)
    return kind(torch.optim.SGD(torch.nn.Linear(3, 2).parameters(), lr=0.1, momentum=0.9))


def step(scheduler):
    scheduler.optimizer.step()
    scheduler.step(*METRIC.get(type(scheduler), ()))
    return scheduler.get_last_lr()


def decay(epoch):
    return 0.9**epoch


def chained(o):
    return s.ChainedScheduler([s.ConstantLR(o), s.ExponentialLR(o, 0.9)])


def sequential(o):
    return s.SequentialLR(o, [s.ConstantLR(o), s.ExponentialLR(o, 0.9)], [4])


MAKERS = {
    "ChainedScheduler": chained,
    "ConstantLR": partial(s.ConstantLR, total_iters=7),
    "CosineAnnealingLR": partial(s.CosineAnnealingLR, T_max=9),
    "CosineAnnealingWarmRestarts": partial(s.CosineAnnealingWarmRestarts, T_0=3),
    "CyclicLR": partial(s.CyclicLR, base_lr=0.01, max_lr=0.1, step_size_up=5),
    "ExponentialLR": partial(s.ExponentialLR, gamma=0.9),
    "LambdaLR": partial(s.LambdaLR, lr_lambda=decay),
    "LinearLR": s.LinearLR,
    "MultiStepLR": partial(s.MultiStepLR, milestones=[2, 7]),
    "MultiplicativeLR": partial(s.MultiplicativeLR, lr_lambda=decay),
    "OneCycleLR": partial(s.OneCycleLR, max_lr=0.5, total_steps=90),
    "PolynomialLR": partial(s.PolynomialLR, total_iters=20),
    "ReduceLROnPlateau": partial(s.ReduceLROnPlateau, patience=2),
    "SWALR": partial(torch.optim.swa_utils.SWALR, swa_lr=0.01),
    "SequentialLR": sequential,
    "StepLR": partial(s.StepLR, step_size=3),
}


def loop_row(name, kind):
    return Row(
        name=name,
        package="torch",
        way="loop",
        make=partial(make_run, kind),
        step=train,
        save=save,
        load=load,
    )


def alone_row(name, kind):
    return Row(
        name=f"{name}, its optimizer not saved",
        package="torch",
        way="loop",
        make=partial(make_run, kind),
        step=train,
        save=save_alone,
        load=load_alone,
    )


def part_row(name, kind):
    return Row(
        name=f"{name}, a part", package="torch", make=partial(make, kind), step=step, lent=lent
    )


def rows():
    lost = ("StepLR", "ReduceLROnPlateau", "LambdaLR")
    return [
        *(loop_row(name, kind) for name, kind in MAKERS.items()),
        *(alone_row(name, MAKERS[name]) for name in lost),
        *(part_row(name, kind) for name, kind in MAKERS.items()),
    ]


def lent(scheduler):
    (group,) = scheduler.optimizer.param_groups
    return [scheduler.optimizer, *group["params"]]
