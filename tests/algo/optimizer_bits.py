"""The bits of tensors and of an optimizer's whole state, for the tests of the optimizers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor


def get_bits(tensors: Sequence[Tensor]) -> list[bytes]:
    """The raw bytes of every tensor."""
    return [t.detach().contiguous().numpy().tobytes() for t in tensors]


def get_state_bits(optimizer: Any) -> list[Any]:
    """The whole state: step counts, tensors and streams."""
    state = optimizer.state_dict()
    leaves = [v for i in sorted(state["state"]) for v in state["state"][i].values()]
    leaves += state["generator"].values()
    return [get_bits([v]) if isinstance(v, Tensor) else v for v in leaves]
