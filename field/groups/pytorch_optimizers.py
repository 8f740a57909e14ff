"""Every optimizer of `pytorch_optimizer`, as a component."""

from functools import partial
from inspect import isclass

import pytorch_optimizer as p
import torch
import torch.distributed as dist
from pytorch_optimizer.optimizer import OPTIMIZERS

from ..row import Row

OPTIONS = {"BSAM": {"num_data": 4}, "LBFGS": {"max_iter": 4}, "Ranger21": {"num_iterations": 90}}
OVER_ANOTHER = ("Lookahead", "Magma", "OrthoGrad", "TRAC")
SHARP = ("FriendlySAM", "LookSAM", "SAM")
FUSED = ("AdaLOMO", "LOMO")


def make(kind, seed, **options):
    torch.manual_seed(seed)
    return kind(torch.nn.Linear(3, 2).parameters(), **options)


def make_of_module(kind, seed):
    torch.manual_seed(seed)
    return kind(torch.nn.Linear(3, 2))


def make_of_matrix(kind, seed):
    torch.manual_seed(seed)
    return kind([torch.nn.Linear(3, 2).weight, torch.nn.Linear(1, 2).weight])


def make_of_groups(kind, seed):
    torch.manual_seed(seed)
    layer = torch.nn.Linear(3, 2).parameters()
    return kind([{"params": [p], "use_muon": p.ndim > 1} for p in layer])


def make_distributed(kind, seed):
    torch.manual_seed(seed)
    if not dist.is_initialized():
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    layer = torch.nn.Linear(3, 2).parameters()
    return kind([{"params": [p], "use_muon": p.ndim > 1} for p in layer])


def make_schedule_free(kind, seed):
    torch.manual_seed(seed)
    optimizer = kind(torch.optim.AdamW(torch.nn.Linear(3, 2).parameters()))
    optimizer.train()
    return optimizer


def make_over_another(kind, seed):
    torch.manual_seed(seed)
    return kind(torch.optim.AdamW(torch.nn.Linear(3, 2).parameters()))


def make_sharp(kind, seed):
    torch.manual_seed(seed)
    return kind(torch.nn.Linear(3, 2).parameters(), torch.optim.SGD, lr=0.1, momentum=0.9)


def descend(optimizer, graph=False):
    optimizer.zero_grad()
    weight, bias = (p for group in optimizer.param_groups for p in group["params"])
    loss = (torch.randn(4, 3) @ weight.T + bias.flatten() - 1.0).square().mean()
    loss.backward(create_graph=graph)
    return loss


def train(optimizer):
    descend(optimizer)
    optimizer.step()


def train_with_loss(optimizer):
    loss = descend(optimizer)
    optimizer.step(lambda: float(loss))


def train_with_graph(optimizer):
    descend(optimizer, graph=True)
    optimizer.step()


def train_with_closure(optimizer):
    descend(optimizer)
    optimizer.step(lambda: descend(optimizer))


def train_fused(optimizer):
    weight, bias = (p for group in optimizer.param_groups for p in group["params"])
    loss = (torch.randn(4, 3) @ weight.T + bias.flatten() - 1.0).square().mean()
    optimizer.fused_backward(loss, lr=0.01)


def parameters(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def every(function, *names):
    return dict.fromkeys(names, function)


MAKERS = {
    **every(make_of_module, "AdamMini", *FUSED),
    **every(make_of_matrix, "SpectralSphere"),
    **every(make_of_groups, "AdaGO", "AdaMuon", "Muon", "MuonClip", "NorMuon"),
    **every(make_distributed, "DeMo", "DistributedMuon"),
    **every(make_over_another, *OVER_ANOTHER),
    **every(make_schedule_free, "ScheduleFreeWrapper"),
    **every(make_sharp, *SHARP),
}
STEPS = {
    **every(train_with_loss, "AliG"),
    **every(train_with_graph, "AdaHessian", "SophiaH"),
    **every(train_with_closure, "BSAM", "LBFGS", *SHARP),
    **every(train_fused, *FUSED),
}


def row_of(name, kind):
    return Row(
        name=name,
        package="pytorch_optimizer",
        make=partial(MAKERS.get(name, make), kind, **OPTIONS.get(name, {})),
        step=STEPS.get(name, train),
        lent=parameters,
    )


def rows():
    kinds = {kind.__name__: kind for kind in OPTIMIZERS.values() if isclass(kind)}
    kinds |= {name: getattr(p, name) for name in (*OVER_ANOTHER, *SHARP, "ScheduleFreeWrapper")}
    return [row_of(name, kind) for name, kind in sorted(kinds.items())]
