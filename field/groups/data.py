"""Loaders of data: torchdata's, torch's, and an iterator that a user keeps."""

import torch
from torch.utils.data import DataLoader, TensorDataset
from torchdata import nodes
from torchdata.stateful_dataloader import StatefulDataLoader

from ..row import Row, loop_of

NUMBERS = torch.arange(90.0)


class Stateful:
    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.loader = StatefulDataLoader(NUMBERS, batch_size=1, shuffle=True)
        self.batches, self.total = iter(self.loader), 0.0

    def step(self):
        self.total = 0.9 * self.total + float(next(self.batches))


def save(run):
    return [run.loader.state_dict(), run.total, torch.get_rng_state()]


def load(run, saved):
    run.loader.load_state_dict(saved[0])
    run.batches, run.total = iter(run.loader), saved[1]
    torch.set_rng_state(saved[2])


class Kept:
    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.loader = DataLoader(TensorDataset(NUMBERS), batch_size=1, shuffle=True)
        self.batches, self.total = iter(self.loader), 0.0

    def step(self):
        self.total = 0.9 * self.total + float(next(self.batches)[0])

    def save(self):
        return [self.total, torch.get_rng_state()]

    def load(self, saved):
        self.total = saved[0]
        torch.set_rng_state(saved[1])


class EveryEpoch:
    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.loader = DataLoader(TensorDataset(NUMBERS), batch_size=8, shuffle=True)
        self.total = 0.0

    def step(self):
        for (batch,) in self.loader:
            self.total = 0.9 * self.total + float(batch.sum())

    def save(self):
        return [self.total, torch.get_rng_state()]

    def load(self, saved):
        self.total = saved[0]
        torch.set_rng_state(saved[1])


class Nodes:
    def __init__(self):
        self.node = nodes.Batcher(nodes.IterableWrapper(range(90)), batch_size=2)
        self.node.reset()
        self.total = 0.0

    def step(self):
        self.total = 0.9 * self.total + sum(next(self.node))

    def save(self):
        return [self.node.state_dict(), self.total]

    def load(self, saved):
        self.node.reset(saved[0])
        self.total = saved[1]


class Prefetched:
    def __init__(self):
        self.node = nodes.Prefetcher(nodes.IterableWrapper(range(90)), prefetch_factor=2)
        self.node.reset()
        self.total = 0.0

    def step(self):
        self.total = 0.9 * self.total + next(self.node)

    def save(self):
        return [self.node.state_dict(), self.total]

    def load(self, saved):
        self.node.reset(saved[0])
        self.total = saved[1]


def shown(run):
    return run.total


def rows():
    return [
        loop_of(Nodes, package="torchdata", name="nodes, batched", look=shown),
        loop_of(
            Prefetched,
            package="torchdata",
            name="nodes, prefetched by a thread",
            look=shown,
            mended=loop_of(Prefetched, package="torchdata", excluded=("run.node",)),
        ),
        loop_of(
            EveryEpoch, package="torch", name="DataLoader, iterated in every epoch", look=shown
        ),
        loop_of(Kept, package="torch", name="DataLoader, its iterator kept", look=shown),
        Row(
            name="StatefulDataLoader, shuffled",
            package="torchdata",
            way="loop",
            make=Stateful,
            step=Stateful.step,
            save=save,
            load=load,
            look=shown,
        ),
    ]
