"""The rows of the schema for random number generators and for spaces, which own one.

A generator is stored with its seed sequence, so that children spawned after loading are the same
too. The states are checked before the library sees them: numpy trusts a position in its buffers,
and a forged one would read outside them.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from ..errors import MismatchedCheckpoint, UnsupportedValue
from .arrays import find_device
from .plain import expect
from .schema import Codec, Decoder, Encoder, Json

BIT_GENERATORS: dict[str, type[np.random.BitGenerator]] = {
    kind.__name__: kind
    for kind in (
        np.random.MT19937,
        np.random.PCG64,
        np.random.PCG64DXSM,
        np.random.Philox,
        np.random.SFC64,
    )
}

# The last legal position in each generator's buffer, which numpy itself does not check.
LAST_POSITIONS = {"pos": 624, "buffer_pos": 4}

GLOBAL = "global"
"""Stands for the one stream that a library keeps for everybody; whoever saves streams saves it."""

SPACES: dict[str, spaces.Space[Any]] = {
    "Box": spaces.Box(0, 1),
    "Discrete": spaces.Discrete(1),
    "MultiDiscrete": spaces.MultiDiscrete([1]),
    "MultiBinary": spaces.MultiBinary(1),
    "Dict": spaces.Dict(),
    "Tuple": spaces.Tuple(()),
    "Text": spaces.Text(1),
}
"""One example of each space: its attributes are what a stored space must have."""


def _children(encoder: Encoder, values: dict[str, Any], path: str) -> dict[str, Json]:
    return {name: encoder.encode(value, f"{path}.{name}") for name, value in values.items()}


def _values(decoder: Decoder, content: Json, path: str, names: set[str]) -> dict[str, Any]:
    found = set(content) if type(content) is dict else set()
    expect(found == names, content, path, f"the keys {sorted(names)}")
    return {name: decoder.decode(value, f"{path}.{name}") for name, value in content.items()}


SEED_FIELDS = {"entropy", "spawn_key", "pool_size", "n_children_spawned"}


def _encode_seeds(encoder: Encoder, value: np.random.SeedSequence, path: str) -> Json:
    state = {**value.state}
    return _children(encoder, {name: state[name] for name in sorted(SEED_FIELDS)}, path)


def _decode_seeds(decoder: Decoder, content: Json, path: str) -> np.random.SeedSequence:
    values = _values(decoder, content, path, SEED_FIELDS)
    # The pool is allocated and mixed in quadratic time.
    expect(values["pool_size"] in range(4, 1025), content, path, "a pool of 4 to 1024 words")
    return np.random.SeedSequence(**values)


def _encode_bits(encoder: Encoder, value: np.random.BitGenerator, path: str) -> Json:
    state = dict(value.state)
    kind = state.pop("bit_generator")
    return {"kind": kind, **_children(encoder, {"seed_seq": value.seed_seq, "state": state}, path)}


def _decode_bits(decoder: Decoder, content: Json, path: str) -> np.random.BitGenerator:
    content = dict(content)
    kind = content.pop("kind")
    values = _values(decoder, content, path, {"seed_seq", "state"})
    state, seeds = {"bit_generator": kind, **values["state"]}, values["seed_seq"]
    expect(seeds is None or type(seeds) is np.random.SeedSequence, content, path, "a seed sequence")
    _check_positions(state, path)
    if seeds is None:
        result: Any = np.random.MT19937(0)
        # The legacy seeding is the one way to a bit generator without a seed sequence.
        result._legacy_seeding(0)
        expect(kind == "MT19937", kind, path, "MT19937, as there is no seed sequence")
    else:
        result = BIT_GENERATORS[kind](seeds)
    result.state = state
    expect(_equal(result.state, state), kind, path, "a state that the generator takes unchanged")
    return result  # type: ignore[no-any-return]


def _check_positions(state: dict[str, Any], path: str) -> None:
    for part in (state, state.get("state", {})):
        for name, last in LAST_POSITIONS.items():
            place = part.get(name, 0)
            expect(type(place) is int and 0 <= place <= last, place, path, f"{name} up to {last}")


def _equal(found: Any, expected: Any) -> bool:
    if type(found) is not type(expected):
        return False
    if isinstance(found, dict):
        return found.keys() == expected.keys() and all(
            _equal(found[key], expected[key]) for key in found
        )
    if isinstance(found, np.ndarray):
        return found.dtype == expected.dtype and np.array_equal(found, expected)
    return bool(found == expected)


def _encode_generator(encoder: Encoder, value: np.random.Generator, path: str) -> Json:
    return _children(encoder, {"bit_generator": value.bit_generator}, path)


def _decode_generator(decoder: Decoder, content: Json, path: str) -> np.random.Generator:
    values = _values(decoder, content, path, {"bit_generator"})
    return np.random.Generator(values["bit_generator"])


def _encode_legacy(encoder: Encoder, value: np.random.RandomState, path: str) -> Json:
    if value is np.random.mtrand._rand:
        return GLOBAL
    state: Any = value.get_state(legacy=False)
    bits = value._bit_generator  # it may be shared with a Generator
    gauss = {name: state[name] for name in ("has_gauss", "gauss")}
    return _children(encoder, {"bit_generator": bits, **gauss}, path)


def _decode_legacy(decoder: Decoder, content: Json, path: str) -> np.random.RandomState:
    if content == GLOBAL:
        return np.random.mtrand._rand
    values = _values(decoder, content, path, {"bit_generator", "has_gauss", "gauss"})
    bits = values.pop("bit_generator")
    result = np.random.RandomState(bits)
    result.set_state({**bits.state, **values})
    return result


def _encode_python(encoder: Encoder, value: random.Random, path: str) -> Json:
    if value is getattr(random, "_inst", None):
        return GLOBAL
    version, words, gauss = value.getstate()
    array = np.array(words, np.uint32)
    return _children(encoder, {"version": version, "words": array, "gauss": gauss}, path)


def _decode_python(decoder: Decoder, content: Json, path: str) -> random.Random:
    if content == GLOBAL:
        return random._inst
    values = _values(decoder, content, path, {"version", "words", "gauss"})
    expect(type(values["gauss"]) in (float, type(None)), content, path, "a float or null")
    result = random.Random()
    result.setstate((values["version"], tuple(values["words"].tolist()), values["gauss"]))
    return result


def _encode_torch(encoder: Encoder, value: torch.Generator, path: str) -> Json:
    if value is torch.default_generator:
        return GLOBAL
    return {"device": str(value.device), **_children(encoder, {"state": value.get_state()}, path)}


def _decode_torch(decoder: Decoder, content: Json, path: str) -> torch.Generator:
    if content == GLOBAL:
        return torch.default_generator
    content = dict(content)
    name = content.pop("device")
    state = _values(decoder, content, path, {"state"})["state"]
    device = find_device(decoder, name, path)
    if device.type != torch.device(name).type:
        raise MismatchedCheckpoint(
            f"{path} is a generator of the device {name!r}, expected the same kind of device; its "
            f"stream cannot continue on {str(device)!r}."
        )
    result = torch.Generator(device=device)
    result.set_state(state.cpu())
    return result


def _encode_space(encoder: Encoder, value: spaces.Space[Any], path: str) -> Json:
    kind = type(value).__name__
    extra = set(vars(value)) ^ set(vars(SPACES[kind]))
    if extra:
        raise UnsupportedValue(
            f"{path} is a {kind} with the attributes {sorted(extra)} added or missing, expected "
            "those of gymnasium alone; keep them outside the space."
        )
    return {"kind": kind, **_children(encoder, vars(value), path)}


def _decode_space(decoder: Decoder, content: Json, path: str) -> spaces.Space[Any]:
    content = dict(content)
    example = SPACES[content.pop("kind")]
    if set(content) != set(vars(example)):
        raise MismatchedCheckpoint(
            f"{path} is a {type(example).__name__} with the attributes {sorted(content)}, expected "
            f"{sorted(vars(example))}; load it with the gymnasium version of the manifest."
        )
    values = _values(decoder, content, path, set(content))
    generator = values["_np_random"]
    legal = generator is None or type(generator) is np.random.Generator
    expect(legal, content["_np_random"], path, "a numpy Generator or null")
    result: spaces.Space[Any] = type(example).__new__(type(example))
    vars(result).update(values)
    return result


GENERATOR_CODECS = (
    Codec(
        tag="$seed_sequence",
        kind=np.random.SeedSequence,
        encode=_encode_seeds,
        decode=_decode_seeds,
        shared=True,
    ),
    *(
        Codec(tag="$bits", kind=kind, encode=_encode_bits, decode=_decode_bits, shared=True)
        for kind in BIT_GENERATORS.values()
    ),
    Codec(
        tag="$generator",
        kind=np.random.Generator,
        encode=_encode_generator,
        decode=_decode_generator,
        shared=True,
    ),
    Codec(
        tag="$random_state",
        kind=np.random.RandomState,
        encode=_encode_legacy,
        decode=_decode_legacy,
        shared=True,
    ),
    Codec(
        tag="$random",
        kind=random.Random,
        encode=_encode_python,
        decode=_decode_python,
        shared=True,
    ),
    Codec(
        tag="$torch_generator",
        kind=torch.Generator,
        encode=_encode_torch,
        decode=_decode_torch,
        shared=True,
    ),
    *(
        Codec(
            tag="$space", kind=type(space), encode=_encode_space, decode=_decode_space, shared=True
        )
        for space in SPACES.values()
    ),
)
"""One row a type of generator or space."""
