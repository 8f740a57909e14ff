"""Facts of what torch wraps around a model or a set of data. Rows as in `test_hidden_facts`."""

import functools
import io
import pathlib
import tempfile

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import powerSGD_hook
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils import data
from tqdm import tqdm

from tests.harness.hidden.rows import EXTRA, after, attribute, doing, hooked, other, quietly


@functools.cache
def mesh():
    """One process that is a group of its own, for as long as the tests run."""
    if not dist.is_initialized():
        place = pathlib.Path(tempfile.mkdtemp()) / "meeting"
        dist.init_process_group("gloo", init_method=f"file://{place}", rank=0, world_size=1)
    return init_device_mesh("cpu", (1,))


def net():
    """Two layers with a buffer, the same every time."""
    made = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    for parameter in made.parameters():
        nn.init.ones_(parameter)
    return made


def trained(live):
    """A step of training has moved everything."""
    optimizer = torch.optim.SGD(live.parameters(), lr=0.1)
    live(torch.arange(4.0).reshape(2, 2)).square().mean().backward()
    optimizer.step()


def wrapped(wrap, *before):
    """Makes a model in a wrapper, after some acts."""
    return quietly(lambda: after(*before)(wrap(net())))


def bar():
    """A bar over an iterator, on no screen."""
    return tqdm(iter(range(5)), file=io.StringIO())


def compiled(model):
    """The model under `torch.compile`, without a compiler behind it."""
    return torch.compile(model, backend="eager")


def compiled_in_place(model):
    """The model itself, compiled."""
    model.compile(backend="eager")
    return model


def distributed(model):
    """The model over one process."""
    mesh()
    return DistributedDataParallel(model)


def sharded(model):
    """The model in shards, of which all are here."""
    fully_shard(model, mesh=mesh())
    return model


def traced(model):
    """The model as its trace."""
    return torch.jit.trace(model, torch.ones(2, 2))


WRAPPERS = {
    "compiled": compiled,
    "compiled in place": compiled_in_place,
    "distributed": distributed,
    "sharded": sharded,
    "scripted": torch.jit.script,
    "traced": traced,
    "compiled and distributed": lambda model: compiled(distributed(model)),
    "averaged": torch.optim.swa_utils.AveragedModel,
}


def adam(live):
    """An optimizer of the model, after a step."""
    optimizer = torch.optim.Adam(live.parameters())
    live(torch.ones(2, 2)).sum().backward()
    optimizer.step()
    return [live, optimizer]


def doubled(scale):
    """Makes a compiled function with a cell."""

    def made():
        held = [scale]

        def double(tensor):
            return tensor * held[0]

        return torch.compile(double, backend="eager")

    return made


def power(live):
    """Communication that remembers what it left out."""
    state = powerSGD_hook.PowerSGDState(None, start_powerSGD_iter=2)
    live.register_comm_hook(state, powerSGD_hook.powerSGD_hook)


def placed(*placements):
    """Makes a tensor over the mesh."""
    return lambda: distribute_tensor(torch.arange(4.0).reshape(2, 2), mesh(), placements)


class Attributed(nn.Module):
    """A module whose script has attributes of all kinds."""

    def __init__(self):
        super().__init__()
        self.count = 1
        self.listed = [1.0]
        self.table = {"a": torch.ones(1)}

    @torch.jit.export
    def grow(self):
        """All of them change."""
        self.count += 1
        self.listed.append(2.0)
        self.table["a"] += 1

    def forward(self, tensor: torch.Tensor):
        """Of the count."""
        return tensor * self.count


MODELS = {
    **{f"{name}: trained": (wrapped(wrap), quietly(trained)) for name, wrap in WRAPPERS.items()},
    **{
        f"{name}: more": (wrapped(wrap, trained), quietly(trained))
        for name, wrap in WRAPPERS.items()
    },
    **{
        f"{name}: mode": (wrapped(wrap), doing(lambda live: live.eval()))
        for name, wrap in WRAPPERS.items()
    },
    **{
        f"{name}: optimizer": (
            quietly(lambda wrap=wrap: adam(wrap(net()))),
            lambda it: it[1].param_groups[0].update(lr=5.0),
        )
        for name, wrap in WRAPPERS.items()
    },
    "original of a compiled function": (doubled(1), other(doubled(2))),
    "attribute of a compiled model": (wrapped(compiled), EXTRA),
    "hook of a compiled model": (wrapped(compiled), hooked("forward_hook")),
    "synchronisation": (wrapped(distributed), attribute("require_backward_grad_sync", False)),
    "hook of the communication": (wrapped(distributed), quietly(power)),
    "state of the communication": (
        wrapped(distributed, power),
        lambda it: setattr(it._comm_hooks[0][1], "iter", 5),
    ),
    "setting of a shard": (
        wrapped(sharded),
        doing(lambda it: it.set_requires_gradient_sync(False)),
    ),
    "local shard": (placed(Shard(0)), lambda it: it.to_local().add_(1)),
    "placement": (placed(Shard(0)), other(placed(Shard(1)))),
    "replica": (placed(Shard(0)), other(placed(Replicate()))),
    "gradient of a shard": (
        placed(Shard(0)),
        lambda it: it.requires_grad_().sum().backward(),
    ),
    "attribute of a script": (
        quietly(lambda: torch.jit.script(Attributed())),
        doing(lambda it: it.grow()),
    ),
    "scripted function": (
        quietly(lambda: torch.jit.script(once)),
        other(quietly(lambda: torch.jit.script(twice))),
    ),
    "number in a script": (
        quietly(lambda: torch.jit.script(Attributed())),
        attribute("count", 7),
    ),
}


