"""Facts of tensors, storages and streams of torch. Rows as in `test_hidden_facts`."""

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.harness.hidden.rows import EXTRA, after, attribute, doing, hooked, other, quietly


def zeros(*shape, then=None, **options):
    """Makes zeros, or what an operation makes of them."""

    def made():
        plain = torch.zeros(shape or 2, **options)
        return then(plain) if then else plain

    return made


def sparse(then=None, **options):
    """Makes a sparse matrix."""
    return lambda: (then or (lambda it: it))(torch.eye(2).to_sparse(**options))


def inference():
    """Zeros that no gradient may ever pass."""
    with torch.inference_mode():
        return torch.zeros(2)


def fake():
    """Zeros without memory."""
    with FakeTensorMode():
        return torch.zeros(2)


class Elsewhere(torch.Tensor):
    """A tensor whose values only its own code finds."""

    @staticmethod
    def __new__(cls, inner):
        """Without memory."""
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

    def __init__(self, inner):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        """A capture runs none of its operations."""
        raise AssertionError(func)


def scripted(x: int) -> int:
    """Compiled by torch."""
    return x


_GROWN = {"requires_grad": True}
_VERSIONED = {}
if hasattr(torch.Tensor, "grad_dtype"):
    _VERSIONED["dtype of the gradient"] = (zeros(**_GROWN), attribute("grad_dtype", torch.float64))
if hasattr(torch.Tensor, "names"):
    _VERSIONED["names"] = (quietly(zeros(names=("a",))), lambda it: it.rename(None))
TENSORS = {
    "grown": (zeros(), lambda it: it.requires_grad_()),
    "gradient": (zeros(**_GROWN), attribute("grad", torch.zeros(2))),
    "attribute of a tensor": (zeros(), EXTRA),
    "attribute named as the gradient": (
        zeros(then=after(attribute("grad", torch.zeros(2))), **_GROWN),
        lambda it: it.__dict__.update(grad=1),
    ),
    "kept gradient": (zeros(then=lambda it: it * 2, **_GROWN), lambda it: it.retain_grad()),
    "made otherwise": (
        zeros(then=lambda it: it * 2, **_GROWN),
        other(zeros(then=lambda it: it + 0, **_GROWN)),
    ),
    "hook": (zeros(**_GROWN), hooked("hook")),
    "hook of a product": (zeros(then=lambda it: it * 2, **_GROWN), hooked("hook")),
    "hook after accumulation": (zeros(**_GROWN), hooked("post_accumulate_grad_hook")),
    "inference": (zeros(), other(inference)),
    **_VERSIONED,
    "attribute of a parameter": (lambda: nn.Parameter(torch.zeros(1)), EXTRA),
    "parameter": (lambda: nn.Parameter(torch.zeros(1)), other(zeros(1, **_GROWN))),
    "attribute of the uninitialised": (nn.UninitializedParameter, EXTRA),
    "uninitialised": (
        nn.UninitializedParameter,
        other(lambda: nn.UninitializedParameter(requires_grad=False)),
    ),
    "view": (lambda: (lambda t: [t, t[:1]])(torch.zeros(2)), lambda it: [it[0], it[0][1:]]),
    "expanded": (zeros(1, then=lambda it: it.expand(2)), other(zeros())),
    "conjugate": (lambda: torch.tensor([1 + 1j]), other(lambda: torch.tensor([1 - 1j]).conj())),
    "negative": (
        lambda: torch.tensor([1 + 1j]).imag,
        other(lambda: torch.tensor([1 - 1j]).conj().imag),
    ),
    "complex zero": (lambda: torch.tensor([0j]), other(lambda: torch.tensor([complex(0, -0.0)]))),
    "half complex": (
        quietly(zeros(dtype=torch.complex32)),
        quietly(lambda it: it.view(torch.half)),
    ),
    "bool": (zeros(dtype=torch.bool), lambda it: it.view(torch.uint8)),
    "float8": (zeros(dtype=torch.float8_e4m3fn), lambda it: it.view(torch.float8_e5m2)),
    "zero of float8": (
        zeros(dtype=torch.float8_e5m2),
        lambda it: it.view(torch.uint8).fill_(0x80).view(torch.float8_e5m2),
    ),
    "unsigned": (zeros(dtype=torch.uint16), lambda it: it.view(torch.int16)),
    "no memory": (zeros(device="meta"), other(zeros(3, device="meta"))),
    "shared with processes": (zeros(), doing(lambda it: it.share_memory_())),
    "storage": (lambda: torch.zeros(1).untyped_storage(), lambda it: it.fill_(1)),
    "attribute of a storage": (lambda: torch.zeros(1).untyped_storage(), EXTRA),
    "typed storage": (
        quietly(lambda: torch.zeros(1).storage()),
        quietly(doing(lambda it: it.fill_(1))),
    ),
    "storage of a tensor": (
        lambda: (lambda t: [t, t.untyped_storage()])(torch.zeros(1)),
        lambda it: [it[0], it[1].clone()],
    ),
    "coalesced": (
        sparse(),
        quietly(lambda it: torch.sparse_coo_tensor(it.indices(), it.values(), (2, 2))),
    ),
    "attribute of a sparse tensor": (sparse(), EXTRA),
    "hook of a sparse tensor": (sparse(lambda it: it.requires_grad_()), hooked("hook")),
    "hook after sparse accumulation": (
        sparse(lambda it: it.requires_grad_()),
        hooked("post_accumulate_grad_hook"),
    ),
    "sparse gradient": (
        sparse(lambda it: it.requires_grad_()),
        lambda it: setattr(it, "grad", sparse()()),
    ),
    "attribute of a sparse parameter": (sparse(nn.Parameter), EXTRA),
    "sparse product": (sparse(lambda it: it.requires_grad_()), lambda it: it * 1),
    "sparse index": (
        quietly(sparse(layout=torch.sparse_csr)),
        quietly(other(lambda: torch.eye(2)[[1, 0]].to_sparse_csr())),
    ),
    "sparse layout": (
        quietly(sparse(layout=torch.sparse_csr)),
        quietly(other(sparse(layout=torch.sparse_csc))),
    ),
    "stream": (
        lambda: torch.Generator().manual_seed(1),
        doing(lambda it: torch.rand(1, generator=it)),
    ),
    "size": (lambda: torch.Size([1]), other(lambda: (1,))),
}
FACTS = TENSORS
NOT_STATE = {
    "what a view skips": (
        zeros(4, then=lambda it: it[::2]),
        lambda it: torch.tensor([0.0, 1.0, 0.0, 1.0])[::2],
    ),
    "number of changes in place": (zeros(), doing(lambda it: it.add_(0))),
}
REFUSED = {
    "quantized": quietly(lambda: torch.quantize_per_tensor(torch.ones(1), 0.1, 0, torch.qint8)),
    "nested": quietly(lambda: torch.nested.nested_tensor([torch.ones(1)])),
    "jagged": quietly(lambda: torch.nested.nested_tensor([torch.ones(1)], layout=torch.jagged)),
    "layout of a backend": lambda: torch.ones(1).to_mkldnn(),
    "values elsewhere": lambda: Elsewhere(torch.ones(2)),
    "fake": fake,
    "graph": lambda: torch.ones(1, requires_grad=True).mul(2).grad_fn,
}
