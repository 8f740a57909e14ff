"""The global random streams of python, numpy and torch: saved, restored, seeded, poisoned."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, final

import numpy as np


@final
@dataclass(frozen=True, kw_only=True, slots=True)
class Streams:
    """The position of every global stream; of torch only if the program has imported it.

    Attributes:
        python: state of the module `random`.
        numpy: state of the module `numpy.random`.
        torch: state of torch's CPU generator, or None.
        cuda: states of the CUDA generators; empty unless CUDA is in use.
    """

    python: tuple[Any, ...]
    numpy: dict[str, Any]
    torch: Any = None
    cuda: tuple[Any, ...] = ()

    @staticmethod
    def save() -> "Streams":
        """Returns the positions now; draws nothing."""
        torch = _torch()
        return Streams(
            python=random.getstate(),
            numpy=np.random.get_state(legacy=False),
            torch=torch.get_rng_state() if torch else None,
            cuda=tuple(torch.cuda.get_rng_state_all()) if torch and _cuda_used(torch) else (),
        )

    def restore(self) -> None:
        """Moves every stream back; one first used after `save` is left where it is."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch = _torch()
        if torch and self.torch is not None:
            torch.set_rng_state(self.torch)
        if torch and self.cuda:
            torch.cuda.set_rng_state_all(list(self.cuda))


def seed_all(seed: int) -> None:
    """Seeds every global stream.

    Args:
        seed: from 0 up to 2**32 - 1, the limit of numpy's legacy stream.

    Raises:
        ValueError: the seed is out of range.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"expected 0 <= seed < 2**32, got seed={seed!r} ({type(seed).__name__})")
    random.seed(seed)
    np.random.seed(seed)
    if torch := _torch():
        torch.manual_seed(seed)  # CUDA's too, at once or when it is first used


def poison(seed: int) -> None:
    """Moves every global stream to where no run of this seed has it.

    What a load fails to restore then shows: the numbers that happen to lie in the streams are
    never the right ones. Afterwards each stream has also left its first block, and the normal
    distributions of python and numpy hold a spare number.

    Raises:
        ValueError: the seed is out of range.
    """
    seed_all(seed ^ 0x9E3779B9)  # another seed for every seed, the user's own neighbours included
    random.gauss(0.0, 1.0)
    np.random.standard_normal(3)
    for _ in range(700):
        random.random()
    np.random.random_sample(700)
    if torch := _torch():
        torch.rand(700)


@contextmanager
def preserved_streams() -> Iterator[Streams]:
    """Leaves every global stream as it was found, however the block ends."""
    streams = Streams.save()
    try:
        yield streams
    finally:
        streams.restore()


def _torch() -> ModuleType | None:
    return sys.modules.get("torch")


def _cuda_used(torch: ModuleType) -> bool:
    return bool(torch.cuda.is_available() and torch.cuda.is_initialized())
