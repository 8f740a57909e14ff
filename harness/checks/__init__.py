"""The checks of a checkpoint, and the catalogue of them, which is the only table there is.

A file holds a check or a family of them, each a function with its `Check` beside it.
Imports `trial` and all below; `causes` stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ..core.errors import InvalidCheck, NotApplicable, UnknownCheck
from ..trial.finding import Finding
from . import cycles, fresh_process, isolation, options, order, resume, saving, states, strictness
from .check import RESUMED, Aspect, Check, Cost

_CATALOGUE: dict[str, Check] = {
    check.name: check
    for check in (
        saving.PURITY,
        saving.SETTLED,
        cycles.ROUNDTRIP,
        cycles.IDEMPOTENCE,
        isolation.ISOLATION,
        order.ORDER,
        options.OVERRIDE,
        options.IN_FORCE,
        resume.RESUME,
        resume.COMPLETENESS,
        strictness.STRICTNESS,
        fresh_process.FRESH_PROCESS,
        states.COMPONENT,
    )
}

CHECKS: Mapping[str, Check] = MappingProxyType(_CATALOGUE)
"""Every check by its name, in the order in which they are run; registered ones come last."""


def register_check(check: Check) -> Check:
    """Adds a check of your own to the catalogue: from then on it is one like all the others.

    Put the call beside the check, in a module that your tests import, or the command line with
    `--import MODULE`.

    Args:
        check: what to add; a second registration of the same function replaces the first.

    Returns:
        The same check.

    Raises:
        InvalidCheck: it is no `Check`, or has the name of another one.
    """
    if not isinstance(check, Check) or not check.name.isidentifier():
        raise InvalidCheck(
            f"expected a Check whose name is an identifier, got {check!r}: write "
            "register_check(Check(name='mine', run=mine, looks_at=Aspect.LOADED))"
        )
    known = CHECKS.get(check.name)
    if known is not None and _origin(known) != _origin(check):
        raise InvalidCheck(
            f"expected a name that no check has, got {check.name!r}, which is that of "
            f"{'.'.join(_origin(known))}: choose another name"
        )
    _CATALOGUE[check.name] = check
    return check


def _origin(check: Check) -> tuple[str, str]:
    # by name: a module that is imported again makes its functions anew
    return check.run.__module__, check.run.__qualname__


def require_checks(names: Iterable[str], where: str = "checks=") -> tuple[str, ...]:
    """Returns the names, if all are those of checks.

    Args:
        names: what was given.
        where: how the message calls the place where it was given.

    Raises:
        UnknownCheck: lists those that are not, and the valid ones.
    """
    listed = (names,) if isinstance(names, str) else tuple(names)
    unknown = [name for name in listed if name not in CHECKS]
    if isinstance(names, str) or unknown:
        raise UnknownCheck(where, unknown or listed, sorted(CHECKS))
    return listed


def aspect_of(name: str) -> Aspect:
    """Returns what a check looks at; nothing for a name that is not, or no longer, a check's."""
    return CHECKS[name].looks_at if name in CHECKS else Aspect(0)


__all__ = [
    "CHECKS",
    "RESUMED",
    "Aspect",
    "Check",
    "Cost",
    "Finding",
    "NotApplicable",
    "aspect_of",
    "register_check",
    "require_checks",
]
