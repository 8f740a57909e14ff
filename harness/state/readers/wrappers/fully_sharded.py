"""Modules under `fully_shard`: their settings, their shards, and gradients still gathered."""

from typing import Any

from torch.distributed.fsdp._fully_shard._fsdp_param import FSDPParam
from torch.distributed.fsdp._fully_shard._fsdp_param_group import FSDPParamGroup
from torch.distributed.fsdp._fully_shard._fsdp_state import FSDPState

from ...kind import Kind
from ..reading import Child, Reader, Reading

_SETTINGS = ("reduce_grads", "all_reduce_grads", "reshard_after_backward", "unshard_in_backward")


def _state(obj: Any) -> Reading:
    """What torch keeps of a module beside it; whether its first step is over is no state."""
    own = obj.__dict__
    # one group until torch 2.10, then several
    groups = own.get("_fsdp_param_groups") or [own.get("_fsdp_param_group")]
    children = [(f"<group {at}>", group) for at, group in enumerate(groups) if group is not None]
    return ("sharding",), children, None


def _group(obj: Any) -> Reading:
    own = obj.__dict__
    settings = [(name, own[name]) for name in _SETTINGS if name in own]
    return ("sharding",), [*settings, *enumerate(own["fsdp_params"])], None


def _parameter(obj: Any) -> Reading:
    own = obj.__dict__
    children: list[Child] = [("sharded_param", own["sharded_param"])]
    if (gathered := own.get("unsharded_accumulated_grad")) is not None:
        children.append(("unsharded_accumulated_grad", gathered))
    return ("sharding", own["sharded_state"].name), children, None


OWN_KINDS = (Kind(name="sharding"),)

READERS: dict[type, Reader] = {FSDPState: _state, FSDPParamGroup: _group, FSDPParam: _parameter}
