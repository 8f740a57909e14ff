"""The global random streams: python, numpy, torch CPU and CUDA; and those of spaces."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from ..checkpoint import MismatchedCheckpoint

STREAMS = ("python", "numpy", "torch", "cuda")


def save_streams() -> dict[str, Any]:
    """The state of every global stream, as plain data; drawing nothing."""
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
        # unverified: no machine of this project has a GPU
        "cuda": list(torch.cuda.get_rng_state_all()) if torch.cuda.is_available() else [],
    }


def prepare_streams(state: dict[str, Any]) -> Callable[[], None]:
    """Checks that every saved stream exists here; returns what restores them.

    Raises:
        MismatchedCheckpoint: a stream is missing, unknown, or of a device that is not here.
    """
    if set(state) != set(STREAMS):
        raise MismatchedCheckpoint(
            f"streams are {sorted(state)}, expected {sorted(STREAMS)}: the file was not written "
            "by this version; save it again from the run that wrote it"
        )
    devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if len(state["cuda"]) > devices:
        raise MismatchedCheckpoint(
            f"the run drew on {len(state['cuda'])} CUDA devices and this machine has {devices}: "
            "resume it on such a machine, load without env for prediction, or train on afresh with "
            "load(path, env=env, force_reset=True)"
        )

    def restore() -> None:
        random.setstate(state["python"])
        np.random.set_state(state["numpy"])
        torch.set_rng_state(state["torch"])
        for index, stream in enumerate(state["cuda"]):
            torch.cuda.set_rng_state(stream, index)

    return restore


@contextmanager
def preserved_streams() -> Iterator[None]:
    """Whatever is drawn inside, the global streams go on afterwards as if nothing had been."""
    restore = prepare_streams(save_streams())
    try:
        yield
    finally:
        restore()


def space_generators(space: spaces.Space[Any]) -> list[Any]:
    """The generators of a space and of the spaces inside it, in a fixed order.

    `None` stands for one that is not made yet: a space makes its generator at its first draw.
    """
    return [part._np_random for part in _spaces_inside(space)]


def prepare_space_generators(
    space: spaces.Space[Any], generators: list[Any], where: str
) -> Callable[[], None]:
    """Checks that the generators fit the space; returns what gives them to it.

    Raises:
        MismatchedCheckpoint: the space holds another number of spaces.
    """
    parts = _spaces_inside(space)
    if len(parts) != len(generators):
        raise MismatchedCheckpoint(
            f"{where} holds {len(parts)} spaces, the checkpoint has {len(generators)}: "
            "pass an environment with the spaces of the run"
        )

    def restore() -> None:
        for part, generator in zip(parts, generators, strict=True):
            part._np_random = generator

    return restore


def _spaces_inside(space: spaces.Space[Any]) -> list[spaces.Space[Any]]:
    # Dict, Tuple, Sequence, Graph and OneOf hold theirs as attributes or in one dict or tuple
    inner: list[spaces.Space[Any]] = []
    for value in vars(space).values():
        found = list(value.values()) if isinstance(value, dict) else value
        found = found if isinstance(found, (list, tuple)) else [found]
        inner += [item for item in found if isinstance(item, spaces.Space)]
    return [space, *(deeper for part in inner for deeper in _spaces_inside(part))]
