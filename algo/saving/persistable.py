"""save, load, get_parameters and set_parameters, all of them loops over the registry of parts."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from stable_baselines3.common.type_aliases import GymEnv

from ..checkpoint import UnsupportedValue, read, serialize, write, write_pieces
from ..run_state.missing import InexactCheckpoint, collecting, warn_of_missing
from ..run_state.model import Model
from .configuration import argument_names, restore_configuration
from .from_sb3 import read_stock
from .paths import existing, with_suffix
from .policy_state import link_spaces
from .rebuild import (
    build,
    device_to_read_on,
    enforce,
    keep_units,
    leave_devices_behind,
    replaced,
    require_state,
)
from .registry import names_of, prepare_parts, save_parts
from .tree import require_resumable, require_tree, run_tree, without_unstorable

# what an environment that is set changes in the model
_OF_ENVIRONMENT = ("env", "n_envs", "_vec_normalize_env", "_last_obs")
_SPACES = ("observation_space", "action_space")
_ARGUMENTS = {"lr_schedule": "learning_rate", "policy_class": "policy"}
M = TypeVar("M", bound="Persistent")
INEXACT = (
    "this run is not saved exactly: the file predicts and trains on, from a new episode, and "
    "save(..., exact=True) would refuse; it lacks"
)


class Persistent(Model):
    """What makes an algorithm resume exactly: SB3's calls, with stricter types, over the parts."""

    def save(  # type: ignore[override]
        self,
        path: str | Path | BinaryIO,
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
        *,
        exact: bool = False,
    ) -> None:
        """Writes one checkpoint, atomically; may be called at any environment step.

        What cannot be saved is left out and told, in a warning and in the manifest: such a file
        predicts, and trains on from a new episode. With `exact=True` it is an error instead.

        When it has returned, the checkpoint loads bit for bit after any crash; when it has not, the
        file that was there before is still there.

        Args:
            path: file to write (".zip" is added where the name has no suffix; directories are
                made), or a binary stream.
            exclude: names of run parts to leave out, such as "environment"; what is left out cannot
                be resumed exactly.
            exact: refuse instead of leaving anything out.
            include: not supported; what must be saved is declared in `checkpoint_attributes`.

        Raises:
            CheckpointError: with `exact`, part of the run cannot be saved; says what to write.
            ValueError: `exclude` names no run part, or `include` is given.
        """
        if include is not None:
            raise ValueError(
                f"include={include!r}: every part is saved already; declare an attribute of your "
                'own with checkpoint_attributes = {"name": saved()}'
            )
        excluded = {exclude} if isinstance(exclude, str) else set(exclude or ())
        of_run = names_of(type(self), learned=False)
        if not excluded <= set(of_run):
            raise ValueError(
                f"exclude={sorted(excluded - set(of_run))} are no run parts: expected some of "
                f"{list(of_run)}"
            )
        excluded |= _torn(self)
        target = with_suffix(path) if isinstance(path, (str, Path)) else path
        if isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
        kind = type(self).__name__
        if exact:
            write(target, run_tree(self, excluded), kind=kind)
            return
        with collecting() as missing:
            tree = run_tree(self, excluded)
            try:
                pieces = serialize(tree, kind=kind, missing=missing)
            except UnsupportedValue:
                tree = without_unstorable(tree)
                pieces = serialize(tree, kind=kind, missing=missing)
        warn_of_missing(missing, InexactCheckpoint, INEXACT, stacklevel=2)
        write_pieces(target, pieces)

    @classmethod
    def load(  # type: ignore[override]
        cls: type[M],
        path: str | Path | BinaryIO,
        env: GymEnv | None = None,
        device: Any = "auto",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = False,
        **kwargs: Any,
    ) -> M:
        """Reads a checkpoint; with `env`, `learn(..., reset_num_timesteps=False)` resumes the run.

        The environment gets back the state it had, and the global random streams go on where they
        were. Without `env` the model predicts, and no stream and no environment is touched.

        Args:
            path: the checkpoint, or a binary stream.
            env: an environment built like the run's; raw environments are wrapped as usual.
            device: where the networks go.
            custom_objects: more arguments, as in Stable-Baselines3; the same as `kwargs`, and also
                "observation_space", "action_space", "lr_schedule" and "policy_class".
            print_system_info: print the libraries of this machine, as in Stable-Baselines3.
            force_reset: start afresh in `env` (any number of environments): everything learned is
                restored, the partial rollout and the environment's state are dropped.
            **kwargs: constructor arguments that win over the file; a dict wins key by key.

        Raises:
            CheckpointError: the file is damaged, foreign, newer, or does not fit what was passed;
                nothing has been changed then, neither `env` nor a random stream.
            TypeError: a keyword is no constructor argument.
        """
        if print_system_info:
            from stable_baselines3.common.utils import get_system_info

            get_system_info()
        manifest, tree = read(existing(path), device=device_to_read_on())
        require_tree(tree, cls)
        objects = dict(custom_objects or {})
        tree["spaces"] |= {name: objects.pop(name) for name in _SPACES if name in objects}
        overrides = {**_arguments_among(objects), **kwargs}
        arguments = restore_configuration(tree["configuration"], overrides, argument_names(cls))
        model = build(cls, tree, arguments, env, device, force_reset)
        parts = dict(tree["parts"])
        fresh = replaced(model, parts, overrides)
        for name in fresh:
            del parts[name]  # switched or exchanged on the caller's word: a fresh one
        if env is None or force_reset:
            leave_devices_behind({n: parts[n] for n in parts if force_reset or n != "streams"})
        if env is None:
            waiting = {n: parts.pop(n) for n in names_of(cls, waits=True) if n in parts}
        elif force_reset:
            for name in names_of(cls, situated=True):
                parts.pop(name, None)
        else:
            require_resumable(cls, parts)
        apply = prepare_parts(model, parts)
        require_state(model, parts, overrides)
        apply()
        keep_units(model, tree["parts"], fresh)
        if env is None:
            model._suspended = waiting
        enforce(model, overrides)
        model._missing = manifest.get("missing", [])
        return model

    @classmethod
    def from_sb3_zip(
        cls: type[M],
        path: str | Path,
        env: GymEnv,
        *,
        trust_pickle: bool = False,
        device: Any = "auto",
    ) -> M:
        """Reads a stock PPO zip: weights, optimizer state, counters and arguments, not the run.

        Raises:
            ValueError: `trust_pickle` is not True; such a file runs code that it contains.
            CheckpointError: the policy or the optimizer is not one of Stable-Baselines3's own.
        """
        return read_stock(cls, path, env, trust_pickle, device)

    def get_parameters(self) -> dict[str, Any]:
        """A copy of everything learned, by part; it shares nothing with the model."""
        return copy.deepcopy(save_parts(self, names_of(type(self), learned=True)))

    def set_parameters(
        self,
        load_path_or_dict: str | Path | BinaryIO | dict[str, Any],
        exact_match: bool = True,
        device: Any = "auto",
    ) -> None:
        """Puts learned parts in place of the model's: all of them or, on any error, none.

        Args:
            load_path_or_dict: a checkpoint, or what `get_parameters` returned.
            exact_match: every learned part must be there; otherwise those that are.
            device: unused, parameters stay where the model's are; kept for Stable-Baselines3.

        Raises:
            CheckpointError: a part does not fit; the model is as it was.
            ValueError: unknown or missing parts.
        """
        states, learned = load_path_or_dict, names_of(type(self), learned=True)
        if not isinstance(states, dict):
            _, tree = read(existing(states), device=device_to_read_on())
            require_tree(tree, type(self))
            leave_devices_behind(tree["parts"])
            states = {name: tree["parts"][name] for name in learned}
        unknown, missing = set(states) - set(learned), set(learned) - set(states)
        if unknown or (exact_match and missing):
            raise ValueError(
                f"set_parameters got the unknown parts {sorted(unknown)} and misses "
                f"{sorted(missing)}: expected {list(learned)}, or fewer with exact_match=False"
            )
        prepare_parts(self, copy.deepcopy(states))()

    def set_env(self, env: GymEnv, force_reset: bool | None = None) -> None:
        """Gives the model an environment.

        Args:
            env: an environment with the spaces of the model.
            force_reset: whether the next `learn()` begins a new episode. Left out, the run that
                `load` read without an environment goes on in this one as `load(path, env=env)`
                would go on; otherwise the environment is reset, as in Stable-Baselines3.

        Raises:
            CheckpointError: the environment does not fit the run that was loaded, which goes on
                waiting for one; or start afresh with `force_reset=True`.
        """
        if force_reset is None:
            force_reset = not self._suspended
        before = {name: getattr(self, name) for name in _OF_ENVIRONMENT}
        super().set_env(env, force_reset=force_reset)
        own = {
            name: getattr(self.present_env, name) for name in ("observation_space", "action_space")
        }
        if force_reset:
            self._loop = type(self._loop)()
        elif self._suspended:
            try:
                apply = prepare_parts(self, self._suspended)
            except Exception:  # whatever it is, it is raised on, with nothing changed here
                vars(self).update(before)  # what waits goes on waiting for one that fits
                raise
            apply()
        link_spaces(self, own)
        self._suspended: dict[str, Any] = {}

    @property
    def remaining_timesteps(self) -> int:
        """Environment steps left of the `learn()` that was saved.

        `learn(model.remaining_timesteps, reset_num_timesteps=False)` ends where that one would
        have, on the same schedules.
        """
        return int(self._total_timesteps - self.num_timesteps)


def _torn(model: Model) -> set[str]:
    """The parts that are not worth saving because an error or Ctrl-C came in their midst."""
    unfinished = model._loop.unfinished
    if unfinished is None:
        return set()
    warnings.warn(
        f"{unfinished} was interrupted, so the environment and the rollout are between two steps "
        "and are left out of this checkpoint: it predicts, and trains on with load(path, env=env, "
        "force_reset=True); for exact resume take one that a callback saved before",
        stacklevel=3,
    )
    return set(names_of(type(model), situated=True))


def _arguments_among(given: dict[str, Any]) -> dict[str, Any]:
    """SB3 has names of attributes here; one says less than the argument, where both are given."""
    renamed = {_ARGUMENTS.get(name, name): value for name, value in given.items()}
    return renamed | {n: value for n, value in given.items() if n not in _ARGUMENTS}
