"""save, load, get_parameters and set_parameters, all of them loops over the registry of parts."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from stable_baselines3.common.type_aliases import GymEnv

from ..checkpoint import MismatchedCheckpoint, NoCheckpoint, read, write
from ..run_state.claims import require_entries
from .configuration import restore_configuration, save_configuration
from .from_sb3 import read_stock
from .ownership import require_claimed
from .policy_state import link_spaces
from .rebuild import build, enforce, replaced, require_state
from .registry import PARTS, RUN_PARTS, SITUATION, prepare_parts, save_parts

# what an environment that is set changes in the model
_OF_ENVIRONMENT = ("env", "n_envs", "_vec_normalize_env", "_last_obs")
LEARNED = tuple(part.name for part in PARTS if part.learned)


class Persistent:
    """What makes an algorithm resume exactly; to be named before the Stable-Baselines3 class.

    The class must offer `argument_names`, `constructor_arguments` and `configuration_attributes`.
    """

    def save(
        self: Any,
        path: str | Path | BinaryIO,
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
    ) -> None:
        """Writes one checkpoint, atomically; may be called at any environment step.

        When it has returned, the checkpoint loads bit for bit after any crash; when it has not, the
        file that was there before is still there.

        Args:
            path: file to write (".zip" is added where the name has no suffix; directories are
                made), or a binary stream.
            exclude: names of run parts to leave out, such as "environment"; what is left out cannot
                be resumed exactly.
            include: not supported; what must be saved is declared in `checkpoint_attributes`.

        Raises:
            CheckpointError: part of the run cannot be saved; says which and what to write.
            ValueError: `exclude` names no run part, or `include` is given.
        """
        if include is not None:
            raise ValueError(
                f"include={include!r}: every part is saved already; declare an attribute of your "
                'own with checkpoint_attributes = {"name": saved()}'
            )
        excluded = {exclude} if isinstance(exclude, str) else set(exclude or ())
        if not excluded <= set(RUN_PARTS):
            raise ValueError(
                f"exclude={sorted(excluded - set(RUN_PARTS))} are no run parts: expected some of "
                f"{list(RUN_PARTS)}"
            )
        tree = run_tree(self, excluded | _torn(self))
        target = with_suffix(path) if isinstance(path, (str, Path)) else path
        if isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
        write(target, tree, kind=type(self).__name__)

    @classmethod
    def load(
        cls: Any,
        path: str | Path | BinaryIO,
        env: GymEnv | None = None,
        device: Any = "auto",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Reads a checkpoint; with `env`, `learn(..., reset_num_timesteps=False)` resumes the run.

        The environment gets back the state it had, and the global random streams go on where they
        were. Without `env` the model predicts, and no stream and no environment is touched.

        Args:
            path: the checkpoint, or a binary stream.
            env: an environment built like the run's; raw environments are wrapped as usual.
            device: where the networks go.
            custom_objects: more arguments, as in Stable-Baselines3; the same as `kwargs`.
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
        _, tree = read(existing(path))
        require_tree(tree, cls)
        overrides = {**_arguments_among(custom_objects), **kwargs}
        arguments = restore_configuration(tree["configuration"], overrides, cls.argument_names())
        model = build(cls, tree, arguments, env, device, force_reset)
        parts = dict(tree["parts"])
        for name in replaced(model, parts, overrides):
            del parts[name]  # switched or exchanged on the caller's word: a fresh one
        if env is None:
            waiting = {n: parts.pop(n) for n in ("environment", "spaces", "streams") if n in parts}
        elif force_reset:
            for name in SITUATION:
                parts.pop(name, None)
        else:
            _require_resumable(parts)
        apply = prepare_parts(model, parts)
        require_state(model, parts, overrides)
        apply()
        if env is None:
            model._suspended = waiting
        enforce(model, overrides)
        return model

    @classmethod
    def from_sb3_zip(
        cls: Any,
        path: str | Path,
        env: GymEnv,
        *,
        trust_pickle: bool = False,
        device: Any = "auto",
    ) -> Any:
        """Reads a stock PPO zip: weights, optimizer state, counters and arguments, not the run.

        Raises:
            ValueError: `trust_pickle` is not True; such a file runs code that it contains.
            CheckpointError: the policy or the optimizer is not one of Stable-Baselines3's own.
        """
        return read_stock(cls, path, env, trust_pickle, device)

    def get_parameters(self: Any) -> dict[str, Any]:
        """A copy of everything learned, by part; it shares nothing with the model."""
        return copy.deepcopy(save_parts(self, LEARNED))

    def set_parameters(
        self: Any,
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
        states = load_path_or_dict
        if not isinstance(states, dict):
            _, tree = read(existing(states))
            require_tree(tree, type(self))
            states = {name: tree["parts"][name] for name in LEARNED}
        unknown, missing = set(states) - set(LEARNED), set(LEARNED) - set(states)
        if unknown or (exact_match and missing):
            raise ValueError(
                f"set_parameters got the unknown parts {sorted(unknown)} and misses "
                f"{sorted(missing)}: expected {list(LEARNED)}, or fewer with exact_match=False"
            )
        prepare_parts(self, copy.deepcopy(states))()

    def set_env(self: Any, env: GymEnv, force_reset: bool = True) -> None:
        """Gives the model an environment; after `load` without one, `force_reset=False` resumes.

        Raises:
            CheckpointError: the environment does not fit the run that was loaded.
        """
        before = {name: getattr(self, name) for name in _OF_ENVIRONMENT}
        super().set_env(env, force_reset=force_reset)  # type: ignore[misc]
        own = {name: getattr(self.env, name) for name in ("observation_space", "action_space")}
        if force_reset:
            self._loop = type(self._loop)()
        elif self._suspended:
            try:
                apply = prepare_parts(self, self._suspended)
            except Exception:
                vars(self).update(before)  # what waits goes on waiting for one that fits
                raise
            apply()
        link_spaces(self, own)
        self._suspended: dict[str, Any] = {}

    @property
    def remaining_timesteps(self: Any) -> int:
        """Environment steps left of the `learn()` that was saved.

        `learn(model.remaining_timesteps, reset_num_timesteps=False)` ends where that one would
        have, on the same schedules.
        """
        return int(self._total_timesteps - self.num_timesteps)


def require_tree(tree: dict[str, Any], cls: type) -> None:
    """Checks that a checkpoint holds the parts of this class and no others.

    Raises:
        MismatchedCheckpoint: lists the missing and the unknown ones.
    """
    require_entries("the checkpoint", tree, ("configuration", "spaces", "parts"))
    names = {part.name for part in PARTS}
    unknown = set(tree["parts"]) - names
    missing = set(LEARNED) - set(tree["parts"])
    if unknown or missing:
        raise MismatchedCheckpoint(
            f"the checkpoint has the unknown parts {sorted(unknown)} and misses {sorted(missing)}: "
            f"expected {sorted(names)} for {cls.__name__}"
        )


def run_tree(model: Any, excluded: Collection[str] = ()) -> dict[str, Any]:
    """What a checkpoint of the model holds: configuration, spaces, and every part not excluded.

    Raises:
        CheckpointError: part of the run cannot be saved; says which and what to write.
    """
    require_claimed(model)
    names = [part.name for part in PARTS if part.name not in excluded]
    if model.env is None and not model._suspended:
        names = [name for name in names if name != "environment"]
    return {
        "configuration": save_configuration(model),
        "spaces": {
            "observation_space": model.observation_space,
            "action_space": model.action_space,
            "n_envs": model.n_envs,
        },
        "parts": save_parts(model, names),
    }


def _torn(model: Any) -> set[str]:
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
    return set(SITUATION)


def _arguments_among(custom_objects: dict[str, Any] | None) -> dict[str, Any]:
    """SB3's habit is to pass `lr_schedule` beside, or in place of, the learning rate it is of."""
    given = dict(custom_objects or {})
    if "lr_schedule" in given:
        given.setdefault("learning_rate", given["lr_schedule"])
        del given["lr_schedule"]
    return given


def _require_resumable(parts: dict[str, Any]) -> None:
    missing = [name for name in RUN_PARTS if name not in parts]
    if missing:
        raise MismatchedCheckpoint(
            f"the checkpoint was saved without {missing}, so the run cannot be resumed exactly: "
            "start afresh with load(path, env=env, force_reset=True), or load without env to "
            "predict"
        )


def with_suffix(path: str | Path) -> Path:
    """The path of the file, with ".zip" added where the name has no suffix."""
    path = Path(path)
    return path if path.suffix else path.with_name(f"{path.name}.zip")


def existing(path: Any) -> Any:
    """The path of the file that is there, with or without ".zip"; a stream as it is.

    Raises:
        NoCheckpoint: there is no such file.
    """
    if not isinstance(path, (str, Path)) or Path(path).is_file():
        return path
    found = with_suffix(path)
    if not found.exists():
        raise NoCheckpoint(
            f"expected a checkpoint at {str(path)!r} or {str(found)!r}, got no such file: check "
            "the path, or look for the newest with find_latest(directory)"
        )
    return found
