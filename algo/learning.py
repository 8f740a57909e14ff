"""The start of a `learn()`: afresh, or where the run that was saved left off."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.type_aliases import MaybeCallback

from algo.rollout import Loop
from algo.run_state.callbacks import CallbackRun
from algo.run_state.streams import prepare_streams, save_streams


def start_learning(
    model: Any,
    total_timesteps: int,
    callback: MaybeCallback,
    reset_num_timesteps: bool,
    tb_log_name: str,
    progress_bar: bool,
) -> tuple[int, CallbackRun]:
    """Sets the run up and starts the callbacks; the arguments are those of `learn()`.

    Returns:
        The timesteps at which to stop, and the callbacks in the state that the run had.
    """
    if reset_num_timesteps:
        model._loop = Loop()
    loop = model._loop
    resuming = loop.learning
    streams = prepare_streams(save_streams())
    total_timesteps, root = model._setup_learn(
        total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
    )
    if not resuming:
        loop.iteration = 0
    loop.learning = True
    loop.callbacks = CallbackRun(root, model)
    start = {"self": model, "total_timesteps": total_timesteps}, globals()
    loop.callbacks.on_training_start(*start)
    _take_up(model, loop)
    if resuming:
        streams()  # the run that never stopped did not start here: its streams do not move
        if loop.pending is not None and loop.pending["hook"] == "on_training_start":
            first, loop.pending = loop.pending["first"], None
            loop.callbacks.on_training_start(*start, first=first)
    return total_timesteps, loop.callbacks


def _take_up(model: Any, loop: Loop) -> None:
    """Gives callbacks and logger what waited for them in the checkpoint."""
    if loop.callbacks is not None:
        loop.callbacks.prepare(loop.callback_states)()
    loop.callback_states = {}
    for name, values in loop.log.items():
        getattr(model.logger, name).update(values)
    loop.log = {}
