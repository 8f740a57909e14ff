"""Applying layers without the cost of ``Module.__call__``, where nothing depends on it.

For a batch of a few samples, the call and the attribute look-ups of a small layer cost about as
much as its arithmetic. Results are the same tensors' bits as those of the call.
"""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional


def has_hooks(module: nn.Module) -> bool:
    """Whether calling the module does more than its ``forward``."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or nn.modules.module._has_any_global_hook()  # type: ignore[no-untyped-call]
    )


def run_layer(layer: nn.Module, inputs: Tensor) -> Tensor:
    """Applies one layer to ``(batch, n_inputs)``; it is really called if it has hooks."""
    if has_hooks(layer):
        return cast(Tensor, layer(inputs))
    # a layer whose weight is computed (weight_norm, parametrize) has a hook or another class
    if type(layer).forward is nn.Linear.forward and "weight" in layer._parameters:
        parameters = layer._parameters
        return functional.linear(inputs, cast(Tensor, parameters["weight"]), parameters["bias"])
    return cast(Tensor, layer.forward(inputs))


def run_layers(layers: nn.Module, inputs: Tensor) -> Tensor:
    """Applies the layers of a ``Sequential`` in order, each with its hooks if it has any."""
    if has_hooks(layers):
        return cast(Tensor, layers(inputs))
    for layer in layers._modules.values():
        inputs = run_layer(cast(nn.Module, layer), inputs)
    return inputs
