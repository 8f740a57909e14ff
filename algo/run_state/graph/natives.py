"""Objects that libraries keep in memory of their own, and the calls of theirs that read and set it.

A type is known by identity: it is looked up in its library where that is loaded already, and never
imported, nor told by a name. What is not here is refused by name.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt

from ...checkpoint import MismatchedCheckpoint

Bytes: TypeAlias = npt.NDArray[np.uint8]


@final
@dataclass(frozen=True, kw_only=True)
class Native:
    """One type of a library.

    Attributes:
        module: the module that must be loaded for such an object to exist.
        type_name: the name of the type there.
        save: returns the state as plain data; None for a handle on something outside the run, which
            is the live one or made again where it is None.
        put: (state, the live object in its place or None) to the object to hold from now on.
        refuse: says why this object of the type cannot be saved, or None.
    """

    module: str
    type_name: str
    save: Callable[[Any], Any] | None = None
    put: Callable[[Any, Any], Any] = lambda _state, live: live
    refuse: Callable[[Any], str | None] = lambda _value: None

    @property
    def name(self) -> str:
        """Returns the name under which a checkpoint holds such an object."""
        return f"{self.module}.{self.type_name}"

    def type(self) -> type | None:
        """Returns the type, where its library is loaded."""
        found = getattr(sys.modules.get(self.module), self.type_name, None)
        return found if isinstance(found, type) else None


def native_of(value: Any) -> Native | None:
    """Returns the row of the value's type, or None."""
    return next((row for row in _rows() if isinstance(value, row.type() or ())), None)


def native_named(name: str) -> Native | None:
    """Returns the row with this name, or None."""
    return next((row for row in _rows() if row.name == name), None)


def is_handle(value: Any) -> bool:
    """Returns whether the value is no state: a clock, a font, a log."""
    row = native_of(value)
    return row is not None and row.save is None and row.refuse(value) is None


def _rows() -> Iterator[Native]:
    for row in NATIVES:
        if row.module in sys.modules:
            yield row


def _require_live(live: Any, what: str) -> Any:
    if live is None:
        raise MismatchedCheckpoint(
            f"expected the environment to hold a {what} where the run's did, got none: build it "
            "as the run's was, and let its constructor make it"
        )
    return live


def _block(data: bytes) -> Bytes:
    return np.frombuffer(data, np.uint8)  # an array is stored as it is, bytes as digits


def _save_mujoco(data: Any) -> Bytes:
    return _block(data.__getstate__())  # mujoco's own format, the model within it


def _put_mujoco(state: Bytes, live: Any) -> Any:
    mujoco = sys.modules["mujoco"]
    _require_live(live, "mujoco.MjData")
    saved = mujoco.MjData.__new__(mujoco.MjData)
    saved.__setstate__(state.tobytes())
    if saved.model.__getstate__() != live.model.__getstate__():
        _copy_model(saved.model, live.model)
    mujoco.mj_copyData(live, live.model, saved)
    return live


def _copy_model(saved: Any, live: Any) -> None:
    """Gives the live model the numbers of the saved one: an environment may change its masses."""
    _copy_numbers(saved, live)
    if saved.__getstate__() != live.__getstate__():
        raise MismatchedCheckpoint(
            "expected an environment with the MuJoCo model of the run, got another one: build it "
            "from the same file"
        )


def _copy_numbers(saved: Any, live: Any) -> None:
    for name in (name for name in dir(live) if not name.startswith("_")):
        before, now = getattr(saved, name), getattr(live, name)
        if hasattr(now, "dtype") and now.shape == before.shape and now.flags.writeable:
            now[...] = before
        elif isinstance(now, (int, float)) and now != before:
            setattr(live, name, before)
        elif name in ("opt", "stat", "vis", "global_", "map", "scale", "rgba", "quality"):
            _copy_numbers(before, now)


def _put_model(_state: Any, live: Any) -> Any:
    return _require_live(live, "mujoco.MjModel")  # its numbers come with those of its MjData


def _save_atari(interface: Any) -> Bytes:
    return _block(interface.cloneState(include_rng=True).serialize())


def _put_atari(state: Bytes, live: Any) -> Any:
    _require_live(live, "ale_py.ALEInterface")
    try:
        live.restoreState(sys.modules["ale_py"].ALEState(state.tobytes()))
    except (RuntimeError, SystemError) as error:
        raise MismatchedCheckpoint(
            "expected an Atari environment with the game of the run, got another one, which "
            "refuses its state: make it with the same name"
        ) from error
    return live


def _refuse_atari(interface: Any) -> str | None:
    if interface.getFloat("repeat_action_probability") == 0.0:
        return None
    return (
        "an ALE that repeats actions by itself, whose last action is not in the state that it "
        "gives: make it with repeat_action_probability=0.0 and wrap it in "
        "gymnasium.wrappers.StickyAction"
    )


def _save_surface(surface: Any) -> dict[str, Any]:
    return {
        "size": surface.get_size(),
        "flags": surface.get_flags(),
        "depth": surface.get_bitsize(),
        "masks": surface.get_masks(),
        "pixels": _block(surface.get_buffer().raw),
        "key": surface.get_colorkey(),
        "alpha": surface.get_alpha(),
    }


def _put_surface(state: dict[str, Any], live: Any) -> Any:
    form = [state[name] for name in ("size", "flags", "depth", "masks")]
    if (
        live is None
        or [_save_surface(live)[n] for n in ("size", "flags", "depth", "masks")] != form
    ):
        live = sys.modules["pygame"].Surface(*form)
    live.get_buffer().write(state["pixels"].tobytes(), 0)
    live.set_colorkey(state["key"])
    live.set_alpha(state["alpha"])
    return live


def _refuse_surface(surface: Any) -> str | None:
    if surface is sys.modules["pygame"].display.get_surface():
        return "the window of pygame, whose pixels may be part of the game"
    if surface.get_parent() is not None or surface.get_bitsize() == 8:
        return "a part of another surface of pygame, or one with a palette"
    return None


def _save_numbers(value: Any) -> list[Any]:
    return list(value)


def _numbers(module: str, type_name: str) -> Native:
    """Returns the row of a type that is made from the numbers which it yields."""

    def put(state: list[Any], _live: Any) -> Any:
        return getattr(sys.modules[module], type_name)(*state)

    return Native(module=module, type_name=type_name, save=_save_numbers, put=put)


NATIVES: tuple[Native, ...] = (
    Native(module="mujoco", type_name="MjData", save=_save_mujoco, put=_put_mujoco),
    Native(module="mujoco", type_name="MjModel", save=lambda _: True, put=_put_model),
    Native(
        module="ale_py",
        type_name="ALEInterface",
        save=_save_atari,
        put=_put_atari,
        refuse=_refuse_atari,
    ),
    *(_numbers("pygame", name) for name in ("Rect", "FRect", "Vector2", "Vector3", "Color")),
    Native(
        module="pygame",
        type_name="Surface",
        save=_save_surface,
        put=_put_surface,
        refuse=_refuse_surface,
    ),
    Native(module="pygame.time", type_name="Clock"),
    Native(module="pygame.font", type_name="Font"),
    Native(module="logging", type_name=logging.Logger.__name__),
    Native(
        module="Box2D",
        type_name="b2World",
        refuse=lambda _: "a world of Box2D, which shows its contacts and its solver to nobody",
    ),
)
"""One row a type."""
