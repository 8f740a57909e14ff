"""What a trained model holds, read from its live attributes: never from what it saves."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

_BUFFER = ("observations", "actions", "rewards", "values", "log_probs", "advantages", "returns")


def read_values(model: Any) -> dict[str, npt.NDArray[Any]]:
    """Every number that the golden files were written from, by the name it has there."""
    values = {**_of_policy(model.policy), **_of_scaler(model.vgs), **_of_run(model)}
    penalty, normalizer = model.kl_penalty, model.return_normalizer
    values["kl"] = [penalty.coefficient, penalty._integral, penalty._previous_error]
    values["returns"] = [normalizer._mean, normalizer._var, normalizer._count]
    return {name: np.asarray(value) for name, value in values.items()}


def read_streams() -> dict[str, npt.NDArray[Any]]:
    """The global random streams, by the names that they have in the golden file."""
    return {
        "stream/numpy": np.asarray(np.random.get_state()[1]),
        "stream/torch": torch.get_rng_state().numpy(),
        "stream/python": np.array(random.getstate()[1], np.uint32),
    }


def _of_policy(policy: Any) -> dict[str, Any]:
    optimizer, names = policy.optimizer, {p: name for name, p in policy.named_parameters()}
    values: dict[str, Any] = {f"policy/{name}": p.detach().numpy() for p, name in names.items()}
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            array = value.numpy() if isinstance(value, torch.Tensor) else value
            values[f"optimizer/{names[parameter]}/{key}"] = array
    values["optimizer/noise"] = optimizer._generators["cpu"].get_state().numpy()
    values["optimizer/lr"] = optimizer.param_groups[0]["lr"]
    return values


def _of_scaler(scaler: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"vgs/factor": scaler.factor, "vgs/n_updates": scaler.n_updates}
    rows = zip(scaler._tracked, scaler._exp_avgs, scaler._sq_norms, scaler._counts, strict=True)
    for name, mean, sq_norm, count in rows:
        values[f"vgs/{name}/mean"] = mean.numpy()
        values[f"vgs/{name}/sq_norm"], values[f"vgs/{name}/count"] = sq_norm, count
    return values


def _of_run(model: Any) -> dict[str, Any]:
    buffer = model.rollout_buffer
    values = {f"buffer/{name}": getattr(buffer, name) for name in (*_BUFFER, "episode_starts")}
    values["buffer/pos"], values["last_obs"] = buffer.pos, model._last_obs
    values["progress"] = [model.num_timesteps, model._n_updates, model._total_timesteps]
    return values
