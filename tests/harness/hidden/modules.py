"""Facts of modules, optimizers and loaders. Rows as in `test_hidden_facts`."""

import functools

import torch
from torch import distributions, nn
from torch.nn.utils import parametrizations
from torch.optim import lr_scheduler, swa_utils
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, TensorDataset

from tests.harness.hidden.rows import EXTRA, after, attribute, doing, hook, hooked, other, quietly


def linear(then=None):
    """Makes a layer of ones, or what a function makes of it."""

    def made():
        net = nn.Linear(2, 2)
        for parameter in net.parameters():
            nn.init.ones_(parameter)
        return then(net) if then else net

    return made


def optimizer(kind=torch.optim.Adam, **options):
    """Makes an optimizer after a step."""

    def made():
        net = linear()()
        live = kind(net.parameters(), lr=0.1, **options)
        net(torch.ones(2)).sum().backward()
        live.step()
        return live

    return made


def scheduler(kind, *args, **options):
    """Makes a scheduler of an optimizer after a step."""
    return lambda: kind(optimizer(torch.optim.SGD, momentum=0.9)(), *args, **options)


def sequential():
    """One schedule after another."""
    live = optimizer(torch.optim.SGD)()
    parts = [lr_scheduler.ConstantLR(live), lr_scheduler.ExponentialLR(live, 0.9)]
    return lr_scheduler.SequentialLR(live, parts, milestones=[2])


def moved(live):
    """All that an optimizer keeps of its parameters is another number."""
    for state in live.state.values():
        for part in state.values():
            part.add_(1)


def loader(**options):
    """Makes a loader of three numbers."""
    return lambda: DataLoader(TensorDataset(torch.arange(3)), **options)


