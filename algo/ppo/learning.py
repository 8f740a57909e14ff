"""The pieces of a `learn()`: its start, afresh or where the saved run left off, and its loop."""

from __future__ import annotations

from stable_baselines3.common.type_aliases import MaybeCallback

from ..run_state.callbacks import CallbackRun
from ..run_state.loop import IDLE, Loop
from ..run_state.missing import InexactCheckpoint, InexactResume, warn_of_missing
from ..run_state.model import Model
from ..run_state.streams import prepare_streams, save_streams
from ..saving.tree import missing_of
from .rollout import collect_rollout


def start_learning(
    model: Model,
    total_timesteps: int,
    callback: MaybeCallback,
    reset_num_timesteps: bool,
    tb_log_name: str,
    progress_bar: bool,
    log_interval: int | None = None,
) -> tuple[int, CallbackRun]:
    """Sets the run up and starts the callbacks; the arguments are those of `learn()`.

    Callbacks find in `self.locals` every name that they find there in Stable-Baselines3.

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
    names = {
        "self": model,
        "total_timesteps": total_timesteps,
        "callback": root,
        "log_interval": log_interval,
        "tb_log_name": tb_log_name,
        "reset_num_timesteps": reset_num_timesteps,
        "progress_bar": progress_bar,
        "iteration": loop.iteration,
    }
    start = names, globals()
    loop.callbacks.on_training_start(*start)
    _take_up(model, loop)
    _tell_what_is_missing(model)
    if resuming:
        streams()  # the run that never stopped did not start here: its streams do not move
        if loop.pending is not None and loop.pending["hook"] == "on_training_start":
            first, loop.pending = loop.pending["first"], None
            loop.callbacks.on_training_start(*start, first=first)
    return total_timesteps, loop.callbacks


def _tell_what_is_missing(model: Model) -> None:
    """Warns before the first step, not after hours: of what the file lacked, and what it will."""
    lacking, model._missing = model._missing, []
    told = "this run goes on from a checkpoint that was not exact; it lacked"
    warn_of_missing(lacking, InexactResume, told, stacklevel=4)
    told = (
        "this run cannot be saved exactly: what is saved predicts and trains on, from a new "
        "episode, and save(..., exact=True) will refuse; it will lack"
    )
    warn_of_missing(missing_of(model), InexactCheckpoint, told, stacklevel=4)


def advance(
    model: Model,
    total_timesteps: int,
    callbacks: CallbackRun,
    log_interval: int | None,
    until: int | None = None,
) -> bool:
    """Trains to the end or, given `until`, to the first rollout boundary at or after it.

    A `learn()` in pieces is one `learn()`: callbacks, schedules and logs see no boundary.

    Args:
        model: whose `learn()` has been started.
        total_timesteps: where it ends, as `start_learning` returned it.
        callbacks: as `start_learning` returned them.
        log_interval: as in `learn()`.
        until: environment steps at which to pause; None does not.

    Returns:
        Whether the `learn()` is over: the total is reached, or a callback asked to stop.
    """
    loop = model._loop
    while model.num_timesteps < total_timesteps or loop.phase != IDLE:
        if until is not None and loop.phase == IDLE and model.num_timesteps >= until:
            return False
        if not collect_rollout(model, callbacks, model.n_steps):
            break
        loop.iteration += 1
        model._update_current_progress_remaining(model.num_timesteps, total_timesteps)
        if log_interval is not None and loop.iteration % log_interval == 0:
            _dump_logs(model)
        model.train()
        loop.phase = IDLE  # whatever train() is: a user's own need not call ours
    loop.learning = False
    callbacks.root.on_training_end()
    return True


def _dump_logs(model: Model) -> None:
    dump = getattr(model, "dump_logs", None) or model._dump_logs  # its name before SB3 2.6
    dump(model._loop.iteration)


def _take_up(model: Model, loop: Loop) -> None:
    """Gives callbacks and logger what waited for them in the checkpoint."""
    if loop.callbacks is not None:
        loop.callbacks.prepare(loop.callback_states)()
    loop.callback_states = {}
    for name, values in loop.log.items():
        getattr(model.logger, name).update(values)
    loop.log = {}
