"""Whether the closed schema holds a value, and its bits where it does."""

from __future__ import annotations

from typing import Any

from ..errors import UnsupportedValue
from .codecs import encode


def unstorable_reason(value: object) -> str | None:
    """Says why the schema does not hold the value, naming the place inside it; None if it does."""
    try:
        encode(value)
    except UnsupportedValue as error:
        return str(error)
    return None


def is_storable(value: object) -> bool:
    """Returns whether the schema holds the value."""
    return unstorable_reason(value) is None


def bits_of(value: object) -> Any:
    """Returns JSON and bytes that are equal exactly for equal values; None if not storable."""
    if not is_storable(value):
        return None
    tree, blocks = encode(value)
    return [tree, {name: bytes(block.data) for name, block in blocks.items()}]
