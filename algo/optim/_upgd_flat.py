"""The step of many small tensors as that of one: copied side by side, moved together, copied back.

For a few thousand parameters the calls cost more than the arithmetic, and one call for all is a
tenth of one for each. The operations are those of `_upgd_kernels`, element by element and in its
order, and the draws are tensor by tensor; only the last bit of a sigmoid depends on where in a
tensor an element lies, for torch computes the last few of one in another way.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.optim import Optimizer

from ._upgd_kernels import draw_into

# beyond this many elements the arithmetic costs more than the calls; fewer tensors are not worth it
_MOST, _FEWEST = 65_536, 4

Shapes = tuple[torch.Size, ...]


@final
@dataclass(frozen=True, kw_only=True, slots=True)
class Flat:
    """The tensors of a group side by side, ``(n,)`` each, with room for two temporaries.

    Attributes:
        param: parameters.
        grad: gradients.
        utility: running utilities.
        moments: what the direction needs besides.
        move: the noise, and then the step.
        gate: 1 - s; until then a temporary.
        views: of the first of these, in that order, one view for each tensor of the group.
        draws: of `move`, one view for each tensor.
    """

    param: Tensor
    grad: Tensor
    utility: Tensor
    moments: tuple[Tensor, ...]
    move: Tensor
    gate: Tensor
    views: tuple[list[Tensor], ...]
    draws: list[Tensor]

    def take(self, rows: Sequence[tuple[Tensor, ...]]) -> None:
        """Copies the tensors of each row (p, g, U, *moments) in."""
        for views, tensors in zip(self.views, zip(*rows, strict=True), strict=True):
            torch._foreach_copy_(views, tensors)

    def put_back(self, rows: Sequence[tuple[Tensor, ...]]) -> None:
        """Copies what a step changes, everything but the gradients, back."""
        columns = list(zip(*rows, strict=True))
        for index in (0, *range(2, len(columns))):
            torch._foreach_copy_(columns[index], self.views[index])


# Room is no state: its content lasts for one step. It is kept beside the optimizers, not in them,
# so that nothing that copies, saves or compares one meets it.
_ROOM: weakref.WeakKeyDictionary[Optimizer, dict[tuple[int, Shapes, int], Flat]]
_ROOM = weakref.WeakKeyDictionary()


def fits(rows: Sequence[tuple[Tensor, ...]], steps: Sequence[int]) -> bool:
    """Whether the rows of a group can go side by side: small, of one kind, and at one step."""
    if len(rows) < _FEWEST or len(set(steps)) != 1 or sum(r[0].numel() for r in rows) > _MOST:
        return False
    if {tensor.dtype for row in rows for tensor in row} != {torch.float32}:
        return False
    return all(row[0].is_cpu for row in rows)


def room_for(optimizer: Optimizer, group: int, rows: Sequence[tuple[Tensor, ...]]) -> Flat:
    """The room of a group, which is made once for its shapes."""
    shapes = tuple([row[0].shape for row in rows])
    rooms, key = _ROOM.setdefault(optimizer, {}), (group, shapes, len(rows[0]))
    if key not in rooms:
        rooms[key] = _make_room(shapes, len(rows[0]))
    return rooms[key]


def _make_room(shapes: Shapes, n_kept: int) -> Flat:
    sizes = [shape.numel() for shape in shapes]
    buffers = torch.empty(n_kept + 2, sum(sizes)).unbind()
    parts = [torch.split(buffer, sizes) for buffer in buffers]
    views = [[p.view(s) for p, s in zip(row, shapes, strict=True)] for row in parts[:n_kept]]
    return Flat(
        param=buffers[0],
        grad=buffers[1],
        utility=buffers[2],
        moments=buffers[3:n_kept],
        move=buffers[-2],
        gate=buffers[-1],
        views=tuple(views),
        draws=list(parts[-2]),
    )


def accumulate_utility(flat: Flat, beta: float) -> list[float]:
    """Brings the utilities up to date; their greatest, without bias correction.

    Where that is not finite, the greatest of each tensor, of which the finite ones count.
    """
    flat.utility.mul_(beta).addcmul_(flat.param, flat.grad, value=beta - 1)
    peak = flat.utility.amax().item()
    if math.isfinite(peak):
        return [peak]
    return [view.amax().item() for view in flat.views[2]]


def draw_noise(flat: Flat, sigma: float, generator: torch.Generator) -> None:
    """Noise of standard deviation sigma into `move`, tensor by tensor; no draw for sigma 0."""
    if sigma == 0:
        flat.move.zero_()
        return
    for part in flat.draws:
        draw_into(part, sigma, generator)


def add_adam_direction(
    flat: Flat, betas: tuple[float, float], eps: float, lr: float, step: int
) -> None:
    """Brings the moments up to date and adds lr times Adam's direction to `move`."""
    (first, second), root = flat.moments, flat.gate
    first.lerp_(flat.grad, 1 - betas[0])
    second.mul_(betas[1]).addcmul_(flat.grad, flat.grad, value=1 - betas[1])
    torch.sqrt(second, out=root).div_((1 - betas[1] ** step) ** 0.5).add_(eps)
    flat.move.addcdiv_(first, root, value=lr / (1 - betas[0] ** step))


def open_gate(flat: Flat, scale: float) -> None:
    """1 - sigmoid(U / scale) into `gate`, with scale = (1 - b_u^t) max U_c."""
    # a scale that underflows must not become a division by zero
    tiny = torch.finfo(flat.utility.dtype).tiny
    torch.div(flat.utility, -max(scale, tiny), out=flat.gate).sigmoid_()


def descend(flat: Flat, decay: float, gain: float) -> None:
    """Shrinks the parameters by the decay and moves them through the gate."""
    if decay != 1:
        flat.param.mul_(decay)
    flat.param.addcmul_(flat.move, flat.gate, value=-gain)
