"""Parts of torch beside its optimizers: compiled, distributed and scripted, averaged and scaled."""

import torch
import torch.distributed as dist
from torch.nn.utils import parametrizations

from ..row import Row


class Compiled:
    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.net = torch.compile(torch.nn.Linear(3, 2), backend="aot_eager")
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.1)

    def step(self):
        self.optimizer.zero_grad()
        loss = self.net(torch.ones(1, 3)).square().mean()
        loss.backward()
        self.optimizer.step()
        return float(loss)


class Distributed:
    def __init__(self):
        if not dist.is_initialized():
            dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        self.net = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 2))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.1)

    def step(self):
        self.optimizer.zero_grad()
        self.net(torch.ones(1, 3)).square().mean().backward()
        self.optimizer.step()


class Scripted:
    def __init__(self):
        self.net = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh()))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.1)

    def step(self):
        self.optimizer.zero_grad()
        self.net(torch.ones(1, 3)).square().mean().backward()
        self.optimizer.step()


class Dropout:
    def __init__(self):
        self.net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout(0.5))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.1)

    def step(self):
        self.optimizer.zero_grad()
        self.net(torch.ones(1, 3)).square().mean().backward()
        self.optimizer.step()


class Parametrized:
    def __init__(self):
        layer = parametrizations.spectral_norm(torch.nn.Linear(3, 2))
        self.net = torch.nn.Sequential(layer, torch.nn.BatchNorm1d(2), torch.nn.PReLU())
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.1)

    def step(self):
        self.optimizer.zero_grad()
        self.net(torch.arange(12.0).reshape(4, 3)).square().mean().backward()
        self.optimizer.step()


def save(run):
    return [run.net.state_dict(), run.optimizer.state_dict()]


def save_to_file(run, path):
    torch.save([run.net.state_dict(), run.optimizer.state_dict()], path)


def load(run, saved):
    run.net.load_state_dict(saved[0])
    run.optimizer.load_state_dict(saved[1])


def load_from_file(run, path):
    saved = torch.load(path)
    run.net.load_state_dict(saved[0])
    run.optimizer.load_state_dict(saved[1])


def averaged():
    return torch.optim.swa_utils.AveragedModel(torch.nn.Linear(3, 2), use_buffers=True)


def update(averaged):
    net = torch.nn.Linear(3, 2)
    averaged.update_parameters(net)


def scaler():
    return torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=3)


def scale(scaler):
    weight = torch.nn.Linear(3, 2).weight
    optimizer = torch.optim.SGD([weight], lr=0.1)
    scaler.scale(weight.square().sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    return scaler.get_scale()


def row_of(name, kind):
    return Row(
        name=name, package="torch", way="loop", make=kind, step=kind.step, save=save, load=load
    )


def rows():
    return [
        row_of("torch.compile", Compiled),
        row_of("DistributedDataParallel, one rank", Distributed),
        row_of("torch.jit.script", Scripted),
        row_of("Dropout, its stream not saved", Dropout),
        row_of("spectral_norm, BatchNorm, PReLU", Parametrized),
        Row(
            name="the same, in a file",
            package="torch",
            way="loop",
            make=Parametrized,
            step=Parametrized.step,
            save=save_to_file,
            load=load_from_file,
        ),
        Row(name="AveragedModel", package="torch", make=averaged, step=update),
        Row(name="GradScaler", package="torch", make=scaler, step=scale),
    ]
