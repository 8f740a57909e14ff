"""Reading a stock Stable-Baselines3 PPO zip, which holds pickled code: only on the user's word."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.policies import (
    ActorCriticCnnPolicy,
    ActorCriticPolicy,
    MultiInputActorCriticPolicy,
)

from ..checkpoint import CheckpointError
from ..run_state.model import Model
from ..run_state.streams import preserved_streams
from .configuration import SCHEDULES, as_schedule, keywords_of
from .optimizer_state import settings_of
from .registry import PARTS, prepare_parts, save_parts

_POLICIES: dict[type, str] = {
    ActorCriticPolicy: "MlpPolicy",
    ActorCriticCnnPolicy: "CnnPolicy",
    MultiInputActorCriticPolicy: "MultiInputPolicy",
}
# the scalar head of the stock policy, and what it is here
_RENAMED = {"value_net.": "value_net.heads.0."}

M = TypeVar("M", bound=Model)


def read_stock(cls: type[M], path: str | Path, env: Any, trust_pickle: bool, device: Any) -> M:
    """A model of `cls` with the weights, optimizer state and counters of a stock PPO zip.

    Args:
        cls: `DistributionalPPO` or a class that extends it.
        path: the zip that `stable_baselines3.PPO.save` wrote.
        env: an environment with the same spaces.
        trust_pickle: must be True: reading such a file runs code that it contains.
        device: where the networks go.

    Raises:
        ValueError: `trust_pickle` is not True.
        CheckpointError: the policy is not one of Stable-Baselines3's own.
    """
    if trust_pickle is not True:
        raise ValueError(
            f"trust_pickle={trust_pickle!r}: a stock zip is unpickled, which runs whatever code it "
            "holds; pass trust_pickle=True if you know who wrote it"
        )
    with preserved_streams():  # PPO.load seeds the global streams
        stock = PPO.load(path, device="cpu")
        if stock.policy_class not in _POLICIES:
            raise CheckpointError(
                f"{path} holds the policy {stock.policy_class.__name__}: expected one of "
                f"{sorted(c.__name__ for c in _POLICIES)}; build the model and copy its weights"
            )
        model = cls(_POLICIES[stock.policy_class], env, device=device, **_arguments(stock))
    states = save_parts(model, ("policy", "policy.optimizer"))
    states["policy"]["tensors"] = _renamed(dict(stock.policy.named_parameters()))
    states["policy.optimizer"] |= _optimizer_state(stock.policy)
    prepare_parts(model, states)()
    (progress,) = (part for part in PARTS if part.name == "progress")
    progress.prepare(model, {name: getattr(stock, name) for name in progress.attributes})()
    return model


def _arguments(stock: PPO) -> dict[str, Any]:
    own_names = {"stats_window_size": "_stats_window_size"}
    skipped = ("policy", "env", "device", "rollout_buffer_class", "_init_setup_model")
    arguments = {
        name: getattr(stock, own_names.get(name, name))
        for name in keywords_of(PPO.__init__, *skipped)
    }
    for name in SCHEDULES:
        if arguments[name] is not None:
            arguments[name] = as_schedule(arguments[name], name)
    plain = {name: value for part in PARTS for name, value in part.stock.items()}
    return arguments | plain


def _renamed(tensors: dict[str, Any]) -> dict[str, Any]:
    def rename(name: str) -> str:
        for old, new in _RENAMED.items():
            if name.startswith(old):
                return new + name.removeprefix(old)
        return name

    return {rename(name): value for name, value in tensors.items()}


def _optimizer_state(policy: ActorCriticPolicy) -> dict[str, Any]:
    names: dict[torch.Tensor, str] = {p: name for name, p in policy.named_parameters()}
    states = {names[p]: dict(state) for p, state in policy.optimizer.state.items()}
    groups = [
        {key: value for key, value in group.items() if key != "params"}
        | {"params": list(_renamed({names[p]: p for p in group["params"]}))}
        for group in policy.optimizer.param_groups
    ]
    if type(policy.optimizer) is not torch.optim.Adam:
        raise CheckpointError(
            f"the stock model trains with {type(policy.optimizer).__name__}: expected Adam; build "
            "the model with that optimizer class and copy the weights"
        )
    states = _renamed(states)
    entries = {name: sorted(states.get(name, {})) for group in groups for name in group["params"]}
    settings = settings_of(groups)
    return {"groups": groups, "settings": settings, "states": states, "entries": entries}
