"""The arithmetic of UPGD: pure functions over lists of tensors, cut into blocks that fit a cache.

The formulas, and their source, are in `optim/upgd.py`. Every function works piece by piece with
element-wise operations only, so its bits do not depend on how tensors are listed, nor on where they
are cut into blocks. Many small tensors go together instead: `_upgd_flat`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# What torch's foreach functions take.
Tensors = tuple[Tensor, ...] | list[Tensor]

# Elements worked on at once: large enough that the calls cost nothing beside the arithmetic, and so
# small that no temporary is as large as a large parameter. A multiple of 16, because torch
# vectorises, and draws normals, in runs of 16: only so are the bits of a block those of the tensor.
_BLOCK = 131_072


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Matching pieces of the tensors of one group.

    Piece i belongs to the parameter `owners[i]` of those of the group that have a gradient.
    """

    owners: Sequence[int]
    params: Tensors
    grads: Tensors
    utilities: Tensors
    moments: Sequence[Tensors]


def _split_row(row: tuple[Tensor, ...]) -> list[tuple[Tensor, ...]]:
    """Matching pieces of tensors of one shape; of several, the last has at least 16 elements."""
    n = row[0].numel()
    if n <= _BLOCK or not all(tensor.is_contiguous() for tensor in row):
        return [row]
    starts = range(0, n - 15, _BLOCK)
    sizes = [_BLOCK] * (len(starts) - 1) + [n - starts[-1]]
    return list(zip(*(torch.split(tensor.view(-1), sizes) for tensor in row), strict=True))


def split_rows(rows: Iterable[tuple[Tensor, ...]]) -> list[Block]:
    """Blocks that cover, in order, the (p, g, U, *moments) of each row.

    A block is of about `_BLOCK` elements, of one type and on one device.
    """
    bins: list[list[tuple[int, tuple[Tensor, ...]]]] = []
    room, kind = 0, None
    for owner, row in enumerate(rows):
        for piece in _split_row(row):
            size = piece[0].numel()
            if size > room or kind != (piece[0].dtype, piece[0].device):
                bins.append([])
                room, kind = _BLOCK, (piece[0].dtype, piece[0].device)
            bins[-1].append((owner, piece))
            room -= size
    blocks = []
    for content in bins:
        owners, pieces = zip(*content, strict=True)
        params, grads, utilities, *moments = zip(*pieces, strict=True)
        blocks.append(
            Block(owners=owners, params=params, grads=grads, utilities=utilities, moments=moments)
        )
    return blocks


def scale(tensors: Tensors, factors: Sequence[float]) -> None:
    """Multiply each tensor by its factor, in place."""
    if tensors[0].dtype.itemsize >= 4:
        torch._foreach_mul_(tensors, _wrap(factors, tensors[0]))
        return
    # In half precision torch's foreach rounds the factor first: a decay rate of 0.999 becomes 1.
    for tensor, factor in zip(tensors, factors, strict=True):
        tensor.mul_(factor)


def _wrap(values: Sequence[float], like: Tensor) -> Any:
    """The values as operands of a foreach function, of the same effect on tensors like this one.

    On the CPU torch turns every number into a tensor, for every tensor of the list anew, which
    for three or more small ones takes longer than to do it here once. Not in half precision: there
    a number is applied in single precision, a tensor is not.
    """
    exact = like.dtype in (torch.float32, torch.float64)
    if len(values) < 3 or like.device.type != "cpu" or not exact:
        return values
    wrapped = {value: torch.tensor(value, dtype=like.dtype) for value in set(values)}
    return [wrapped[value] for value in values]


def accumulate_utility(block: Block, beta: float) -> list[float]:
    """Brings the utilities up to date; the greatest of each piece, without bias correction."""
    scale(block.utilities, [beta] * len(block.owners))
    torch._foreach_addcmul_(block.utilities, block.params, block.grads, value=beta - 1)
    return [utility.amax().item() for utility in block.utilities]


def find_peak(values: Iterable[float]) -> float:
    """The greatest finite utility or, where not positive, infinity: U / inf = 0, so s = 1/2."""
    peak = max(filter(math.isfinite, values), default=0.0)
    return peak if peak > 0 else math.inf


def open_gates(utilities: Tensors, scales: Iterable[float]) -> Tensors:
    """1 - sigmoid(U / scale) = sigmoid(-U / scale) with scale = (1 - b_u^t) max U_c, by piece."""
    # At least a normal number: a scale that underflows must not become a division by zero.
    tiny = torch.finfo(utilities[0].dtype).tiny
    divisors = _wrap([-max(value, tiny) for value in scales], utilities[0])
    opened: Tensors = torch._foreach_div(utilities, divisors)
    torch._foreach_sigmoid_(opened)
    return opened


def compute_adam_denominators(
    block: Block, betas: tuple[float, float], eps: float, steps: Iterable[int]
) -> Tensors:
    """Brings the moments up to date; sqrt(v_hat) + eps, by torch's operations in torch's order."""
    exp_avgs, exp_avg_sqs = block.moments
    torch._foreach_lerp_(exp_avgs, block.grads, 1 - betas[0])
    scale(exp_avg_sqs, [betas[1]] * len(block.owners))
    torch._foreach_addcmul_(exp_avg_sqs, block.grads, block.grads, value=1 - betas[1])
    denominators = torch._foreach_sqrt(exp_avg_sqs)
    corrections = [(1 - betas[1] ** step) ** 0.5 for step in steps]
    torch._foreach_div_(denominators, _wrap(corrections, denominators[0]))
    torch._foreach_add_(denominators, _wrap([eps] * len(corrections), denominators[0]))
    return denominators


def draw_noise(like: Tensors, sigma: float, generator: torch.Generator) -> list[Tensor]:
    """Contiguous noise of standard deviation sigma, tensor by tensor; no draw for sigma 0.

    Args:
        like: gives shape and type of each draw, and their order; all on the generator's device.
        sigma: standard deviation.
        generator: what is drawn from.
    """
    if sigma == 0:
        return [torch.zeros_like(tensor) for tensor in like]
    layout = torch.contiguous_format
    return [
        draw_into(torch.empty_like(tensor, memory_format=layout), sigma, generator)
        for tensor in like
    ]


def draw_into(tensor: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Fills a contiguous tensor with noise: standard normals, rounded, times sigma."""
    if tensor.numel() < 16:  # torch would round these only after the product
        return tensor.normal_(generator=generator).mul_(sigma)
    # the product built in saves a pass over the noise
    return tensor.normal_(0.0, sigma, generator=generator)
