"""`schedulefree`, `prodigyopt` and `ema_pytorch`, alone and in a trainer."""

from functools import partial

import ema_pytorch
import prodigyopt
import schedulefree
import torch

from ..row import Row


def make(kind, seed):
    torch.manual_seed(seed)
    return kind(torch.nn.Linear(3, 2).parameters())


def train(optimizer):
    optimizer.train() if hasattr(optimizer, "train") else None
    optimizer.zero_grad()
    weight, bias = optimizer.param_groups[0]["params"]
    (torch.randn(4, 3) @ weight.T + bias - 1.0).square().mean().backward()
    optimizer.step()


def wrapped(seed):
    torch.manual_seed(seed)
    base = torch.optim.SGD(torch.nn.Linear(3, 2).parameters(), lr=0.1)
    return schedulefree.ScheduleFreeWrapper(base, momentum=0.9)


def train_and_evaluate(optimizer):
    train(optimizer)
    optimizer.eval()


def train_with_closure(optimizer):
    weight, bias = optimizer.param_groups[0]["params"]

    def closure():
        optimizer.zero_grad()
        loss = (torch.ones(4, 3) @ weight.T + bias - 1.0).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)


class ScheduleFree:
    def __init__(self):
        self.net = torch.nn.Linear(3, 2)
        self.optimizer = schedulefree.AdamWScheduleFree(self.net.parameters(), lr=0.1)

    def step(self):
        self.optimizer.train()
        self.optimizer.zero_grad()
        self.net(torch.ones(1, 3)).square().mean().backward()
        self.optimizer.step()


def save(run):
    return [run.net.state_dict(), run.optimizer.state_dict()]


def save_evaluated(run):
    run.optimizer.eval()
    return [run.net.state_dict(), run.optimizer.state_dict()]


def load(run, saved):
    run.net.load_state_dict(saved[0])
    run.optimizer.load_state_dict(saved[1])


class Averaged:
    def __init__(self, kind):
        self.net = torch.nn.Linear(3, 2)
        self.ema = kind(self.net, update_every=2)

    def step(self):
        self.net(torch.ones(1, 3)).square().mean().backward()
        torch.optim.SGD(self.net.parameters(), lr=0.1).step()
        self.net.zero_grad()
        self.ema.update()


def save_averaged(run):
    return [run.net.state_dict(), run.ema.state_dict()]


def load_averaged(run, saved):
    run.net.load_state_dict(saved[0])
    run.ema.load_state_dict(saved[1])


def average(kind, seed):
    torch.manual_seed(seed)
    return kind(torch.nn.Linear(3, 2), beta=0.9, update_every=2, update_after_step=3)


def update(ema):
    with torch.no_grad():
        for parameter in ema.model.parameters():
            parameter.add_(torch.randn_like(parameter))
    ema.update()


def parameters(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def optimizer_row(package, kind, step, also=""):
    return Row(
        name=f"{kind.__name__}{also}",
        package=package,
        make=partial(make, kind),
        step=step,
        lent=parameters,
    )


def averaged_row(name, kind):
    return Row(
        name=f"{name} with its model, in a loop",
        package="ema-pytorch",
        way="loop",
        make=partial(Averaged, kind),
        step=Averaged.step,
        save=save_averaged,
        load=load_averaged,
    )


def rows():
    plain = [
        schedulefree.AdamWScheduleFree,
        schedulefree.RAdamScheduleFree,
        schedulefree.SGDScheduleFree,
        schedulefree.AdamWScheduleFreeReference,
        schedulefree.SGDScheduleFreeReference,
        schedulefree.AdamWScheduleFreePaper,
    ]
    closure = [
        schedulefree.AdamWScheduleFreeClosure,
        schedulefree.RAdamScheduleFreeClosure,
        schedulefree.SGDScheduleFreeClosure,
    ]
    return [
        *(optimizer_row("schedulefree", kind, train) for kind in plain),
        *(optimizer_row("schedulefree", kind, train_with_closure) for kind in closure),
        Row(
            name="ScheduleFreeWrapper",
            package="schedulefree",
            make=wrapped,
            step=train,
            lent=parameters,
        ),
        Row(
            name="AdamWScheduleFree, left in evaluation",
            package="schedulefree",
            make=partial(make, schedulefree.AdamWScheduleFree),
            step=train_and_evaluate,
            lent=parameters,
        ),
        Row(
            name="AdamWScheduleFree, saved in training",
            package="schedulefree",
            way="loop",
            make=ScheduleFree,
            step=ScheduleFree.step,
            save=save,
            load=load,
        ),
        Row(
            name="AdamWScheduleFree, switched to evaluation by save",
            package="schedulefree",
            way="loop",
            make=ScheduleFree,
            step=ScheduleFree.step,
            save=save_evaluated,
            load=load,
        ),
        optimizer_row("prodigyopt", prodigyopt.Prodigy, train),
        Row(
            name="EMA, a part",
            package="ema-pytorch",
            make=partial(average, ema_pytorch.EMA),
            step=update,
        ),
        averaged_row("EMA", partial(ema_pytorch.EMA, beta=0.9, update_after_step=3)),
        averaged_row("KarrasEMA", partial(ema_pytorch.KarrasEMA, sigma_rel=0.05)),
    ]
