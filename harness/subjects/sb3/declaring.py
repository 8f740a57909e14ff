"""A Stable-Baselines3 algorithm put under test, as its user writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from ...core.errors import InvalidSubject
from ...core.exclusions import Exclusion, declared, require_exclusions
from ...core.expected import STOCK, expected_of
from ...core.expected import expected_losses as expected
from .callbacks import require_factory
from .exclusions import OF_CALLBACKS, OF_WRAPPERS, WALL_CLOCK
from .options import BETWEEN_CALLS, choices_of, is_stock, require_known, save_points_of
from .subject import Sb3Subject


def sb3(
    algorithm: type[BaseAlgorithm],
    *,
    env: str | Callable[[], VecEnv],
    exclusions: Sequence[Exclusion] = (),
    callback: Callable[[], Any] | None = None,
    save_extras: bool | None = None,
    save_points: str | None = None,
    expected_losses: Mapping[str, str] | str = MappingProxyType({}),
    strict: bool = False,
    choices: Mapping[str, Sequence[Any]] | None = None,
    variants: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
    copies: Sequence[str] = (),
    **options: Any,
) -> Sb3Subject:
    """A Stable-Baselines3 algorithm under test.

    It is saved as SB3's documentation says: between two calls of `learn()`, the replay buffer and
    `VecNormalize` to files of their own. A class with a `save` of its own is saved by that alone.

    Args:
        algorithm: the class.
        env: a registered environment's name, or a function that makes a vectorised environment.
        exclusions: what is not compared, on top of the wall-clock fields and of what the class
            declares as `checkpoint_exclusions`, a mapping of KeyPath pattern -> reason.
        callback: a function, or `module:name` of one: `callback()` makes the callback, or the
            list of them, that `learn()` gets: anew for every run, and again after a load; its
            state counts as the run's.
        save_extras: whether to save replay buffer and `VecNormalize` to files of their own;
            otherwise decided by the class.
        save_points: "between calls" of `learn()`, or "any step", the author's claim that a save
            inside of `learn()` is exact too; otherwise what the class declares as
            `checkpoint_save_points`, and between calls where it declares nothing.
        expected_losses: as for `loop`; "sb3", alone or as one of the patterns, for what the stock
            class that the algorithm is built on loses in the same scenario, found by running it
            beside.
        strict: whether every difference fails, not only those that change the future.
        choices: values of options that scenarios are drawn from, the plainest first; small ones
            are offered for what is neither fixed nor named here.
        variants: further choices, of several options at once: what a scenario calls it -> name of
            each value -> options. Without a word the first is in force.
        copies: "pickle" and "deepcopy", where a copy of the model is to be as good as a checkpoint,
            "set_env", where it is to be loaded without an environment that is set later.
        **options: `n_envs`, `max_episode_steps` and `normalize` (VecNormalize) for a named
            environment; all others are the algorithm's own, a `policy` as `module:Class` too. Where
            nobody says, the policy fits the observations, and rollouts, batches, `buffer_size` and
            `learning_starts` are as short as the run: a million steps would show no more.

    Raises:
        InvalidSubject: the algorithm is no class of SB3's or built on one, or an option is none.
    """
    if not (isinstance(algorithm, type) and issubclass(algorithm, BaseAlgorithm)):
        raise InvalidSubject(
            f"expected the class of an SB3 algorithm, got {algorithm!r} "
            f"({type(algorithm).__name__}): write sb3(PPO, env='CartPole-v1')"
        )
    require_known(algorithm, options)
    known = expected_of(expected_losses)
    own = tuple(dict.fromkeys((*declared(algorithm), *require_exclusions(exclusions))))
    return Sb3Subject(
        algorithm=algorithm,
        options={"env": env, **options},
        choices=choices_of(algorithm, {"env": env, **options}, choices or {}, variants or {}),
        variants=variants or {},
        exclusions=(*WALL_CLOCK, *OF_WRAPPERS, *(OF_CALLBACKS if callback else ()), *own),
        own_exclusions=own,
        expected_losses=expected({p: why for p, why in known.items() if p != STOCK}),
        beside_stock=STOCK in known,
        save_extras=is_stock(algorithm) if save_extras is None else save_extras,
        between_calls=save_points_of(algorithm, save_points) == BETWEEN_CALLS,
        strict=strict,
        callback=require_factory(callback),
        copies=tuple(copies),
    )
