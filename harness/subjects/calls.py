"""How a user's functions want to be called, read from their signatures."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from ..core.errors import InvalidSubject

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def required(function: Callable[..., Any], most: int) -> int:
    """How many positional arguments a function needs, at most `most`.

    One that takes any number (`*args`), or whose signature cannot be read, gets `most`.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some builtins tell no signature
        return most
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return most
    return sum(p.kind in _POSITIONAL and p.default is inspect.Parameter.empty for p in parameters)


def require_arity(
    name: str, function: object, allowed: tuple[int, ...], write: str
) -> Callable[..., Any]:
    """The function itself, if it can be called with one of the allowed numbers of arguments.

    Raises:
        InvalidSubject: not callable, or it needs another number of arguments.
    """
    if not callable(function):
        kind = type(function).__name__
        raise InvalidSubject(f"expected {name}= to be callable, got {function!r} ({kind}): {write}")
    count = required(function, max(allowed))
    if count not in allowed:
        raise InvalidSubject(
            f"expected {name}= to need {' or '.join(map(str, allowed))} positional arguments, "
            f"got {function!r}, which needs {count}: {write}"
        )
    return function


def require_keywords(
    names: Iterable[str], make: Callable[..., Any], load: Callable[..., Any]
) -> None:
    """A value that is passed at a load can be built with, and reaches the load.

    Raises:
        InvalidSubject: `make` has no such keyword, or `load(source)`, which builds, has none.
    """
    for name in names:
        lacking = [("make", make)] if not takes_keyword(make, name) else []
        if required(load, 2) == 1 and not takes_keyword(load, name):
            lacking.append(("load", load))
        for argument, function in lacking:
            raise InvalidSubject(
                f"expected {argument}= to take the keyword {name!r} of overrides=, got "
                f"{function!r}, which has none: add it, or leave {name!r} out of overrides="
            )


def takes_keyword(function: Callable[..., Any], name: str) -> bool:
    """Whether a function can be called with such a keyword."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    named = parameters.get(name)
    if named is not None and named.kind is not inspect.Parameter.POSITIONAL_ONLY:
        return True
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def takes_seed(make: Callable[..., Any]) -> bool:
    """Whether the seed is to be passed: an argument is called so, or exactly one is needed."""
    try:
        parameters = inspect.signature(make).parameters
    except (TypeError, ValueError):
        return False
    return "seed" in parameters or required(make, 0) == 1


def built(make: Callable[..., Any], seed: int, options: dict[str, Any]) -> Any:
    """What `make` returns for a seed and the scenario's options.

    Raises:
        InvalidSubject: it returned None.
    """
    if not takes_seed(make):
        live = make(**options)
    elif "seed" in inspect.signature(make).parameters:
        live = make(**{"seed": seed, **options})
    else:
        live = make(seed, **options)
    if live is None:
        raise InvalidSubject(f"expected a run, got None from make={make!r}: end it with a `return`")
    return live
