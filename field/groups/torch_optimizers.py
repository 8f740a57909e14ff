"""Every optimizer of `torch.optim`, as a component."""

from functools import partial
from inspect import isclass

import torch

from ..row import Row


def make(kind, seed):
    torch.manual_seed(seed)
    return kind(torch.nn.Linear(3, 2, bias=False).parameters(), lr=0.05)


def train(optimizer, i):
    (weight,) = optimizer.param_groups[0]["params"]

    def loss():
        optimizer.zero_grad()
        value = (torch.randn(4, 3) @ weight.T - 1.0).square().mean()
        value.backward()
        return value

    return float(optimizer.step(loss))


def make_embedding(seed):
    torch.manual_seed(seed)
    return torch.optim.SparseAdam(torch.nn.Embedding(5, 2, sparse=True).parameters())


def train_embedding(optimizer, i):
    (weight,) = optimizer.param_groups[0]["params"]
    optimizer.zero_grad()
    torch.nn.functional.embedding(torch.randint(5, (3,)), weight, sparse=True).sum().backward()
    optimizer.step()


def parameters(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def rows():
    kinds = {n: k for n, k in vars(torch.optim).items() if isclass(k) and k.__module__ != "abc"}
    kinds = {n: k for n, k in kinds.items() if issubclass(k, torch.optim.Optimizer)}
    for name in ("Optimizer", "SparseAdam"):
        del kinds[name]
    return [
        *(
            Row(name=n, package="torch", make=partial(make, k), step=train, lent=parameters)
            for n, k in kinds.items()
        ),
        Row(
            name="SparseAdam",
            package="torch",
            make=make_embedding,
            step=train_embedding,
            lent=parameters,
        ),
    ]
