"""The training loop, re-entrant at every environment step.

Stable-Baselines3 calls the callbacks before the transition is in the buffer and before the last
observation moves: at that moment part of the run lives in local variables. Here a step is complete
before any callback sees it, so that a checkpoint saved by one of them holds the whole run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.utils import obs_as_tensor

from ..run_state.callbacks import CallbackRun
from ..run_state.loop import COLLECTED, COLLECTING, IDLE
from ..run_state.model import Model
from .lean import LeanActor, fill_values, lean_actor, record


def collect_rollout(model: Model, callbacks: CallbackRun, n_steps: int) -> bool:
    """Goes on with the current rollout, or begins one, until the buffer is ready for training.

    Args:
        model: a `DistributionalPPO` with an environment.
        callbacks: called after every complete step.
        n_steps: length of a rollout, in steps of every environment.

    Returns:
        False when a callback asked to stop; the partial rollout is kept.
    """
    loop = model._loop
    model.policy.set_training_mode(False)
    if not _finish_pending(model, callbacks):
        return False
    if loop.phase == IDLE:
        _begin(model, callbacks)
    actor, watched = lean_actor(model), callbacks.are_anyones_own()
    while loop.phase == COLLECTING and model.rollout_buffer.pos < n_steps:
        with loop.indivisible("an environment step"):
            if actor is None:
                _step(model)
            else:
                _lean_step(model, actor, watched)
        callbacks.root.update_locals(_locals(model, callbacks))
        if not callbacks.on_step():
            return False
    if loop.phase == COLLECTING:
        _complete(model)
        callbacks.root.update_locals(_locals(model, callbacks))
        callbacks.on_rollout_end()
    return True


def _locals(model: Model, callbacks: CallbackRun) -> dict[str, Any]:
    """What callbacks find in `self.locals`: every name that they find there in SB3."""
    return {
        **model._loop.transition,
        "self": model,
        "env": model.present_env,
        "callback": callbacks.root,
        "rollout_buffer": model.rollout_buffer,
        "n_rollout_steps": model.n_steps,
    }


def _finish_pending(model: Model, callbacks: CallbackRun) -> bool:
    """Calls the callbacks that had not been called yet when one of them saved the run."""
    pending, model._loop.pending = model._loop.pending, None
    if pending is None:
        return True
    model._loop.transition = pending["transition"]
    callbacks.root.update_locals(_locals(model, callbacks))
    return callbacks.finish(pending)


def _begin(model: Model, callbacks: CallbackRun) -> None:
    model.rollout_buffer.reset()
    model._loop.phase = COLLECTING
    if model.use_sde:
        _reset_noise(model)
    callbacks.on_rollout_start()


def _reset_noise(model: Model) -> None:
    with torch.no_grad():  # exploration noise is data: a graph behind it could not be saved
        model.policy.reset_noise(model.present_env.num_envs)


def _step(model: Model) -> None:
    """One step of every environment, stored completely."""
    buffer = model.rollout_buffer
    if model.use_sde and model.sde_sample_freq > 0 and buffer.pos % model.sde_sample_freq == 0:
        _reset_noise(model)
    with torch.no_grad():
        observations = obs_as_tensor(model._last_obs, model.device)
        actions_t, values, log_probs = model.policy(observations)
        values = model.denormalize_values(values)
    actions = actions_t.cpu().numpy()
    performed = _performable(model, actions)
    new_obs, rewards, dones, infos = _perform(model, performed)
    model._loop.transition = {
        "obs_tensor": observations,
        "actions": actions,
        "clipped_actions": performed,
        "values": values,
        "log_probs": log_probs,
        "new_obs": new_obs,
        "rewards": rewards,
        "dones": dones,
        "infos": infos,
        "n_steps": buffer.pos,  # those before this one
    }
    if isinstance(model.action_space, spaces.Discrete):
        actions = actions.reshape(-1, 1)
    bootstrapped = _bootstrap_truncated(model, rewards, dones, infos)
    buffer.add(
        model._last_obs, actions, bootstrapped, model._last_episode_starts, values, log_probs
    )
    model._last_obs, model._last_episode_starts = new_obs, dones


def _lean_step(model: Model, actor: LeanActor, watched: bool) -> None:
    """The same by the lean actor; what only callbacks want is made where one is watching."""
    actions, log_probs = actor.act(model._last_obs)
    actions = actions.reshape((-1, *(model.action_space.shape or ())))
    performed = _performable(model, actions)
    seen = _for_watchers(model, log_probs) if watched else {}
    new_obs, rewards, dones, infos = _perform(model, performed)
    model._loop.transition = {
        **seen,
        "actions": actions,
        "clipped_actions": performed,
        "new_obs": new_obs,
        "rewards": rewards,
        "dones": dones,
        "infos": infos,
        "n_steps": model.rollout_buffer.pos,
    }
    record(model, _bootstrap_truncated(model, rewards, dones, infos), actions, log_probs)
    model._last_obs, model._last_episode_starts = new_obs, dones


def _for_watchers(model: Model, log_probs: np.ndarray[Any, Any]) -> dict[str, Any]:
    observations = obs_as_tensor(model._last_obs, model.device)
    values = model.predict_values(observations)
    return {
        "obs_tensor": observations,
        "values": values,
        "log_probs": torch.from_numpy(log_probs),
    }


def _perform(model: Model, performed: np.ndarray[Any, Any]) -> Any:
    new_obs, rewards, dones, infos = model.present_env.step(performed)
    model.num_timesteps += model.present_env.num_envs
    model._update_info_buffer(infos, dones)
    return new_obs, rewards, dones, infos


def _performable(model: Model, actions: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not isinstance(model.action_space, spaces.Box):
        return actions
    if model.policy.squash_output:
        unscaled: np.ndarray[Any, Any] = model.policy.unscale_action(actions)
        return unscaled
    clipped: np.ndarray[Any, Any] = np.clip(
        actions, model.action_space.low, model.action_space.high
    )
    return clipped


def _bootstrap_truncated(
    model: Model, rewards: np.ndarray[Any, Any], dones: np.ndarray[Any, Any], infos: list[Any]
) -> np.ndarray[Any, Any]:
    """Adds the discounted value of the last observation where only a time limit ended it.

    Source: https://github.com/DLR-RM/stable-baselines3/issues/633
    """
    if not dones.any():
        return rewards
    bootstrapped = rewards.copy()  # callbacks see the reward that the environment gave
    for index in np.flatnonzero(dones):
        terminal = infos[index].get("terminal_observation")
        if terminal is not None and infos[index].get("TimeLimit.truncated", False):
            observation = model.policy.obs_to_tensor(terminal)[0]
            bootstrapped[index] += model.gamma * model.predict_values(observation)[0]
    return bootstrapped


def _complete(model: Model) -> None:
    """Computes returns and advantages; from here on the update is what comes next."""
    buffer = model.rollout_buffer
    fill_values(model)
    # the model's are the ones a user, or a population, changes
    buffer.gamma, buffer.gae_lambda = model.gamma, model.gae_lambda
    last_values = model.predict_values(obs_as_tensor(model._last_obs, model.device))
    buffer.compute_returns_and_advantage(last_values, dones=model._last_episode_starts)
    model._loop.transition = {**model._loop.transition, "values": last_values}
    model._loop.phase = COLLECTED
