"""Sharded tensors and modules: the part that is here, and how the whole is laid out."""

import torch
from torch.distributed.tensor import DTensor

from ....core.keypath import PARAMETER
from ...kind import Kind
from ..reading import Child, Reader, Reading
from ..tensors import history_and_hooks


def _tensor(obj: DTensor) -> Reading:
    """The local shard, and of the whole its shape, its placements and the mesh."""
    with torch._C.DisableTorchFunctionSubclass():
        spec, flags = obj._spec, (obj.requires_grad, obj.is_leaf)
        whole = (tuple(obj.shape), tuple(map(repr, spec.placements)))
        children: list[Child] = [("_local_tensor", obj._local_tensor), ("<mesh>", spec.mesh)]
        children += history_and_hooks(obj)
    return ("sharded tensor", str(obj.dtype), *whole, *flags), children, None


OWN_KINDS = (Kind(name="sharded tensor", as_key=PARAMETER),)

READERS: dict[type, Reader] = {DTensor: _tensor}
