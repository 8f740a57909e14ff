"""Models over several processes: what this one holds is read, how they talk is not."""

from typing import Any

import torch.distributed
from torch.distributed.device_mesh import DeviceMesh
from torch.nn.parallel import DistributedDataParallel

from ...kind import Kind
from ..reading import Reader, Reading
from ..tensors import fields, module_reading

# made by the constructor or by the first step, from what else is read
_OF_THE_WRAPPER = frozenset(
    {
        "_accum_grad_hooks",
        "_bucket_config",
        "_delay_grad_buffer",
        "_delay_grad_views",
        "_has_rebuilt_buckets",
        "_lazy_init_ran",
        "_module_parameters",
        "logger",
        "modules_buffers",
        "named_module_buffers",
        "reducer",
    }
)


def _wrapped(obj: DistributedDataParallel) -> Reading:
    """The module, what was set on the wrapper, and the hooks of its communication."""
    own = fields(obj)
    return module_reading({name: own[name] for name in own if name not in _OF_THE_WRAPPER})


def _handle(obj: Any) -> Reading:
    """No state of a run: it is made anew wherever the run goes on."""
    return ("communication",), (), None


def _group(obj: Any) -> Reading:
    return ("communication", f"rank {obj.rank()} of {obj.size()}"), (), None


def _mesh(obj: DeviceMesh) -> Reading:
    facts = ("communication", obj.device_type, tuple(obj.shape), obj.mesh_dim_names)
    return facts, (), None


_C10D: Any = torch.distributed.distributed_c10d
_HANDLES = ("Reducer", "Logger", "Store", "Work", "Backend")

OWN_KINDS = (Kind(name="communication"),)

READERS: dict[type, Reader] = {
    DistributedDataParallel: _wrapped,
    **{
        cls: _handle
        for name in _HANDLES
        if (cls := getattr(torch._C._distributed_c10d, name, None))
    },
    torch.distributed.ProcessGroup: _group,
    DeviceMesh: _mesh,
}