def weighted():
    """A sampler with a stream of its own."""
    return data.WeightedRandomSampler([1.0] * 12, 12, generator=torch.Generator())


def once(tensor: torch.Tensor):
    """A function to script."""
    return tensor * 1


def twice(tensor: torch.Tensor):
    """Another one."""
    return tensor * 2


class Counted(data.IterableDataset):
    """Numbers one after another."""

    def __iter__(self):
        """As a generator."""
        yield from range(9)


class Rounds(data.Sampler):
    """A sampler with a position of its own."""

    def __iter__(self):
        """Twice the same."""
        for _ in range(2):
            yield from iter([2, 0, 1])


def read(*batches, of=range(12), **options):
    """Makes an iterator of a loader whose streams are its own, after some batches."""

    def made():
        stream = torch.Generator().manual_seed(1)
        with torch.random.fork_rng():
            live = iter(data.DataLoader(of, batch_size=2, generator=stream, **options))
            for _ in batches:
                next(live)
        return live

    return made


LOADERS = {
    "in order": read(),
    "shuffled": read(shuffle=True),
    "begun": read(1, shuffle=True),
    "stream": read(1, of=Counted()),
    "with a sampler": read(sampler=Rounds()),
    "weighted": lambda: read(1, sampler=weighted())(),
    "in replicas": read(sampler=data.DistributedSampler(range(12), num_replicas=2, rank=0)),
    "of tensors": read(1, of=data.TensorDataset(torch.arange(12)), shuffle=True),
    "of arrays": read(of=np.arange(12)),
    "of several sets": read(3, of=data.ConcatDataset([range(4), range(8)]), shuffle=True),
}
READ = {
    **{f"{name}: next batch": (make, doing(next)) for name, make in LOADERS.items()},
    "order of batches": (
        read(1, shuffle=True),
        other(lambda: next_with(read(1, shuffle=True), 2)),
    ),
}


def next_with(make, seed):
    """The same iterator, had its stream been seeded otherwise."""
    live = make()
    live._sampler_iter.gi_frame.f_locals["self"].sampler.generator.manual_seed(seed)
    return live


def scaled():
    """A gradient scaler that has worked for an optimizer."""
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=3)
    scaler.scale(model(torch.ones(2, 2)).sum()).backward()
    scaler.unscale_(optimizer)
    return [optimizer, scaler]


SCALERS = {
    "tracker of a scaler": (scaled, lambda it: it[1]._growth_tracker.add_(1)),
    "scale of a scaler": (scaled, lambda it: it[1]._scale.mul_(2)),
    "stage of a scaler": (scaled, doing(lambda it: it[1].step(it[0]))),
}
BARS = {
    "what a bar goes through": (bar, doing(lambda live: next(live.iterable))),
    "what is set on a bar": (bar, EXTRA),
}

FACTS = {**MODELS, **READ, **SCALERS, **BARS}
NOT_STATE = {
    "what a bar shows": (bar, doing(lambda live: (live.update(2), live.set_description("x")))),
    "compiled code": (
        wrapped(compiled),
        quietly(doing(lambda live: (live.eval()(torch.ones(2, 2)), live.train()))),
    ),
    "code of a compiled function": (doubled(1), quietly(doing(lambda it: it(torch.ones(1))))),
    "buckets of a distributed model": (
        wrapped(distributed),
        lambda live: setattr(live, "_lazy_init_ran", True),
    ),
    "root of a sharded model": (
        wrapped(sharded),
        doing(lambda live: setattr(live._get_fsdp_state(), "_is_root", True)),
    ),
    "seed that no worker reads": (read(), attribute("_base_seed", 5)),
}
REFUSED = {
    "loader with workers": lambda: ended(read(num_workers=1)),
}


def ended(make):
    """An iterator whose workers have been told to go."""
    live = make()
    live._shutdown_workers()
    return live
