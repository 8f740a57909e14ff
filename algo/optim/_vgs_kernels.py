"""The arithmetic of VGS: noise to signal, the factor, and sums of squares; see `optim/vgs.py`."""

import itertools
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# of larger tensors the sums cost more than the calls
_SMALL = 65_536


def compute_ratio(sq_norms: Iterable[float], mean_sq_norms: Iterable[float]) -> float:
    """The noise-to-signal ratio r over all tensors; 0 where there is neither.

    Args:
        sq_norms: q_i, one for each tensor.
        mean_sq_norms: |m_i|^2, in the same order.
    """
    noise = signal = 0.0
    for q, mean in zip(sq_norms, mean_sq_norms, strict=True):
        noise += max(q - mean, 0.0)
        signal += mean + sys.float_info.epsilon * q
    return noise / signal if signal > 0 else 0.0


def compute_factor(ratio: float, usual: float, *, floor: float, ceiling: float) -> float:
    """The factor of an update, in [floor, ceiling].

    Args:
        ratio: noise to signal now.
        usual: its slow average.
        floor: least factor.
        ceiling: greatest factor.
    """
    return min(max((1 + usual) / (1 + ratio), floor), ceiling)


def compute_sq_norms(tensors: Sequence[Tensor]) -> list[float]:
    """|x|^2 of each tensor, summed in double precision: neither c x nor 1e-30 x loses its ratio."""
    if tensors and {t.dtype for t in tensors} == {torch.float32} and tensors[0].is_cpu:
        sizes = [t.numel() for t in tensors]
        if min(sizes) > 0 and max(sizes) <= _SMALL:
            return _sum_squares(tensors, sizes)
    norms = torch._foreach_norm(list(tensors), 2, torch.float64)
    return [norm * norm for norm in torch.stack(norms).tolist()]


def _sum_squares(tensors: Sequence[Tensor], sizes: Sequence[int]) -> list[float]:
    """The same side by side: of small tensors the calls cost more than the sums."""
    flat: npt.NDArray[Any] = torch._C._nn.flatten_dense_tensors(
        [t.detach() for t in tensors]
    ).numpy()
    starts = list(itertools.accumulate(sizes[:-1], initial=0))
    sums: list[float] = np.add.reduceat(np.square(flat, dtype=np.float64), starts).tolist()
    return sums
