"""How one framework is put under test: a value that says what it takes and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from .protocol import Subject


@final
@dataclass(frozen=True, kw_only=True)
class Adapter:
    """How one framework, or one kind of object, is put under test.

    Attributes:
        name: of the framework, one word.
        usage: one line for `resumeproof list`: what is taken, and with which options.
        matches: `matches(target)`, whether this adapter takes an object; must not import the
            framework, which may not be installed.
        from_target: `from_target(target, options)` makes the subject.
        option_names: `option_names(target)`, the options that `from_target` takes; None where
            options are not the subject's but the scenario's, each a keyword of what builds the
            run, so that `from_target` gets none.
        readers: module of the framework -> module of yours whose `READERS` (type -> reader)
            read its types once it is imported.
        preload: modules that another process loads in advance, where this one has them.
    """

    name: str
    usage: str
    matches: Callable[[Any], bool]
    from_target: Callable[[Any, Mapping[str, Any]], Subject]
    option_names: Callable[[Any], Iterable[str]] | None = None
    readers: Mapping[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = ()
