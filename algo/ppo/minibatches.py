"""A full rollout in random minibatches, each with the rows of the buffer that it was made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer

from ..run_state.model import Model


def minibatches(model: Model) -> Iterator[tuple[Any, Any]]:
    """One epoch: random index arrays into the flattened buffer, with their samples.

    A buffer whose class has a `get` of its own is asked instead; its samples come without indices.
    """
    buffer = model.rollout_buffer
    if has_own_get(type(buffer)):
        yield from ((None, samples) for samples in buffer.get(model.batch_size))
        return
    size = buffer.buffer_size * buffer.n_envs
    indices = np.random.permutation(size)
    flatten(buffer)
    for start in range(0, size, model.batch_size):
        chosen = indices[start : start + model.batch_size]
        yield chosen, buffer._get_samples(chosen)


def has_own_get(kind: type[RolloutBuffer]) -> bool:
    """Whether a class of buffers draws minibatches in its own way."""
    return kind.get not in (RolloutBuffer.get, DictRolloutBuffer.get)


def flatten(buffer: Any) -> None:
    """(n_steps, n_envs, ...) to (n_steps * n_envs, ...), as RolloutBuffer.get does, once."""
    if buffer.generator_ready:
        return
    if isinstance(buffer.observations, dict):
        for key, values in buffer.observations.items():
            buffer.observations[key] = buffer.swap_and_flatten(values)
    else:
        buffer.observations = buffer.swap_and_flatten(buffer.observations)
    for name in ("actions", "values", "log_probs", "advantages", "returns"):
        setattr(buffer, name, buffer.swap_and_flatten(getattr(buffer, name)))
    buffer.generator_ready = True
