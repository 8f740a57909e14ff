"""Random streams of python and numpy, read without a draw; torch's are in `tensors`."""

import random
from array import array
from typing import Any

import numpy as np

from ...core.stream_positions import move_to, position_of
from ..kind import Kind
from .objects import attributes
from .reading import Reader, Reading


def _python(obj: random.Random) -> Reading:
    version, words, gauss = random.Random.getstate(obj)
    # gauss_next is in the state; whatever else was set on the instance is not
    added = [item for item in attributes(obj.__dict__) if item[0] != "gauss_next"]
    return ("rng", "python", version, gauss), added, (array("L", words).tobytes(), None)


def _system(obj: random.SystemRandom) -> Reading:
    """Numbers of the operating system cannot be restored; a spare one of `gauss` is kept here."""
    return ("rng", "system"), attributes(obj.__dict__), None


def _bit_generator(obj: Any) -> Reading:
    """The whole state, and the seed sequence that `spawn` draws children from."""
    facts: list[Any] = []
    packed: list[bytes] = []
    _flatten(obj.state, facts, packed)
    return ("rng", *facts), (("seed_seq", obj.seed_seq),), (b"".join(packed), None)


def _flatten(state: dict[str, Any], facts: list[Any], packed: list[bytes]) -> None:
    for name, value in state.items():
        if isinstance(value, dict):
            _flatten(value, facts, packed)
        elif isinstance(value, np.ndarray):
            packed.append(value.tobytes())
        else:
            facts.append((name, value if isinstance(value, str) else int(value)))


def _generator(obj: np.random.Generator) -> Reading:
    return ("generator",), (("bit_generator", obj.bit_generator),), None


def _legacy(obj: np.random.RandomState) -> Reading:
    """The bit generator, which may be shared, and the spare number of the normal distribution."""
    state = np.random.RandomState.get_state(obj, legacy=False)
    spare = (state["has_gauss"], float(state["gauss"]).hex())
    return ("generator", *spare), (("bit_generator", getattr(obj, "_bit_generator")),), None  # noqa: B009


def _seed_sequence(obj: np.random.SeedSequence) -> Reading:
    children = (("entropy", obj.entropy), ("spawn_key", obj.spawn_key))
    facts = ("seed_seq", obj.pool_size, obj.n_children_spawned)
    return facts, children, (np.ndarray.tobytes(obj.pool), None)


OWN_KINDS = (
    # a stream moves on while others draw from it: where it stood is set aside
    Kind(name="rng", bulk=True, take=position_of, write=move_to),
    Kind(name="generator", take=position_of, write=move_to),
    Kind(name="seed_seq"),
)

READERS: dict[type, Reader] = {
    random.Random: _python,
    random.SystemRandom: _system,
    np.random.BitGenerator: _bit_generator,
    np.random.Generator: _generator,
    np.random.RandomState: _legacy,
    np.random.SeedSequence: _seed_sequence,
}
