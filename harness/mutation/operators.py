"""The table of mutant operators, and how one's own gets into it."""

from __future__ import annotations

from ..core.errors import InvalidOperator
from . import exchange_operators, numeric_operators, object_operators
from .operator import Operator, Scope

_TABLES = (numeric_operators.OPERATORS, object_operators.OPERATORS, exchange_operators.OPERATORS)

OPERATORS: dict[str, Operator] = {
    operator.name: operator for table in _TABLES for operator in table
}
"""Every operator by its name; each is tried wherever it applies."""
_TAKEN = frozenset(OPERATORS)


def register_operator(operator: Operator) -> None:
    """Adds a mutant operator: from then on every campaign tries it, and every matrix shows it.

    Args:
        operator: with a name that none of the harness has.

    Raises:
        InvalidOperator: it is none, or has the name of one of the harness.
    """
    if not isinstance(operator, Operator):
        raise InvalidOperator(
            f"expected register_operator(Operator(name=..., apply=...)), got {operator!r} "
            f"({type(operator).__qualname__}); wrap the function in an Operator"
        )
    if operator.name in _TAKEN:
        raise InvalidOperator(
            f"expected an operator with a name of its own, got name={operator.name!r}, which is "
            f"one of the harness; choose one that is not among: {', '.join(sorted(_TAKEN))}"
        )
    OPERATORS[operator.name] = operator


def of_scope(scope: Scope) -> list[Operator]:
    """Returns the operators that are tried at such places, in the order of the table."""
    return [operator for operator in OPERATORS.values() if operator.scope is scope]