MODULES = {
    "mode": (linear(), doing(lambda it: it.eval())),
    "attribute of a module": (linear(), EXTRA),
    "forward of its own": (linear(), attribute("forward", hook)),
    "persistent": (
        linear(after(lambda it: it.register_buffer("b", None))),
        lambda it: it._non_persistent_buffers_set.add("b"),
    ),
    "buffer": (
        linear(after(lambda it: it.register_buffer("b", torch.zeros(1)))),
        other(linear(after(lambda it: it.__dict__.update(b=torch.zeros(1))))),
    ),
    "absent parameter": (linear(), lambda it: it.register_parameter("b", None)),
    "absent buffer": (
        linear(after(lambda it: it.register_parameter("b", None))),
        other(linear(after(lambda it: it.register_buffer("b", None)))),
    ),
    "forward hook": (linear(), hooked("forward_hook")),
    "hook before forward": (linear(), hooked("forward_pre_hook")),
    "backward hook": (linear(), hooked("full_backward_hook")),
    "hook before backward": (linear(), hooked("full_backward_pre_hook")),
    "hook of load_state_dict": (linear(), hooked("load_state_dict_post_hook")),
    "hook before state_dict": (linear(), hooked("state_dict_pre_hook")),
    "hook always called": (
        linear(after(lambda it: it.register_forward_hook(hook))),
        other(linear(after(lambda it: it.register_forward_hook(hook, always_call=True)))),
    ),
    "hook with keywords": (
        linear(after(lambda it: it.register_forward_hook(hook))),
        other(linear(after(lambda it: it.register_forward_hook(hook, with_kwargs=True)))),
    ),
    "orthogonal": (
        linear(parametrizations.orthogonal),
        doing(lambda it: it.parametrizations.weight.original.detach().add_(1)),
    ),
    "weight norm": (
        linear(parametrizations.weight_norm),
        doing(lambda it: it.parametrizations.weight.original0.detach().add_(1)),
    ),
    "spectral norm": (
        linear(lambda it: (torch.manual_seed(0), parametrizations.spectral_norm(it))[1]),
        doing(lambda it: it.parametrizations.weight[0]._u.add_(1)),
    ),
    "old weight norm": (
        quietly(linear(nn.utils.weight_norm)),
        lambda it: setattr(next(iter(it._forward_pre_hooks.values())), "dim", 1),
    ),
    "order of modules": (
        lambda: nn.ModuleList([nn.ReLU(), nn.Tanh()]),
        lambda it: nn.ModuleList(reversed(it)),
    ),
    "order by name": (
        lambda: nn.ModuleDict({"a": nn.ReLU(), "b": nn.ReLU()}),
        other(lambda: nn.ModuleDict({"b": nn.ReLU(), "a": nn.ReLU()})),
    ),
    "list of parameters": (
        lambda: nn.ParameterList([torch.zeros(1), torch.ones(1)]),
        lambda it: nn.ParameterList([it[1], it[0]]),
    ),
    "dropout": (nn.Dropout, attribute("p", 0.1)),
    "statistics": (lambda: nn.BatchNorm1d(1), doing(lambda it: it.num_batches_tracked.add_(1))),
    "lazy": (lambda: nn.LazyLinear(1), attribute("out_features", 2)),
    "one module for two": (
        lambda: nn.ModuleList([nn.ReLU()] * 2),
        other(lambda: nn.ModuleList([nn.ReLU(), nn.ReLU()])),
    ),
    "decay of an average": (
        lambda: swa_utils.AveragedModel(linear()(), avg_fn=swa_utils.get_ema_avg_fn(0.9)),
        attribute("avg_fn", swa_utils.get_ema_avg_fn(0.8)),
    ),
    "count of an average": (
        linear(swa_utils.AveragedModel),
        doing(lambda it: it.n_averaged.add_(1)),
    ),
    "distribution": (
        lambda: distributions.Normal(torch.zeros(1), torch.ones(1)),
        doing(lambda it: it.scale.add_(1)),
    ),
    "lazy property": (
        lambda: distributions.Categorical(logits=torch.zeros(2)),
        doing(lambda it: it.probs),
    ),
}
_STATES = (torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad, torch.optim.Adadelta)
OPTIMIZERS = {
    "defaults": (optimizer(), lambda it: it.defaults.update(lr=1.0)),
    "group": (optimizer(), lambda it: it.param_groups[0].update(eps=1.0)),
    "second group": (
        optimizer(),
        lambda it: it.add_param_group({"params": torch.zeros(2, requires_grad=True)}),
    ),
    "order of parameters": (optimizer(), lambda it: it.param_groups[0]["params"].reverse()),
    "hook before a step": (optimizer(), hooked("step_pre_hook")),
    "hook after a step": (optimizer(), hooked("step_post_hook")),
    "hook of its state": (optimizer(), hooked("state_dict_post_hook")),
    "hook of loading": (optimizer(), hooked("load_state_dict_pre_hook")),
    **{f"state of {kind.__name__}": (optimizer(kind), moved) for kind in _STATES},
    "LambdaLR": (
        scheduler(lr_scheduler.LambdaLR, functools.partial(max, 1)),
        attribute("lr_lambdas", [functools.partial(max, 2)]),
    ),
    "OneCycleLR": (
        scheduler(lr_scheduler.OneCycleLR, max_lr=1.0, total_steps=9),
        lambda it: it._schedule_phases[0].update(end_step=1.0),
    ),
    "SequentialLR": (sequential, lambda it: setattr(it._schedulers[1], "last_epoch", 7)),
    "ReduceLROnPlateau": (
        scheduler(lr_scheduler.ReduceLROnPlateau),
        attribute("num_bad_epochs", 1),
    ),
    "CyclicLR": (scheduler(lr_scheduler.CyclicLR, 0.1, 1.0), attribute("total_size", 1)),
    "count of a scheduler": (scheduler(lr_scheduler.StepLR, 2), attribute("_step_count", 5)),
    "scaler": (
        lambda: torch.amp.GradScaler("cpu"),
        attribute("_growth_tracker", torch.zeros(1)),
    ),
    "stage of a scaler": (
        lambda: torch.amp.GradScaler("cpu"),
        lambda it: it._per_optimizer_states[1].update(stage=1),
    ),
    "stream of a loader": (
        lambda: loader(generator=torch.Generator())(),
        doing(lambda it: it.generator.manual_seed(5)),
    ),
    "sampler": (
        loader(sampler=SequentialSampler(range(3))),
        other(loader(sampler=RandomSampler(range(3)))),
    ),
    "start of a worker": (loader(), attribute("worker_init_fn", hook)),
    "data": (loader(), doing(lambda it: it.dataset.tensors[0].add_(1))),
}
FACTS = {**MODULES, **OPTIMIZERS}
NOT_STATE = {}
