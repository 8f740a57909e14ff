"""What can be named and put under test: one adapter for every kind of thing, asked in order.

A framework is one file: it makes an `Adapter` and hands it to `register_adapter`. From then on
the command line, stored cases, the plugin and every other part take what it matches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.errors import InvalidSubject
from ..state.readers import read_on_demand
from .adapter import Adapter
from .loop import loop
from .protocol import Subject, is_subject
from .sb3 import adapter as sb3

_LOOP = ("step", "save", "load")


def _is_class_with_methods(target: Any) -> bool:
    return isinstance(target, type) and not absent_methods(target)


def absent_methods(target: type) -> list[str]:
    """Which of step, save and load a class is without."""
    return [name for name in _LOOP if not callable(getattr(target, name, None))]


def _loop_of(target: Any, _options: Mapping[str, Any]) -> Subject:
    made: Subject = loop(make=target, step=target.step, save=target.save, load=target.load)
    return made


_READY = Adapter(
    name="subject",
    usage="a loop or component  -s key=value are keywords of its make= or factory=",
    matches=is_subject,
    from_target=lambda target, _options: target,
)
_CLASS = Adapter(
    name="class",
    usage="a class              with step, save and load: taken as loop(make=CLASS, "
    "step=CLASS.step, ...)",
    matches=_is_class_with_methods,
    from_target=_loop_of,
)
_frameworks: list[Adapter] = [sb3.ADAPTER]


def adapters() -> tuple[Adapter, ...]:
    """All adapters in the order in which they are asked: ready subjects, frameworks, classes."""
    return (_READY, *_frameworks, _CLASS)


def register_adapter(adapter: Adapter) -> None:
    """Puts a framework under test everywhere; one of the same name replaces the earlier.

    Call it in the module that targets are imported from, or in one that this module imports.

    Raises:
        InvalidSubject: it is no `Adapter`.
    """
    if not isinstance(adapter, Adapter):
        raise InvalidSubject(
            f"expected an Adapter, got {adapter!r} ({type(adapter).__name__}): write "
            "register_adapter(Adapter(name=..., usage=..., matches=..., from_target=...))"
        )
    # what is registered last is the most special, and asked first
    _frameworks[:] = [adapter, *(known for known in _frameworks if known.name != adapter.name)]
    for module, readers in adapter.readers.items():
        read_on_demand(module, readers)


def adapter_for(target: Any) -> Adapter | None:
    """The first adapter that takes an object; None if none does."""
    return next((adapter for adapter in adapters() if adapter.matches(target)), None)
