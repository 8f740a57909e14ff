"""Pickle and deepcopy of a model: a copy goes on as the model does, its environment included.

A copy holds no global random stream, for there is only one of each in a process, no logger and no
callbacks: like a checkpoint it holds their state, and `learn(callback=...)` passes them again.
"""

from __future__ import annotations

import inspect
from typing import Any

from stable_baselines3.common.vec_env import VecEnvWrapper, unwrap_vec_normalize

from ..run_state.loop import Loop
from ..run_state.missing import InexactCheckpoint, collecting, warn_of_missing
from ..run_state.model import Model
from ..saving.registry import save_parts

# output, and the environment, which is copied wrapper by wrapper
_APART = ("_logger", "_custom_logger", "env", "_vec_normalize_env")
_TOLD = "this copy of the run is not exact: it predicts and trains on; it lacks"


def state_of(model: Model) -> dict[str, Any]:
    """What a copy of the model is made of."""
    with collecting() as missing:
        (loop,) = save_parts(model, ("loop",)).values()
    warn_of_missing(missing, InexactCheckpoint, _TOLD, stacklevel=5)
    own = {name: value for name, value in vars(model).items() if name not in _APART}
    return {"attributes": own | {"_loop": Loop(**loop)}, "env": _unwrapped(model.env)}


def restore_state(model: Model, state: dict[str, Any]) -> None:
    """Makes a new object the copy."""
    env = _wrapped(*state["env"])
    own = {"_custom_logger": False, "env": env, "_vec_normalize_env": unwrap_vec_normalize(env)}
    vars(model).update(state["attributes"], **own)


def _unwrapped(env: Any) -> tuple[Any, list[tuple[type, dict[str, Any]]]]:
    """The innermost environment, and class and attributes of each wrapper, the outermost first.

    A `VecNormalize` leaves the environment out of its own copies, and a table of the members of its
    class, which cannot be copied, is in every wrapper.
    """
    wrappers = []
    while isinstance(env, VecEnvWrapper):
        own = {k: v for k, v in vars(env).items() if k not in ("venv", "class_attributes")}
        wrappers.append((type(env), own))
        env = env.venv
    return env, wrappers


def _wrapped(env: Any, wrappers: list[tuple[type, dict[str, Any]]]) -> Any:
    for kind, own in reversed(wrappers):
        wrapper = kind.__new__(kind)
        vars(wrapper).update(own, venv=env, class_attributes=dict(inspect.getmembers(kind)))
        env = wrapper
    return env
