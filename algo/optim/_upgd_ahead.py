"""The noise of the next step, drawn in a thread while the program computes its gradients.

With a million parameters the draw is more than half of a step, and torch draws without Python's
lock. So a large step on the CPU ends by starting the next draw, from a copy of the generator: the
generator stays where it was, and a state that is saved in between is that of before the draw. The
next step takes what was drawn if the generator is still there and the same is asked; otherwise it
draws for itself. Either way the numbers are the same.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.optim import Optimizer

# below this many elements a thread costs more than it saves
LEAST = 500_000


@final
@dataclass(frozen=True, kw_only=True, slots=True)
class _Draw:
    """A draw under way.

    Attributes:
        start: state of the generator that it began at.
        generator: the copy that it draws from.
        noise: what it fills, standard normal.
        thread: that fills it.
    """

    start: Tensor
    generator: torch.Generator
    noise: list[Tensor]
    thread: threading.Thread


# Beside the optimizers, not in them: what is drawn ahead follows from the generator.
# It is no state.
_UNDER_WAY: weakref.WeakKeyDictionary[Optimizer, _Draw] = weakref.WeakKeyDictionary()


def begin(optimizer: Optimizer, generator: torch.Generator, like: Sequence[Tensor]) -> None:
    """Starts to draw for the next step, where that is worth a thread.

    Args:
        optimizer: whose step it will be.
        generator: that the step would draw from; it is not moved.
        like: gives shape and type of each draw, and their order.
    """
    if sum(t.numel() for t in like) < LEAST or not all(map(_is_covered, like)):
        return
    start, copy = generator.get_state(), torch.Generator()
    copy.set_state(start)
    noise = [torch.empty_like(t, memory_format=torch.contiguous_format) for t in like]
    thread = threading.Thread(target=_fill, args=(noise, copy), name="noise of UPGD")
    thread.start()
    _UNDER_WAY[optimizer] = _Draw(start=start, generator=copy, noise=noise, thread=thread)


def _is_covered(tensor: Tensor) -> bool:
    return tensor.is_cpu and tensor.dtype in (torch.float32, torch.float64)


def _fill(noise: Sequence[Tensor], generator: torch.Generator) -> None:
    with torch.no_grad():
        for tensor in noise:
            tensor.normal_(generator=generator)


def take(
    optimizer: Optimizer, generator: torch.Generator, like: Sequence[Tensor]
) -> list[Tensor] | None:
    """What was drawn for this step, standard normal; None if it was not, or for another.

    The generator is then where it would be after the draw.
    """
    draw = _UNDER_WAY.pop(optimizer, None)
    if draw is None:
        return None
    draw.thread.join()
    kinds = [(tensor.shape, tensor.dtype) for tensor in draw.noise]
    same = kinds == [(tensor.shape, tensor.dtype) for tensor in like]
    if not same or not torch.equal(draw.start, generator.get_state()):
        return None
    generator.set_state(draw.generator.get_state())
    return draw.noise
