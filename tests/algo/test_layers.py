"""The lean application of layers is the call itself, hooks and replaced layers included."""

from typing import Any

import pytest
import torch
from resumeproof.algo.networks.layers import has_hooks, run_layer, run_layers
from torch import Tensor, nn
from torch.nn.utils import parametrizations

INPUTS = torch.randn(3, 4)


def make_layers() -> nn.Sequential:
    """Build two layers with an activation between."""
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2, bias=False))


def test_run_layers_equals_the_call() -> None:
    """Values and gradients have the same bits."""
    layers = make_layers()
    ours, theirs = run_layers(layers, INPUTS), layers(INPUTS)
    assert torch.equal(ours, theirs)
    mine = torch.autograd.grad(ours.sum(), list(layers.parameters()))
    its = torch.autograd.grad(theirs.sum(), list(layers.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(mine, its, strict=True))


def test_run_layers_of_nothing_is_the_identity() -> None:
    """An empty network, as after a CNN, hands its input on."""
    assert run_layers(nn.Sequential(), INPUTS) is INPUTS


@pytest.mark.parametrize("index", [None, 0, 1, 2])
def test_run_layers_calls_every_kind_of_hook(index: int | None) -> None:
    """A hook on the whole or on one layer runs exactly once per pass."""
    layers, seen = make_layers(), []

    def note(*_: Any) -> None:
        seen.append(1)

    target = layers if index is None else layers[index]
    target.register_forward_hook(note)
    target.register_forward_pre_hook(note)
    target.register_full_backward_hook(note)
    assert has_hooks(target)
    run_layers(layers, INPUTS.clone().requires_grad_()).sum().backward()
    assert len(seen) == 3


def test_run_layers_honours_a_global_hook() -> None:
    """A hook on every module of the process is not skipped."""
    seen: list[nn.Module] = []
    handle = nn.modules.module.register_module_forward_hook(lambda m, *_: seen.append(m))
    try:
        run_layers(make_layers(), INPUTS)
    finally:
        handle.remove()
    assert len(seen) == 4


class Doubled(nn.Linear):
    """A layer with a forward of its own."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Twice the linear result."""
        return 2.0 * super().forward(inputs)


def test_run_layer_honours_a_layer_with_its_own_forward() -> None:
    """A subclass of Linear is applied as it defines."""
    layer = Doubled(4, 2)
    assert torch.equal(run_layer(layer, INPUTS), layer(INPUTS))


def test_run_layer_honours_a_computed_weight() -> None:
    """A parametrised weight is computed, not read."""
    layer = parametrizations.weight_norm(nn.Linear(4, 2))
    assert torch.equal(run_layer(layer, INPUTS), layer(INPUTS))
